"""How many times as much of a resource: candidate over baseline, with an interval of its log."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from slmbench.analyse.data import Pair
from slmbench.analyse.metric_difference import block_of, score_rows, statistic, too_few
from slmbench.schema.finding import ResourceRatio
from slmbench.schema.record import Aggregation
from slmbench.stats.difference import Difference, critical_value
from slmbench.stats.paired import difference_of_intervals
from slmbench.stats.resampled_difference import unpaired_statistic_difference
from slmbench.stats.serial import batch_means

_ONE_READING = "one reading on each side: its spread is not known"


def resource_ratio(pair: Pair) -> ResourceRatio | None:
    """Return candidate over baseline, or None where a side is not above zero.

    Readings of two separate runs are two separate samples. The difference of the logs gets the
    two-sample percentile bootstrap (Efron and Tibshirani 1993, chapter 16), or for means the delta
    method with Welch's degrees of freedom; without readings the two intervals are combined on the
    log scale. Its ends are carried back through exp, so that a ratio never goes below zero.
    """
    old, new = pair.left.value, pair.right.value
    if old <= 0.0 or new <= 0.0:
        return None
    found, n, method = _log_difference(pair)
    metric = pair.baseline.metric
    known = metric.higher_is_better
    return ResourceRatio(
        suite=metric.suite,
        task=metric.task,
        metric=metric.metric,
        unit=pair.left.unit,
        baseline=old,
        candidate=new,
        ratio=new / old,
        low=None if found is None or found[0] is None else math.exp(found[0]),
        high=None if found is None or found[1] is None else math.exp(found[1]),
        n=n,
        method=method,
        higher_is_better=pair.candidate.metric.higher_is_better if known is None else known,
    )


Bounds = tuple[float | None, float | None]


def _log_difference(pair: Pair) -> tuple[Bounds | None, int | None, str]:
    """Return the ends of the interval of log(candidate / baseline), readings and method."""
    rule = pair.aggregation
    if rule is not None and rule.kind != "other":
        before = score_rows(rule, pair.baseline)
        after = score_rows(rule, pair.candidate)
        n = min(len(before), len(after))
        positive = bool((before[:, 0] > 0.0).all() and (after[:, 0] > 0.0).all())
        if n >= 2 and positive:
            return _of_readings(rule, before, after, n)
    return _of_intervals(pair)


def _of_readings(
    rule: Aggregation,
    before: np.ndarray,
    after: np.ndarray,
    n: int,
) -> tuple[Bounds | None, int, str]:
    blocks = (block_of(rule, before), block_of(rule, after))
    if rule.kind == "mean":
        return _of_means((before[:, 0], after[:, 0]), blocks), n, "delta method"
    if too_few(rule, before) or too_few(rule, after):
        return None, n, f"{n} readings are too few for an interval of this quantile"
    of_rows = partial(_log_statistic, rule)
    made = unpaired_statistic_difference(before, after, of_rows, blocks=blocks)
    return _bounds(made), n, "bootstrap of two samples"


def _log_statistic(rule: Aggregation, rows: np.ndarray) -> np.ndarray:
    return np.asarray(np.log(statistic(rule, rows)))


def _of_means(sides: tuple[np.ndarray, np.ndarray], blocks: tuple[int, int]) -> Bounds:
    """Return the interval of the log of a ratio of two means: var(log m) is about (s / m)^2 / n.

    Readings that are alike for a while count as their batches do.
    """
    means = [batch_means(side, size) for side, size in zip(sides, blocks, strict=True)]
    parts = [float(each.var(ddof=1)) / each.size / float(each.mean()) ** 2 for each in means]
    below = sum(part**2 / (each.size - 1) for part, each in zip(parts, means, strict=True))
    df = sum(parts) ** 2 / below if below > 0.0 else None
    half = critical_value(df) * math.sqrt(sum(parts))
    centre = math.log(float(sides[1].mean()) / float(sides[0].mean()))
    return centre - half, centre + half


def _of_intervals(pair: Pair) -> tuple[Bounds | None, None, str]:
    ends = [
        (each.value, each.interval.low, each.interval.high)
        for each in (pair.left, pair.right)
        if each.interval is not None and each.interval.low > 0.0
    ]
    levels = {each.interval.level for each in (pair.left, pair.right) if each.interval}
    if len(ends) < 2 or len(levels) != 1:
        exact = pair.left.n == pair.right.n == 1
        return None, None, _ONE_READING if exact else "no interval above zero on both sides"
    old, new = ((math.log(value), math.log(low), math.log(high)) for value, low, high in ends)
    made = difference_of_intervals(old, new, levels.pop())
    return _bounds(made), None, "from the intervals of both runs"


def _bounds(made: Difference) -> Bounds:
    return made.low, made.high
