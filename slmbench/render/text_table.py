"""A plain table as text: aligned for a terminal, or with bars for Markdown."""

from __future__ import annotations

from collections.abc import Sequence


class Row(tuple[str, ...]):
    """The cells of one row, written as ``Row("a", "b")``."""

    __slots__ = ()

    def __new__(cls, *cells: str) -> Row:
        """Make a row of cells."""
        return super().__new__(cls, cells)


def one_line(text: str) -> str:
    """Return text without line breaks, so that it can't leave its cell or its list item."""
    return " ".join(text.split())


def markdown_table(head: Row, rows: Sequence[Row]) -> str:
    """Return a Markdown table; a bar or a tag inside a cell stays text."""
    lines = [head, Row(*("---" for _ in head)), *(Row(*map(_escaped, row)) for row in rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)


def aligned_table(head: Row, rows: Sequence[Row], right: Sequence[int] = ()) -> str:
    """Return columns padded with spaces; those numbered in ``right`` end at the same place."""
    lines = [head, *(Row(*map(one_line, row)) for row in rows)]
    widths = [max(len(row[i]) for row in lines) for i in range(len(head))]
    padded = (
        "  ".join(
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in lines
    )
    return "\n".join(padded)


def _escaped(cell: str) -> str:
    return one_line(cell).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
