"""Themis' format (Hu et al. 2024, arXiv 2406.18365): an analysis, then a line ``Rating: k``."""

from __future__ import annotations

import math
from collections.abc import Sequence

from slmbench.schema.base import Absent
from slmbench.suites.judge.asker import Asker
from slmbench.suites.judge.reply import rating
from slmbench.suites.judge.subject import Rating, Subject
from slmbench.suites.judge.task import JudgeTask
from slmbench.suites.prompts import Prompts

_ANALYSIS_TOKENS = 512
#: Of several analyses of one text, as its authors draw ten.
_TEMPERATURE = 0.9


def rate(
    task: JudgeTask, subjects: Sequence[Subject], ask: Asker, prompts: Prompts
) -> list[Rating]:
    """Return the rating ``themis_rating`` of each text: the mean of its readable analyses'.

    Half of the analyses are asked for with the scale's ends the other way round.
    """
    low, high = task.scale
    ends = (f"{low} (worst)", f"{high} (best)")
    asked = [
        prompts.render(
            "themis",
            introduction=task.introduction,
            criterion=task.criterion,
            prompt=subject.row.prompt,
            output=subject.output,
            reference=subject.row.reference,
            low=low,
            high=high,
            ends=list(order),
        )
        for subject in subjects
        for order in (ends, ends[::-1])
    ]
    k = max(1, task.draws // 2)
    written = ask.write(asked, _ANALYSIS_TOKENS, k, _TEMPERATURE if k > 1 else 0.0)
    return [
        _rated(listed, turned, low, high)
        for listed, turned in zip(written[::2], written[1::2], strict=True)
    ]


def _rated(
    listed: Sequence[str] | Absent, turned: Sequence[str] | Absent, low: int, high: int
) -> Rating:
    """Return the rating of one text from its analyses with the scale either way."""
    for each in (listed, turned):
        if isinstance(each, Absent):
            return Rating({"themis_rating": each, "unparsable_share": each}, said=("",))
    assert not isinstance(listed, Absent) and not isinstance(turned, Absent)
    found = [[rating(text, low, high) for text in texts] for texts in (listed, turned)]
    read = [[v for v in own if not isinstance(v, Absent)] for own in found]
    missing = [v for own in found for v in own if isinstance(v, Absent)]
    values = [*read[0], *read[1]]
    score = math.fsum(values) / len(values) if values else missing[0]
    return Rating(
        {
            "themis_rating": score,
            "unparsable_share": len(missing) / (len(listed) + len(turned)),
        },
        said=(*listed, *turned),
        agreement=_agreement(read),
        order_effect=_order_effect(read, high - low),
    )


def _agreement(read: Sequence[Sequence[float]]) -> float | Absent:
    """Return the share of pairs of ratings, both with the scale one way, that are equal."""
    pairs = sum(len(own) * (len(own) - 1) for own in read)
    if not pairs:
        return Absent(reason="no two analyses of one order could be read; ask for more with draws")
    return sum(own.count(value) - 1 for own in read for value in own) / pairs


def _order_effect(read: Sequence[Sequence[float]], scale: int) -> float | Absent:
    """Return how far the mean ratings of the two orders are apart, as a share of the scale."""
    if not all(read):
        return Absent(reason="with the scale one way, or the other, no analysis could be read")
    first, second = (math.fsum(own) / len(own) for own in read)
    return abs(first - second) / scale
