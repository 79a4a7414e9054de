"""Render a board as one self-contained HTML page that opens from disk and asks no network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from slmbench.render.board_payload import payload_json
from slmbench.render.board_text import finalized
from slmbench.render.board_view import page_view
from slmbench.resources import leaderboards_dir
from slmbench.schema.board import Board, DevicePreset

#: The page's program, in the order in which its parts need each other.
_SCRIPTS = (
    "data", "format", "front", "elements", "score", "state", "choose", "table", "heat", "keys",
    "scale", "labels", "picture", "picture_words", "controls", "downloads", "advice", "main",
)  # fmt: skip
_STYLES = ("table", "controls", "picture", "small", "print")


@dataclass(frozen=True)
class Inline:
    """A script or a style that stands in the page, and the hash its policy knows it by."""

    text: Markup
    hash: Markup


def render_leaderboard(board: Board, devices: Sequence[DevicePreset] = ()) -> str:
    """Return the page; the same board gives the same bytes.

    Args:
        board: what is shown.
        devices: whose memory is offered as a budget.
    """
    page: str = _template().render(
        page=page_view(board), data=payload_json(board, devices), style=_style(), script=_script()
    )
    return page


@cache
def _template() -> Any:
    """Load the page with escaping always on: names in records are untrusted."""
    environment = Environment(
        loader=FileSystemLoader(leaderboards_dir()),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=finalized,
    )
    return environment.get_template("leaderboard.html.j2")


@cache
def _script() -> Inline:
    parts = [_part(f"board/{name}.js") for name in _SCRIPTS]
    return _inline('(() => {\n"use strict";\n' + "\n".join(parts) + "})();\n")


@cache
def _style() -> Inline:
    dark = _part("board/dark.css")
    names = (
        f"@media (prefers-color-scheme: dark) {{\n:root:not([data-theme=light]) {{\n{dark}}}\n}}\n"
        f":root[data-theme=dark] {{\n{dark}}}\n"
    )
    parts = [_part(f"board/{name}.css") for name in _STYLES]
    return _inline(_part("leaderboard.css") + names + "".join(parts))


def _part(name: str) -> str:
    return (leaderboards_dir() / name).read_text("utf-8")


def _inline(text: str) -> Inline:
    """Hash a text of our own for the content security policy: no other script can run."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return Inline(Markup(text), Markup(f"'sha256-{digest}'"))
