"""The difference of one metric between two runs, by the test that fits how it was measured."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import compress

import numpy as np

from slmbench.analyse.comparability import RESOURCE_SUITES
from slmbench.analyse.data import Items, MetricOf, Pair
from slmbench.schema.record import Aggregation
from slmbench.stats.difference import Difference, unknown_spread
from slmbench.stats.paired import (
    difference_of_intervals,
    paired_difference,
    unpaired_difference,
)
from slmbench.stats.quantiles import quantile_interval
from slmbench.stats.resampled_difference import (
    paired_statistic_difference,
    unpaired_statistic_difference,
)
from slmbench.stats.serial import block_length


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
    if pair.baseline.metric.suite in RESOURCE_SUITES:
        before, after = (score_rows(aggregation, side) for side in (pair.baseline, pair.candidate))
        if not len(before) or not len(after):
            return _without_samples(pair)
        return _unpaired(aggregation, before, after)
    return _paired(pair, aggregation)


def _paired(pair: Pair, aggregation: Aggregation) -> Found:
    before, after = pair.baseline.items(), pair.candidate.items()
    old, new = before.rows(aggregation), after.rows(aggregation)
    scored = int(_present(old).sum() + _present(new).sum())
    if before.ids != after.ids:
        new = _laid_beside(before, after, new)
    both = _present(old) & _present(new)
    if not both.any():
        return _without_samples(pair)
    old, new = old[both], new[both]
    lonely = scored - 2 * len(old)
    notes = [f"{lonely} items have a score in one run only"] if lonely else []
    labels = tuple(compress(before.clusters, both.tolist()))
    if np.array_equal(old, new) and _same_model(pair):
        # The same weights answered alike: the difference is zero, not merely not seen.
        zero = Difference(0.0, 0.0, 0.0, 0.0, 1.0, len(old), True, "same model, same outcomes")
        return Found(zero, True, (*notes, "same model, same outcomes"))
    if aggregation.kind == "mean":
        found = paired_difference(old[:, 0], new[:, 0], labels)
        return Found(found, True, tuple(notes))
    if too_few(aggregation, old) or too_few(aggregation, new):
        return _short(aggregation, old, new, paired=True)
    of_rows = partial(statistic, aggregation)
    return Found(paired_statistic_difference((old, new), of_rows, labels), True, tuple(notes))


def _present(rows: np.ndarray) -> np.ndarray:
    present: np.ndarray = ~np.isnan(rows[:, 0])
    return present


def _laid_beside(before: Items, after: Items, rows: np.ndarray) -> np.ndarray:
    """Return the rows of ``after`` in the order of ``before``, not numbers where it has none."""
    places = np.array([after.places.get(name, len(after.ids)) for name in before.ids], dtype=int)
    beside: np.ndarray = np.vstack([rows, np.full((1, 2), np.nan)])[places]
    return beside


def _unpaired(aggregation: Aggregation, old: np.ndarray, new: np.ndarray) -> Found:
    blocks = (block_of(aggregation, old), block_of(aggregation, new))
    if aggregation.kind == "mean":
        return Found(unpaired_difference(old[:, 0], new[:, 0], blocks=blocks), True)
    if too_few(aggregation, old) or too_few(aggregation, new):
        return _short(aggregation, old, new, paired=False)
    of_rows = partial(statistic, aggregation)
    return Found(unpaired_statistic_difference(old, new, of_rows, blocks=blocks), True)


def _without_samples(pair: Pair) -> Found:
    left, right = pair.left, pair.right
    levels = {side.interval.level for side in (left, right) if side.interval}
    if left.interval and right.interval and len(levels) == 1 and 0.0 < min(levels) < 1.0:
        found = difference_of_intervals(
            (left.value, left.interval.low, left.interval.high),
            (right.value, right.interval.low, right.interval.high),
            left.interval.level,
        )
        return Found(found, False, ("from the intervals of both runs, not from their items",))
    return Found(unknown_spread(right.value - left.value, 0, False), False, ("no interval",))


def _short(aggregation: Aggregation, old: np.ndarray, new: np.ndarray, paired: bool) -> Found:
    """Return the bare difference of a quantile that so few values cannot bracket."""
    change = float(statistic(aggregation, new) - statistic(aggregation, old))
    n = min(len(old), len(new))
    kind = "median" if aggregation.kind == "median" else f"{aggregation.q} quantile"
    note = f"{n} values are too few for an interval of the {kind}"
    return Found(unknown_spread(change, n, paired), True, (note,))


def too_few(aggregation: Aggregation, rows: np.ndarray) -> bool:
    """Say whether so few values cannot bracket the quantile that is asked for."""
    if aggregation.kind not in ("median", "quantile"):
        return False
    return quantile_interval(rows[:, 0], _q(aggregation)) is None


def block_of(aggregation: Aggregation, rows: np.ndarray) -> int:
    """Return how many neighbouring readings are alike, a host being slow or quick for a while."""
    scores = rows[:, 0]
    if aggregation.kind not in ("median", "quantile"):
        return block_length(scores)
    below = scores <= np.quantile(scores, _q(aggregation))
    return max(block_length(scores), block_length(below.astype(float)))


def score_rows(aggregation: Aggregation, side: MetricOf) -> np.ndarray:
    """Return (samples, 2): score and weight of each sample that has both."""
    rows = side.items().rows(aggregation)
    scored: np.ndarray = rows[_present(rows)]
    return scored


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
