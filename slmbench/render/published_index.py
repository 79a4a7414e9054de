"""Render the page that leads to the boards of published figures."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from slmbench.render.board_text import finalized
from slmbench.resources import leaderboards_dir


@dataclass(frozen=True)
class BoardLink:
    """One board.

    Attributes:
        name: its folder beside the page.
        view: the page's own words for a view: ``x`` and ``y`` are column ids.
        citations: where its figures were published.
    """

    name: str
    title: str
    about: str
    rule: str
    row_count: int
    view: tuple[tuple[str, str], ...]
    citations: tuple[str, ...]

    @property
    def address(self) -> str:
        """Return the link to the page, with the board's own picture."""
        return f"{self.name}/index.html" + (f"#{urlencode(self.view)}" if self.view else "")


def render_index(links: Sequence[BoardLink]) -> str:
    """Return the page; the same boards give the same bytes, and it asks no network."""
    environment = Environment(
        loader=FileSystemLoader(leaderboards_dir()),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=finalized,
    )
    style = "".join(
        (leaderboards_dir() / name).read_text("utf-8")
        for name in ("leaderboard.css", "published/index.css")
    )
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return environment.get_template("published/index.html.j2").render(
        links=links, style=Markup(style), digest=Markup(f"'sha256-{digest}'")
    )
