"""``slmbench leaderboard``: the page that trades capability against resources."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from slmbench.analyse.board import board
from slmbench.cli.output import stderr, stdout
from slmbench.render.leaderboard import render_leaderboard
from slmbench.schema.board import Board, DevicePreset
from slmbench.store.pages import save_bytes, save_page
from slmbench.store.reader import list_runs
from slmbench.suites.memory.devices import load_devices


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
) -> None:
    """Write one self-contained HTML page: table, trade-off picture, budgets, a recommendation.

    Examples:

      slmbench leaderboard runs -o leaderboard

      slmbench leaderboard runs other-runs -o leaderboard --pictures
    """
    devices = [
        DevicePreset.model_validate(profile.model_dump())
        for profile in load_devices(device_profile or []).values()
    ]
    shown = board([run.record for store in stores for run in list_runs(store)], title)
    page = save_page(Path(output) / "index.html", render_leaderboard(shown, devices))
    stdout.print(f"Leaderboard: {page}", markup=False, soft_wrap=True)
    if pictures:
        _save_pictures(shown, Path(output))


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
