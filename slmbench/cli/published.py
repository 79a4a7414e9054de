"""``slmbench published``: the boards of published figures, rebuilt from their sheets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from slmbench.analyse.board import board
from slmbench.analyse.board_axes import column_id, with_axes
from slmbench.cli.output import stdout
from slmbench.interchange.published_board import board_names, board_records, load_board
from slmbench.render.leaderboard import render_leaderboard
from slmbench.render.published_index import BoardLink, render_index
from slmbench.store.pages import save_page


def command(
    names: Annotated[
        list[str] | None, typer.Argument(help="Boards, by name; all of them where none is given.")
    ] = None,
    output: Annotated[
        str, typer.Option("-o", "--output", help="Folder; each board gets one in it.")
    ] = "published",
    listed: Annotated[bool, typer.Option("--list", help="Print the boards and stop.")] = False,
) -> None:
    """Build the pages of figures that others published, each cited.

    The same sheets give the same bytes. Nothing is downloaded. Sheets of your own are imported as
    any other file: slmbench import SHEET.yaml --store DIR.

    Examples:

      slmbench published -o published

      slmbench published pythia energy_latency -o pages
    """
    known = board_names()
    if listed:
        for name in known:
            stdout.print(f"{name}: {load_board(name).title}", markup=False, soft_wrap=True)
        return
    links = [_build(name, Path(output)) for name in names or known]
    if not names:
        page = save_page(Path(output) / "index.html", render_index(links))
        stdout.print(f"All of them: {page}", markup=False, soft_wrap=True)


def _build(name: str, folder: Path) -> BoardLink:
    """Write one board's page and return what leads to it."""
    source = load_board(name)
    records = board_records(source)
    shown = board(records, title=source.title, join=source.join)
    # Weights that are chosen, and none of them: no score, and so no recommendation.
    view = [] if source.recommend else [("weights", "chosen")]
    if source.axes is not None:
        shown = with_axes(shown, source.axes.capability, source.axes.resource)
        view.append(("x", column_id(shown, source.axes.resource)))
        view.append(("y", column_id(shown, source.axes.capability)))
    notes = tuple(text for text in (source.about, source.rule) if text)
    shown = shown.model_copy(update={"notes": (*notes, *shown.notes)})
    page = save_page(folder / name / "index.html", render_leaderboard(shown))
    stdout.print(f"{name}: {page}", markup=False, soft_wrap=True)
    cited = [record.origin.citation or "" for record in records if record.origin is not None]
    return BoardLink(
        name=name,
        title=source.title,
        about=source.about,
        rule=source.rule,
        row_count=len(shown.rows),
        view=tuple(view),
        citations=tuple(filter(None, dict.fromkeys(cited))),
    )
