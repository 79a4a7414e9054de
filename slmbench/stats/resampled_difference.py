"""Differences of medians, quantiles and perplexities, by drawing items or repeats again."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from slmbench.stats.clusters import Clusters, cluster_count, cluster_numbers
from slmbench.stats.difference import Difference, smallest_detectable, unknown_spread
from slmbench.stats.laws import normal_quantile, t_upper
from slmbench.stats.percentile_level import RESAMPLES, expanded_level

#: Takes many resamples at once, (resamples, items) or (resamples, items, numbers of an item), and
#: returns one value for each: thousands of separate calls would cost seconds.
Statistic = Callable[[np.ndarray], np.ndarray]

_NUMBERS_AT_ONCE = 500_000


def paired_statistic_difference(
    rows: tuple[Sequence[Any] | np.ndarray, Sequence[Any] | np.ndarray],
    statistic: Statistic,
    clusters: Clusters | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Difference:
    """Return statistic(candidate) - statistic(baseline) over the same items, ``rows`` being both.

    The percentile bootstrap draws items, or whole clusters where they are useful, and takes both
    results of each (Davison and Hinkley 1997, "Bootstrap methods", sections 2.4 and 3.8), at the
    level that `expanded_level` gives for so many items or clusters.
    """
    before, after = (np.asarray(side, dtype=float) for side in rows)
    if len(before) != len(after) or len(before) == 0:
        raise ValueError(f"{len(before)} and {len(after)} values cannot be paired")
    difference, n = _of_all(statistic, after) - _of_all(statistic, before), len(before)
    if n < 2:
        return unknown_spread(difference, n, paired=True)
    rng, count = np.random.default_rng(seed), cluster_count(clusters)
    groups = None if count is None or clusters is None else _groups(clusters)
    draws = []
    # Clusters differ in size, so their resamples do too and can't be taken together.
    for size in [1] * RESAMPLES if groups else _chunks(n):
        index = _draw(rng, n, size, groups)
        draws.append(statistic(after[index]) - statistic(before[index]))
    return _summary(difference, np.concatenate(draws), n, level, count)


def unpaired_statistic_difference(
    baseline_rows: Sequence[Any] | np.ndarray,
    candidate_rows: Sequence[Any] | np.ndarray,
    statistic: Statistic,
    level: float = 0.95,
    blocks: tuple[int, int] = (1, 1),
) -> Difference:
    """Return statistic(candidate) - statistic(baseline) of separate samples, each drawn alone.

    Percentile bootstrap of two samples (Efron and Tibshirani 1993, chapter 16). Readings in time's
    order that are alike for a while are drawn as blocks of neighbours, the last beside the first
    (the circular block bootstrap: Politis and Romano 1992, in "Exploring the limits of bootstrap",
    page 263), at the level that `expanded_level` gives for so many blocks; ``blocks`` are the
    lengths of each side's (`block_length`).
    """
    before = np.asarray(baseline_rows, dtype=float)
    after = np.asarray(candidate_rows, dtype=float)
    n = min(len(before), len(after))
    if n == 0:
        raise ValueError("a difference needs values on both sides")
    difference = _of_all(statistic, after) - _of_all(statistic, before)
    if n < 2:
        return unknown_spread(difference, n, paired=False)
    rng = np.random.default_rng(0)
    draws = []
    for size in _chunks(max(len(before), len(after))):
        left = before[_draw_blocks(rng, len(before), size, blocks[0])]
        right = after[_draw_blocks(rng, len(after), size, blocks[1])]
        draws.append(statistic(right) - statistic(left))
    found = _summary(difference, np.concatenate(draws), n, level, None, False, max(blocks))
    return found if max(blocks) == 1 else replace(found, method="bootstrap of blocks")


def _of_all(statistic: Statistic, rows: np.ndarray) -> float:
    return float(statistic(rows[np.newaxis])[0])


def _chunks(n: int) -> list[int]:
    size = min(RESAMPLES, max(1, _NUMBERS_AT_ONCE // n))
    return [min(size, RESAMPLES - start) for start in range(0, RESAMPLES, size)]


def _groups(clusters: Clusters) -> list[np.ndarray]:
    numbers = cluster_numbers(clusters)
    order = np.argsort(numbers, kind="stable")
    return np.split(order, np.cumsum(np.bincount(numbers))[:-1])


def _draw(
    rng: np.random.Generator, n: int, size: int, groups: list[np.ndarray] | None
) -> np.ndarray:
    if groups is None:
        return rng.integers(0, n, (size, n))
    drawn = rng.integers(0, len(groups), len(groups))
    return np.concatenate([groups[g] for g in drawn])[np.newaxis]


def _draw_blocks(rng: np.random.Generator, n: int, size: int, length: int) -> np.ndarray:
    """Return (size, n) places: blocks of neighbours, cut to as many as there are."""
    starts = rng.integers(0, n, (size, -(-n // length), 1))
    places: np.ndarray = (starts + np.arange(length)).reshape(size, -1)[:, :n] % n
    return places


def _summary(
    difference: float,
    draws: np.ndarray,
    n: int,
    level: float,
    count: int | None,
    paired: bool = True,
    block: int = 1,
) -> Difference:
    if not np.all(np.isfinite(draws)):
        return unknown_spread(difference, n, paired)
    units = count or max(2, n // block)
    wide = expanded_level(units, level)
    low, high = np.quantile(draws, [(1 - wide) / 2, (1 + wide) / 2])
    error = float(draws.std(ddof=1))
    # The share of draws on the other side of zero, twice; one is added so that p is never 0.
    rarer = min(int((draws <= 0).sum()), int((draws >= 0).sum()))
    share = min(1.0, 2.0 * (rarer + 1) / (len(draws) + 1))
    return Difference(
        difference=difference,
        low=min(float(low), difference),
        high=max(float(high), difference),
        standard_error=error,
        p=_as_student(share, units),
        n=n,
        paired=paired,
        method="bootstrap" if count is None else f"bootstrap of {count} clusters",
        df=float(units - 1),
        clusters=count,
        detectable=smallest_detectable(error),
    )


def _as_student(p: float, units: int) -> float:
    """Return the p that the expanded interval implies where a plain one implies ``p``."""
    reach = -normal_quantile(p / 2.0) / math.sqrt(units / (units - 1))
    return min(1.0, 2.0 * t_upper(reach, units - 1))
