"""Read a board of published figures: which sheets it shows, and what its picture holds up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from slmbench.errors import InputError, did_you_mean
from slmbench.interchange import published_sheet
from slmbench.interchange.importing import ImportedRun, ImportFile
from slmbench.resources import leaderboards_dir
from slmbench.schema.base import Frozen
from slmbench.schema.record import RunRecord
from slmbench.schema.strict import parse, read_yaml


class Axes(Frozen):
    """Full names of the two metrics that the board's picture shows first."""

    capability: str
    resource: str


class PublishedBoard(Frozen):
    """A board's file.

    Attributes:
        title: the page's heading.
        about: one sentence: what the board answers.
        rule: by which rule the models were chosen, where not all of the source are there.
        sheets: files of the folder ``figures``, in the order in which they are read.
        axes: what the picture shows first.
        join: put the runs of one model from several sheets into one row.
        least_sources: show only models that so many sheets have.
        gpu: of rows that tell their GPU, show only those that tell this one.
        recommend: False where no column of the board is a reason to take a model; the index's
            link then opens the page without a score.
    """

    title: str
    about: str
    rule: str = ""
    sheets: tuple[str, ...] = Field(min_length=1)
    axes: Axes | None = None
    join: bool = False
    least_sources: int = Field(default=1, ge=1)
    gpu: str | None = None
    recommend: bool = True


def published_dir() -> Path:
    """Return the folder of boards of published figures."""
    return leaderboards_dir() / "published"


def board_names() -> list[str]:
    """Return the names of the shipped boards, in order."""
    return sorted(path.stem for path in (published_dir() / "boards").glob("*.yaml"))


def load_board(name: str) -> PublishedBoard:
    """Return a shipped board's file.

    Raises:
        InputError: there is no such board, or its file is wrong.
    """
    known = board_names()
    if name not in known:
        near = did_you_mean(name, known)
        raise InputError(f"No board '{name}'.{near} Known: {', '.join(known)}.")
    path = published_dir() / "boards" / f"{name}.yaml"
    return parse(PublishedBoard, read_yaml(path), f"'{path.name}'")


def board_records(board: PublishedBoard) -> list[RunRecord]:
    """Return the runs that a board shows, sheet by sheet.

    Raises:
        InputError: a sheet is missing or wrong.
    """
    sheets = [[run for run in _runs(name) if _is_wanted(run, board)] for name in board.sheets]
    counts: dict[str, int] = {}
    for runs in sheets:
        for model in {_key(run) for run in runs}:
            counts[model] = counts.get(model, 0) + 1
    return [
        run.record for runs in sheets for run in runs if counts[_key(run)] >= board.least_sources
    ]


def _runs(name: str) -> Sequence[ImportedRun]:
    return published_sheet.read(ImportFile(published_dir() / "figures" / name))


def _is_wanted(run: ImportedRun, board: PublishedBoard) -> bool:
    gpu = run.record.environment.hardware.get("gpu")
    return board.gpu is None or gpu is None or gpu == board.gpu


def _key(run: ImportedRun) -> str:
    return run.record.model.name.casefold()
