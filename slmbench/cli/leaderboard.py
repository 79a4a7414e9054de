"""``slmbench leaderboard``: the page that trades capability against resources."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from slmbench.analyse.board_join import NOT_JOINED
from slmbench.analyse.board_runs import board_of_stores, device_presets
from slmbench.cli.output import stderr, stdout
from slmbench.render.leaderboard import render_leaderboard
from slmbench.schema.board import Board
from slmbench.store.collection import no_collection
from slmbench.store.pages import save_bytes, save_page


def command(
    stores: Annotated[list[str], typer.Argument(help="Stores, or run folders.")],
    output: Annotated[str, typer.Option("-o", "--output", help="Folder of the page.")] = (
        "leaderboard"
    ),
    title: Annotated[str, typer.Option(help="Heading of the page.")] = "Model leaderboard",
    pictures: Annotated[
        bool, typer.Option("--pictures", help="Also write front.svg and front.png.")
    ] = False,
    device_profile: Annotated[
        list[str] | None, typer.Option(help="A further device (YAML); may come again.")
    ] = None,
    join: Annotated[
        bool, typer.Option(help="Take a model's numbers from all its runs; else from its newest.")
    ] = True,
) -> None:
    """Write one self-contained HTML page: table, trade-off picture, budgets, a recommendation.

    A row takes what its newest run lacks from older and imported runs of the same model, unless
    --no-join; the page marks each number's origin. Runs whose weights, quantization or machine
    differ, and those that one source lists beside each other, stay apart, and the page says why.

    Examples:

      slmbench leaderboard runs -o leaderboard

      slmbench leaderboard runs other-runs -o leaderboard --pictures

      slmbench leaderboard runs imported --no-join
    """
    devices = device_presets(device_profile or [])
    with no_collection():
        shown = board_of_stores(stores, title, join=join)
        text = render_leaderboard(shown, devices)
    page = save_page(Path(output) / "index.html", text)
    stdout.print(f"Leaderboard: {page}", markup=False, soft_wrap=True)
    if join:
        _tell_apart(shown)
    if pictures:
        _save_pictures(shown, Path(output))


def _tell_apart(shown: Board) -> None:
    """Say what a joined board put into one row, and what it could not."""
    lines = [note for note in shown.notes if note.startswith(NOT_JOINED)]
    mixed = sum(len(row.origins) > 1 for row in shown.rows)
    if mixed:
        lines.insert(
            0, f"Joined: {mixed} of {len(shown.rows)} rows hold numbers of several sources."
        )
    for line in lines:
        stderr.print(line, markup=False, soft_wrap=True)


def _save_pictures(shown: Board, folder: Path) -> None:
    """Write the first trade-off as ``front.svg`` and ``front.png``."""
    from slmbench.render.board_static import draw_front

    if not shown.pictures:
        text = "No picture: it needs an accuracy and a resource of the same model."
        stderr.print(text, markup=False, soft_wrap=True)
        return
    for form in ("svg", "png"):
        path = save_bytes(folder / f"front.{form}", draw_front(shown.pictures[0], form))
        stdout.print(f"Picture: {path}", markup=False, soft_wrap=True)
