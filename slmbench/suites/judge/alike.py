"""Do a judge and people give the same ratings, not only the same order: alpha and kappa."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from slmbench.schema.base import Absent, Measurement
from slmbench.schema.record import Metric
from slmbench.stats.agreement import cohen_kappa, krippendorff_alpha
from slmbench.suites.judge.task import JudgeTask
from slmbench.suites.people import Rated

_RATINGS = ("g_eval", "themis_rating")
_NAMES = ("krippendorff_alpha", "cohen_kappa")


def range_of(task: JudgeTask, name: str) -> tuple[float, float]:
    """Return the least and the most that a score can be."""
    if name in _RATINGS:
        return float(task.scale[0]), float(task.scale[1])
    if name == "dag_score":
        leaves = _leaves(task)
        return leaves[0], leaves[-1]
    return 0.0, 1.0


def same_ratings(task: JudgeTask, name: str, rated: Rated, how: str) -> list[Metric]:
    """Return how far a judge's score ``name`` is what people gave, where both use one scale.

    - ``krippendorff_alpha``: of two raters, the judge and people's mean, for interval data.
    - ``cohen_kappa``: over whole ratings, the nearest to each, weighted by squared distance; over
      a tree's leaves; over a share's being below, at or above a half.
    """
    both = [
        (row.rating, sample.scores[name], row.document)
        for row, sample in zip(rated.rows, rated.samples, strict=True)
        if row.rating is not None and name in sample.scores
    ]
    if not both:
        why = Absent(reason="no text has both people's rating and the judge's")
        return [rated.metric(each, why, name) for each in _NAMES]
    people, judge = [each[0] for each in both], [each[1] for each in both]
    low, high = range_of(task, name)
    if min(people) < low or max(people) > high:
        why = Absent(
            reason=f"people's ratings go from {min(people):g} to {max(people):g} and the judge's "
            f"from {low:g} to {high:g}: correlations compare the two, alpha and kappa can't"
        )
        return [rated.metric(each, why, name) for each in _NAMES]
    documents = None if rated.documents is None else [each[2] for each in both]
    alpha = krippendorff_alpha([people, judge], "interval", documents, rated.seed)
    labels, weights = _labels(task, name)
    kappa = cohen_kappa(
        [_nearest(each, labels, name) for each in people],
        [_nearest(each, labels, name) for each in judge],
        weights,
        labels,
        documents,
        rated.seed,
    )
    return [
        rated.metric(each, _by(how, value), name)
        for each, value in zip(_NAMES, (alpha, kappa), strict=True)
    ]


def _by(how: str, value: Measurement) -> Measurement:
    """Return a figure with the judge as its provenance; its own formula stays in the source."""
    return value if isinstance(value, Absent) else value.model_copy(update={"how": how})


def _leaves(task: JudgeTask) -> list[float]:
    ends = (to for node in task.tree.values() for to in node.choices.values())
    return sorted({float(to) for to in ends if not isinstance(to, str)})


def _labels(task: JudgeTask, name: str) -> tuple[list[float], Literal["quadratic"] | None]:
    """Return the labels that ratings and scores are given for kappa, and how steps are weighed."""
    if name in _RATINGS:
        return [float(each) for each in range(task.scale[0], task.scale[1] + 1)], "quadratic"
    return (_leaves(task) if name == "dag_score" else [0.0, 0.5, 1.0]), None


def _nearest(value: float, labels: Sequence[float], name: str) -> float:
    """Return a number's label; half-way between two it is the higher one's."""
    if name in _RATINGS or name == "dag_score":
        return min(reversed(labels), key=lambda label: abs(label - value))
    # A win rate of .6 is a win, not a tie.
    return 0.5 + math.copysign(0.5, value - 0.5) if value != 0.5 else 0.5
