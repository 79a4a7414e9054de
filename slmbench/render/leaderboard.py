"""Render a board as one self-contained HTML page that opens from disk and asks no network."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from slmbench.render.board_view import page_view
from slmbench.resources import leaderboards_dir
from slmbench.schema.board import Board


def render_leaderboard(board: Board) -> str:
    """Return the page; the same board gives the same bytes."""
    return _environment().get_template("leaderboard.html.j2").render(page=page_view(board))


@cache
def _environment() -> Environment:
    """Load templates with escaping always on: names in records are untrusted."""
    return Environment(
        loader=FileSystemLoader(leaderboards_dir()),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
