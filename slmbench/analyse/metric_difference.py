"""The difference of one metric between two runs, by the test that fits how it was measured."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import repeat

import numpy as np

from slmbench.analyse.comparability import RESOURCE_SUITES
from slmbench.analyse.data import MetricOf, Pair
from slmbench.schema.record import Aggregation
from slmbench.stats.difference import Difference, unknown_spread
from slmbench.stats.interval import quantile_interval
from slmbench.stats.paired import (
    difference_of_intervals,
    paired_difference,
    unpaired_difference,
)
from slmbench.stats.resampled_difference import (
    paired_statistic_difference,
    unpaired_statistic_difference,
)

Row = tuple[float, float]


@dataclass(frozen=True)
class Found:
    """A difference and what a reader must know of it; ``sampled`` says that items were there."""

    difference: Difference
    sampled: bool
    notes: tuple[str, ...] = ()


def metric_difference(pair: Pair) -> Found:
    """Return candidate minus baseline.

    Text suites pair the items; readings of latency, energy and memory are repeats, so each side
    is a sample of its own. A number without samples has no spread of its own.
    """
    aggregation = pair.aggregation
    if aggregation is None or aggregation.kind == "other":
        return _without_samples(pair)
    before, after = score_rows(aggregation, pair.baseline), score_rows(aggregation, pair.candidate)
    if not before or not after:
        return _without_samples(pair)
    if pair.baseline.metric.suite in RESOURCE_SUITES:
        return _unpaired(aggregation, list(before.values()), list(after.values()))
    return _paired(pair, aggregation, before, after)


def _paired(
    pair: Pair, aggregation: Aggregation, before: dict[str, Row], after: dict[str, Row]
) -> Found:
    ids = [key for key in before if key in after]
    if not ids:
        return _without_samples(pair)
    lonely = len(before.keys() | after.keys()) - len(ids)
    notes = [f"{lonely} items have a score in one run only"] if lonely else []
    clusters = {sample.sample_id: sample.cluster for sample in pair.baseline.samples()}
    labels = [clusters[key] for key in ids]
    old, new = [before[key] for key in ids], [after[key] for key in ids]
    if old == new and _same_model(pair):
        # The same weights answered alike: the difference is zero, not merely not seen.
        zero = Difference(0.0, 0.0, 0.0, 0.0, 1.0, len(ids), True, "same model, same outcomes")
        return Found(zero, True, (*notes, "same model, same outcomes"))
    if aggregation.kind == "mean":
        found = paired_difference([row[0] for row in old], [row[0] for row in new], labels)
        return Found(found, True, tuple(notes))
    if too_few(aggregation, old) or too_few(aggregation, new):
        return _short(aggregation, old, new, paired=True)
    of_rows = partial(statistic, aggregation)
    return Found(paired_statistic_difference((old, new), of_rows, labels), True, tuple(notes))


def _unpaired(aggregation: Aggregation, old: list[Row], new: list[Row]) -> Found:
    if aggregation.kind == "mean":
        found = unpaired_difference([row[0] for row in old], [row[0] for row in new])
        return Found(found, True)
    if too_few(aggregation, old) or too_few(aggregation, new):
        return _short(aggregation, old, new, paired=False)
    return Found(unpaired_statistic_difference(old, new, partial(statistic, aggregation)), True)


def _without_samples(pair: Pair) -> Found:
    left, right = pair.left, pair.right
    if left.interval and right.interval and left.interval.level == right.interval.level:
        found = difference_of_intervals(
            (left.value, left.interval.low, left.interval.high),
            (right.value, right.interval.low, right.interval.high),
            left.interval.level,
        )
        return Found(found, False, ("from the intervals of both runs, not from their items",))
    return Found(unknown_spread(right.value - left.value, 0, False), False, ("no interval",))


def _short(aggregation: Aggregation, old: list[Row], new: list[Row], paired: bool) -> Found:
    """Return the bare difference of a quantile that so few values cannot bracket."""
    change = float(statistic(aggregation, np.array(new)) - statistic(aggregation, np.array(old)))
    n = min(len(old), len(new))
    kind = "median" if aggregation.kind == "median" else f"{aggregation.q} quantile"
    note = f"{n} values are too few for an interval of the {kind}"
    return Found(unknown_spread(change, n, paired), True, (note,))


def too_few(aggregation: Aggregation, rows: list[Row]) -> bool:
    """Say whether so few values cannot bracket the quantile that is asked for."""
    if aggregation.kind not in ("median", "quantile"):
        return False
    return quantile_interval([row[0] for row in rows], _q(aggregation)) is None


def score_rows(aggregation: Aggregation, side: MetricOf) -> dict[str, Row]:
    """Return (score, weight) of each sample that has both; weight 1 where the kind has none."""
    name, weight = aggregation.score, aggregation.weight
    scored = [each for each in side.samples() if name in each.scores]
    if weight is None:
        values = [each.scores[name] for each in scored]
        return dict(zip([each.sample_id for each in scored], zip(values, repeat(1.0)), strict=True))
    return {
        each.sample_id: (each.scores[name], each.scores[weight])
        for each in scored
        if weight in each.scores
    }


def statistic(aggregation: Aggregation, rows: np.ndarray) -> np.ndarray:
    """Return what ``aggregation`` makes of each resample; not finite where it has no value."""
    scores, weights = rows[..., 0], rows[..., 1]
    if aggregation.kind in ("median", "quantile"):
        quantile: np.ndarray = np.quantile(scores, _q(aggregation), axis=-1)
        return quantile
    with np.errstate(all="ignore"):
        # Perplexity has weights of 1, so that this is its mean.
        rate: np.ndarray = scores.sum(axis=-1) / weights.sum(axis=-1)
        if aggregation.kind == "weighted_mean":
            return rate
        bits: bool = aggregation.kind == "bits_per_byte"
        value: np.ndarray = -rate / np.log(2.0) if bits else np.exp(-rate)
    return value


def _q(aggregation: Aggregation) -> float:
    return 0.5 if aggregation.kind == "median" or aggregation.q is None else aggregation.q


def _same_model(pair: Pair) -> bool:
    left = pair.baseline.run.record.model.fingerprint
    return bool(left.weights) and left == pair.candidate.run.record.model.fingerprint
