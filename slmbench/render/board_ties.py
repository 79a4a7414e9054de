"""How a cell's place in its column is shown: the best of several that are tied is tied too."""

from __future__ import annotations

from collections.abc import Sequence

from slmbench.schema.board import Board, Cell, Column, Row

#: What the page calls a cell's rank; ``tied highest`` has the best value, and others tie with it.
RANK_WORDS = {
    "best": "best of this column",
    "tied": "tied with the best: the intervals overlap",
    "tied highest": "the best value, but tied: the intervals of others overlap with it",
}


def shown_ranks(board: Board) -> list[tuple[str, ...]]:
    """Return a word for each cell of each row: ``""`` or one of ``RANK_WORDS``."""
    columns = [
        column_ranks(column, board.rows, [row.cells[index] for row in board.rows])
        for index, column in enumerate(board.columns)
    ]
    return [tuple(ranks[at] for ranks in columns) for at in range(len(board.rows))]


def column_ranks(column: Column, rows: Sequence[Row], cells: Sequence[Cell]) -> list[str]:
    """Return the words of one column: two of a group that are best or tied are all tied."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for at, cell in enumerate(cells):
        if cell.rank is not None:
            host = rows[at].host if column.per_host else ""
            badges = (mark.badge for mark in cell.marks if mark.kind != "partial")
            groups.setdefault((host, cell.origin, *badges), []).append(at)
    words: list[str] = [cell.rank or "" for cell in cells]
    for group in groups.values():
        if len(group) > 1:
            for at in group:
                words[at] = "tied highest" if words[at] == "best" else "tied"
    return words
