"""What is rated, and what a rating is; every method of the judge goes from one to the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from slmbench.schema.base import Absent
from slmbench.suites.judge.reply import Reply
from slmbench.suites.judge.task import JudgeRow


@dataclass(frozen=True)
class Subject:
    """An item and the text to rate; ``others`` are further continuations of the same prompt."""

    row: JudgeRow
    output: str
    others: tuple[str, ...] = ()


@dataclass
class Rating:
    """What a method makes of one text.

    Attributes:
        scores: metric -> score, or why there is none.
        replies: the judge's answers that it rests on.
        said: what the judge wrote, where it writes.
        agreement: probability that the judge says the same again, where replies don't tell.
        order_effect: how far the rating moves with the order of what is shown, likewise.
    """

    scores: dict[str, float | Absent] = field(default_factory=dict)
    replies: Sequence[Reply | Absent] = ()
    said: tuple[str, ...] = ()
    agreement: float | Absent | None = None
    order_effect: float | Absent | None = None


def first_absent(replies: Sequence[Reply | Absent]) -> Absent | None:
    """Return the first reply that is none: a score over the others would be another quantity."""
    return next((reply for reply in replies if isinstance(reply, Absent)), None)
