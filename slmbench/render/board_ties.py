"""How a cell's place in its column is shown: the best of several that are tied is tied too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slmbench.schema.base import Measured
from slmbench.schema.board import Board, Cell, Column, Row

#: What the page calls a cell's rank; ``tied highest`` has the best value, and others tie with it.
RANK_WORDS = {
    "best": "best of this column",
    "tied": "tied with the best: the intervals overlap",
    "tied highest": "the best value, but tied: the intervals of others overlap with it",
}
#: The same where ranks come from differences on the same items, and not from overlap.
PAIRED_WORDS = {
    "best": "best of this column: better than each other one, paired by item",
    "tied": "tied with the best: none is shown to be better, paired by item",
    "tied highest": "the best value, but tied: it isn't shown to be better, paired by item",
}


@dataclass(frozen=True)
class Place:
    """A cell's place in its column.

    Attributes:
        word: ``""`` or one of ``RANK_WORDS``.
        ranks: the lowest and highest plausible rank, paired by item; None where a rank could rest
            on the overlap of intervals alone.
        among: how many cells ``ranks`` are counted among.
    """

    word: str
    ranks: tuple[int, int] | None = None
    among: int = 0

    @property
    def meaning(self) -> str:
        """Return the word in a sentence, or nothing."""
        return (RANK_WORDS if self.ranks is None else PAIRED_WORDS).get(self.word, "")

    @property
    def told(self) -> str:
        """Return the ranks in words, or nothing."""
        if self.ranks is None:
            return ""
        low, high = self.ranks
        return f"rank {low if low == high else f'{low} – {high}'} of {self.among}, paired by item"


#: A cell that is neither best nor tied, and has no rank.
NOWHERE = Place("")


def shown_places(board: Board) -> list[tuple[Place, ...]]:
    """Return the place of each cell of each row."""
    columns = [
        column_places(column, board.rows, [row.cells[index] for row in board.rows])
        for index, column in enumerate(board.columns)
    ]
    return [tuple(places[at] for places in columns) for at in range(len(board.rows))]


def column_places(column: Column, rows: Sequence[Row], cells: Sequence[Cell]) -> list[Place]:
    """Return the places of one column: two of a group that are best or tied are all tied."""
    places = [NOWHERE] * len(cells)
    for group in _groups(column, rows, cells):
        paired = len(group) > 1 and all(cells[at].ranks is not None for at in group)
        tied = sum(cells[at].rank is not None for at in group) > 1
        for at in group:
            word: str = cells[at].rank or ""
            if word and tied:
                word = "tied highest" if word == "best" else "tied"
            ranks = cells[at].ranks if paired else None
            places[at] = Place(word, ranks, len(group) if paired else 0)
    return places


def _groups(column: Column, rows: Sequence[Row], cells: Sequence[Cell]) -> list[list[int]]:
    """Return the cells that may be held against each other: known in one way, on one machine."""
    groups: dict[tuple[str, ...], list[int]] = {}
    # Without a paired rank only those count that are best or tied: few of many models.
    paired = any(cell.ranks is not None for cell in cells)
    for at, cell in enumerate(cells):
        if isinstance(cell.value, Measured) if paired else cell.rank is not None:
            host = rows[at].host if column.per_host else ""
            badges = (mark.badge for mark in cell.marks if mark.sets_apart)
            groups.setdefault((host, cell.origin, *badges), []).append(at)
    return list(groups.values())
