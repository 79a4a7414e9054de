"""Two texts side by side, in both orders: how often the judge prefers the one under test."""

from __future__ import annotations

import math
from collections.abc import Sequence

from slmbench.schema.base import Absent
from slmbench.suites.judge.asker import Asker, Chances
from slmbench.suites.judge.reply import Drawn, merged
from slmbench.suites.judge.subject import Rating, Subject
from slmbench.suites.judge.task import JudgeTask
from slmbench.suites.prompts import Prompts

_OPTIONS = ("A", "B")
_NO_RIVAL = Absent(reason="the item has no reference to compare with")


def rate(
    task: JudgeTask, subjects: Sequence[Subject], ask: Asker, prompts: Prompts
) -> list[Rating]:
    """Return ``win_rate`` and two figures of the judge's bias for each text.

    ``win_rate`` is the probability that the text is preferred to the item's reference, the mean of
    both orders. ``first_preference`` is the probability of the answer shown first, .5 for a fair
    judge, and ``position_consistency`` is 1 where both orders favour the same text.
    """
    rivals = [subject.row.reference for subject in subjects]
    asked = [
        (
            prompts.render(
                "pairwise",
                introduction=task.introduction, criterion=task.criterion,
                prompt=subject.row.prompt, first=first, second=second, options=list(_OPTIONS),
            ),
            _OPTIONS,
        )
        for subject, rival in zip(subjects, rivals, strict=True)
        if rival is not None
        for first, second in ((subject.output, rival), (rival, subject.output))
    ]  # fmt: skip
    found = iter(ask.chances(asked))
    ratings = []
    for rival in rivals:
        if rival is None:
            ratings.append(Rating(dict.fromkeys(_NAMES, _NO_RIVAL)))
        else:
            ratings.append(_rated(next(found), next(found), task.min_mass))
    return ratings


_NAMES = ("win_rate", "first_preference", "position_consistency")


def _rated(own_first: Chances, own_second: Chances, min_mass: float) -> Rating:
    """Return the rating from the chances of "A" and "B" in both orders."""
    reply = merged(_of_texts(own_first, "AB"), _of_texts(own_second, "BA"), min_mass)
    if isinstance(reply, Absent):
        return Rating(dict.fromkeys(_NAMES, reply), [reply])
    assert not isinstance(own_first, Absent) and not isinstance(own_second, Absent)
    # How likely the answer shown first is, with either text in its place.
    first, second = (each["A"] / math.fsum(each.values()) for each in (own_first, own_second))
    return Rating(
        {
            "win_rate": reply.chances["own"],
            "first_preference": (first + second) / 2,
            "position_consistency": float((first - 0.5) * (0.5 - second) > 0),
        },
        [reply],
    )


def _of_texts(chances: Chances, order: str) -> Chances:
    """Return the chances of the text itself and of its rival, whose letters stand in ``order``."""
    if isinstance(chances, Absent):
        return chances
    named = {"own": chances[order[0]], "rival": chances[order[1]]}
    return Drawn(named, chances.draws) if isinstance(chances, Drawn) else named
