"""The words of a board's legend: what each badge and each kind of point means, said once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slmbench.schema.base import Measured
from slmbench.schema.board import Board, Mark, MarkKind, Point

#: Kind of a mark -> (its badge, what it is in few words, what it means); a badge with an ellipsis
#: differs from cell to cell.
MARK_WORDS: Mapping[MarkKind, tuple[str, str, str]] = {
    "estimated": ("est.", "estimated", "estimated by a model of the hardware, not measured"),
    "published": ("pub.", "from a publication", "taken from a publication, not measured here"),
    "imported": ("imp.", "by another tool", "measured by another tool, whose file was read"),
    "protocol": (
        "…-shot", "other prompts", "another number of examples in the prompt than its neighbours",
    ),
    "fallback": (
        "fallback", "weaker scorer", "scored by a weaker stand-in, as the usual scorer was missing",
    ),
    "judge": (
        "judge ?", "judge in doubt",
        "rated by a judge whose replies move with the order of what it is shown, differ from draw "
        "to draw, or often can't be read",
    ),
    "partial": ("partial", "samples lost", "some samples failed or could not be scored"),
    "provenance": ("a source", "known in another way", "known in another way than its neighbours"),
    "version": ("v. …", "other task version", "another version of the task than its neighbours"),
    "limit": ("… items", "other items", "another number of items than its neighbours"),
}  # fmt: skip
#: The badge of a cell or a row whose job did not end well.
FAILED_WORDS = ("failed", "no number", "the job ended without a number")
#: Marks that a point always shows; another shows where it isn't that of most points.
_ALWAYS = frozenset({"estimated", "published", "imported", "fallback"})


@dataclass(frozen=True)
class BadgeWords:
    """One kind of badge: how it looks, and what it means in few words and in a sentence."""

    kind: str
    badge: str
    short: str
    meaning: str


def badge_legend(board: Board) -> tuple[BadgeWords, ...]:
    """Return each kind of badge that is on the board, once."""
    used = {mark.kind for row in board.rows for cell in row.cells for mark in cell.marks}
    legend = [BadgeWords(kind, *words) for kind, words in MARK_WORDS.items() if kind in used]
    failed = any(row.status == "failed" for row in board.rows)
    if failed or any(cell.failed for row in board.rows for cell in row.cells):
        legend.append(BadgeWords("failed", *FAILED_WORDS))
    return tuple(legend)


def count_words(value: Measured) -> str:
    """Return how many observations a value rests on; a count that isn't told is no zero."""
    return f"n = {value.n}" if value.n > 0 else "n not told"


def marked_points(points: Sequence[Point]) -> tuple[tuple[Mark, ...], ...]:
    """Return the marks for which each point is drawn as one that can't be read like the others."""
    counts = Counter(mark.badge for point in points for mark in point.marks)
    most = {badge for badge, count in counts.items() if 2 * count > len(points)}
    return tuple(
        tuple(mark for mark in point.marks if mark.kind in _ALWAYS or mark.badge not in most)
        for point in points
    )


def marked_words(points: Sequence[Point]) -> str:
    """Return what the dashed points have, or nothing where there are none."""
    kinds = {mark.kind for marks in marked_points(points) for mark in marks}
    words = [meaning for kind, (_, _, meaning) in MARK_WORDS.items() if kind in kinds]
    return f"With a mark: {'; '.join(words)}" if words else ""


def is_sure(point: Point) -> bool:
    """Tell whether a point on the front is shown to be there; a tie is never drawn as a win."""
    share = point.front_probability
    return share is not None and share >= 0.95
