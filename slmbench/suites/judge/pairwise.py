"""Two texts side by side, in both orders: how often the judge prefers the one under test."""

from __future__ import annotations

import math
from collections.abc import Sequence

from slmbench.schema.base import Absent
from slmbench.suites.judge.asker import Asker, Chances
from slmbench.suites.judge.reply import Reply, Unread
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
    both = [_normalised(each, min_mass) for each in (own_first, own_second)]
    for each in both:
        if isinstance(each, Absent):
            return Rating(dict.fromkeys(_NAMES, each), [each])
    first, second = (each for each in both if not isinstance(each, Absent))
    wins = {"own": (first["A"] + second["B"]) / 2, "rival": (first["B"] + second["A"]) / 2}
    assert not isinstance(own_first, Absent) and not isinstance(own_second, Absent)
    mass = min(1.0, (math.fsum(own_first.values()) + math.fsum(own_second.values())) / 2)
    effect = abs(first["A"] - second["B"])
    reply = Reply(wins, mass, effect, min(1.0, math.fsum(p * p for p in wins.values())))
    favoured = (first["A"] - 0.5) * (second["B"] - 0.5)
    return Rating(
        {
            "win_rate": wins["own"],
            "first_preference": (first["A"] + second["A"]) / 2,
            "position_consistency": float(favoured > 0),
        },
        [reply],
    )


def _normalised(chances: Chances, min_mass: float) -> Chances:
    if isinstance(chances, Absent):
        return chances
    mass = math.fsum(chances.values())
    if mass < min_mass or mass <= 0.0:
        return Unread(
            reason=f"the judge gave A and B less than {100 * min_mass:g} % of its probability",
            mass=mass,
        )
    return {option: value / mass for option, value in chances.items()}
