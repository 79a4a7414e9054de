"""``slmbench leaderboard``: the page that trades capability against resources."""

from __future__ import annotations

from typing import Annotated

import typer

from slmbench import pipeline
from slmbench.cli.output import stdout


def command(
    stores: Annotated[list[str], typer.Argument(help="Stores, or run folders.")],
    output: Annotated[str, typer.Option("-o", "--output", help="Folder of the page.")] = (
        "leaderboard"
    ),
    title: Annotated[str, typer.Option(help="Heading of the page.")] = "Model leaderboard",
) -> None:
    """Write one self-contained HTML page: a sortable table and a trade-off picture."""
    page = pipeline.rank(stores, output, title)
    stdout.print(f"Leaderboard: {page}", markup=False, soft_wrap=True)
