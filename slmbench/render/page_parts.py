"""What the pages of reports are put together from: pictures and tables, all words made."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True)
class Picture:
    """A drawing with its title, a sentence below it, and the names of its two colours."""

    title: str
    drawing: Markup
    note: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Cell:
    """One cell of a table: its text, the small text below it, and a class for its colour."""

    text: str
    under: str = ""
    kind: str = ""


@dataclass(frozen=True)
class TableView:
    """A table: its heading, a sentence, the names of its columns, and rows that begin with one."""

    title: str
    note: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
