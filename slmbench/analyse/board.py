"""Turn the records of many runs into one leaderboard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from slmbench.analyse.board_columns import Reading, find_columns, read_column
from slmbench.analyse.board_draws import Drawer, Drawn
from slmbench.analyse.board_entries import (
    Entry,
    choose_entries,
    hardware_label,
    host_key,
    origin_of,
)
from slmbench.analyse.board_items import MOST_SAMPLES, SamplesOf, sample_count
from slmbench.analyse.board_join import apart_notes, join_entries
from slmbench.analyse.board_marks import host_bound, limit_of, mark_column, rank_cells
from slmbench.analyse.board_mean import MeanColumn, accuracy_mean
from slmbench.analyse.board_notes import board_notes
from slmbench.analyse.board_ranks import with_ranks
from slmbench.analyse.board_tradeoff import tradeoffs
from slmbench.schema.base import Absent, Measured
from slmbench.schema.board import Board, Cell, Column, FailedJob, Mark, Row, Setting
from slmbench.schema.record import JobRecord, RunRecord
from slmbench.units import format_value


@dataclass(frozen=True)
class Assembled:
    """A board with what its cells were read from, in the order of its columns and rows.

    Attributes:
        readings: for each column one reading of each row; a derived column has none.
        parts: the places of the columns that the mean accuracy averages.
    """

    board: Board
    readings: tuple[tuple[Reading, ...], ...]
    parts: tuple[int, ...]

    def draws(self, at: int, drawer: Drawer) -> Drawn:
        """Return every row's value of a column drawn again; see `Drawer`."""
        column = self.board.columns[at]
        if not column.derived:
            return drawer.column(column, self.readings[at])
        if drawer.samples is not None:
            parts = [self.board.columns[part] for part in self.parts]
            pairs = zip(parts, (self.readings[part] for part in self.parts), strict=True)
            return drawer.mean([drawer.column(*pair) for pair in pairs])
        return drawer.intervals(column, [row.cells[at].value for row in self.board.rows])


def board(
    records: Sequence[RunRecord],
    title: str = "Model leaderboard",
    *,
    join: bool = False,
    samples: SamplesOf | None = None,
) -> Board:
    """Return the leaderboard of the newest runs; the order of the records does not matter.

    Args:
        records: the runs.
        title: of the page.
        join: put a model's runs from all origins into one row for each machine; otherwise each
            origin has a row of its own.
        samples: where the samples of a run's job are read, for ranks and the probabilities of the
            front; None takes both from the intervals.
    """
    made = assemble(records, title, join)
    hosts = [_hosts(*pair) for pair in zip(made.board.columns, made.readings, strict=True)]
    if samples is not None:
        ranked = with_ranks(made.board, made.readings, made.parts, hosts, samples)
        made = replace(made, board=ranked)
    at = next((i for i, column in enumerate(made.board.columns) if column.derived), None)
    if at is None:
        return made.board
    few = 0 < sample_count([(made.readings[part], 1.0) for part in made.parts]) <= MOST_SAMPLES
    drawer = Drawer(samples if few else None)

    @cache
    def draw(index: int) -> Drawn:
        # A resource is drawn once, for its own picture, and the capability for all of them.
        return made.draws(index, drawer)

    columns, rows = made.board.columns, made.board.rows
    pictures = tradeoffs(columns, rows, columns[at], hosts, draw)
    return made.board.model_copy(update={"pictures": pictures})


def assemble(
    records: Sequence[RunRecord], title: str = "Model leaderboard", join: bool = False
) -> Assembled:
    """Return the board without its pictures, and where each of its cells comes from."""
    entries = join_entries(records) if join else choose_entries(records)
    columns = find_columns(entries)
    readings = [read_column(entries, column) for column in columns]
    pairs = zip(columns, readings, strict=True)
    rows = [list(row) for row in zip(*(_cells(*pair) for pair in pairs), strict=True)]
    rows = rows or [[] for _ in entries]
    notes = board_notes(entries, columns, readings, join) + (apart_notes(entries) if join else [])

    mean = accuracy_mean(columns, rows)
    parts: tuple[int, ...] = ()
    if isinstance(mean, MeanColumn):
        at = next(i for i, column in enumerate(columns) if column.suite == "accuracy")
        columns.insert(at, mean.column)
        readings.insert(at, ())
        parts = tuple(part + (part >= at) for part in mean.parts)
        for row, cell in zip(
            rows, rank_cells(mean.column, mean.cells, [""] * len(rows)), strict=True
        ):
            row.insert(at, cell)
    elif entries:
        notes.append(mean)

    order = _best_first(entries, rows, columns)
    ordered = [entries[index] for index in order]
    made = Board(
        title=title,
        created=max((entry.record.created for entry in entries), default=None),
        columns=tuple(c.model_copy(update={"per_host": host_bound(c)}) for c in columns),
        rows=tuple(_row(number, entries[at], rows[at]) for number, at in enumerate(order)),
        failed_jobs=_failed_jobs(ordered),
        settings=_settings(ordered),
        notes=tuple(notes),
    )
    in_order = tuple(tuple(column[i] for i in order) if column else () for column in readings)
    return Assembled(made, in_order, parts)


def _cells(column: Column, readings: Sequence[Reading]) -> list[Cell]:
    """Return the column's cell of every row, marked and ranked."""
    limits = [limit_of(reading) for reading in readings]
    marked = mark_column(column, readings, limits)
    cells = [_cell(column, *each) for each in zip(readings, marked, limits, strict=True)]
    return rank_cells(column, cells, _hosts(column, readings))


def _hosts(column: Column, readings: Sequence[Reading]) -> list[str]:
    """Return the machine of each number, where a column's numbers belong to one."""
    if not host_bound(column):
        return [""] * len(readings)
    return [host_key(reading.record) if reading.record else "" for reading in readings]


def _cell(column: Column, reading: Reading, marks: tuple[Mark, ...], asked: int | None) -> Cell:
    notes = _cell_notes(column, reading, asked)
    origin = origin_of(reading.record) if reading.record is not None else ""
    if not (marks or notes or origin or reading.failed):
        return Cell(value=reading.value)
    return Cell(value=reading.value, marks=marks, failed=reading.failed, notes=notes, origin=origin)


def _cell_notes(column: Column, reading: Reading, asked: int | None) -> tuple[str, ...]:
    job = reading.job
    if job is None:
        return ()
    if asked is None and not job.notes and not reading.others:
        return ()
    limit = () if asked is None else (f"limited to {asked} items",)
    others = tuple(
        f"{origin_of(other.record) or 'another run'} has {_shown(other.value, column.unit)}"
        for other in reading.others
        if other.record is not None
    )
    return (*limit, *job.notes, *others)


def _shown(value: Measured | Absent, unit: str) -> str:
    return format_value(value.value, unit) if isinstance(value, Measured) else value.reason


def _best_first(
    entries: Sequence[Entry], rows: Sequence[Sequence[Cell]], columns: Sequence[Column]
) -> list[int]:
    """Order the rows by mean accuracy, those without one last, equals by label."""
    at = next((index for index, column in enumerate(columns) if column.derived), None)

    def key(index: int) -> tuple[bool, float, str]:
        value = rows[index][at].value if at is not None else Absent(reason="no mean")
        if isinstance(value, Measured):
            return (False, -value.value, entries[index].label)
        return (True, 0.0, entries[index].label)

    return sorted(range(len(entries)), key=key)


def _row(number: int, entry: Entry, cells: Sequence[Cell]) -> Row:
    record = entry.record
    spec = record.spec
    asked = [f"{spec.num_fewshot}-shot"] if spec.num_fewshot is not None else []
    asked += ["chat template"] if spec.apply_chat_template else []
    quantization = record.model.fingerprint.quantization
    return Row(
        row_id=f"r{number}",
        label=entry.label,
        model=record.model.name,
        run_id=record.run_id,
        created=record.created,
        status=record.status,
        architecture=record.model.architecture,
        parameter_count=record.model.parameter_count,
        dtype=record.model.dtype,
        quantization=quantization if quantization not in ("", "none") else None,
        device=record.model.device,
        hardware=hardware_label(record),
        host=entry.host,
        asked=tuple(asked),
        cells=tuple(cells),
        origins=_origins(entry),
    )


def _failed_jobs(entries: Sequence[Entry]) -> tuple[FailedJob, ...]:
    return tuple(
        FailedJob(
            row_label=entry.label,
            run_id=entry.record.run_id,
            suite=job.suite,
            task=job.task,
            status="failed" if job.status == "failed" else "not finished",
            reason=job.reason or _default_reason(job),
        )
        for entry in entries
        for job in entry.record.jobs
        if job.status != "done"
    )


def _default_reason(job: JobRecord) -> str:
    if job.status == "failed":
        return "no reason was recorded"
    return "the run stopped before this job was done"


def _settings(entries: Sequence[Entry]) -> tuple[Setting, ...]:
    """Return each different environment once, with the rows measured in it."""
    groups: dict[tuple[str, str], dict[str, RunRecord]] = {}
    for entry in entries:
        for record in (look.record for look in entry.looks):
            environment = record.environment
            key = (environment.hardware_hash, environment.software_hash)
            groups.setdefault(key, {}).setdefault(entry.label, record)
    return tuple(
        Setting(
            hardware=next(iter(group.values())).environment.hardware,
            software=next(iter(group.values())).environment.software,
            row_labels=tuple(group),
        )
        for group in groups.values()
    )


def _origins(entry: Entry) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(origin_of(look.record) for look in entry.looks))
    return () if found == ("",) else tuple(origin or "slmbench" for origin in found)
