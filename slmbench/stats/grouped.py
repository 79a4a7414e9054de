"""Quantiles and rates of readings that come in groups: the gaps of one answer, a slice of time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from slmbench.schema.base import Interval
from slmbench.stats.laws import t_quantile
from slmbench.stats.percentile_level import RESAMPLES, expanded_level

__all__ = ["grouped_quantile_interval", "rate_interval", "readings_needed"]

#: Fewer groups than this say too little of how groups differ.
FEWEST_GROUPS = 5


def readings_needed(q: float, level: float = 0.95) -> int:
    """Return the fewest readings that bracket a quantile by two of them with confidence ``level``.

    All n lie below the quantile with probability q^n, and above it with (1 - q)^n, so n must make
    the greater of the two at most (1 - level) / 2 (Conover 1999, "Practical nonparametric
    statistics", section 3.2): 6 for the median, 36 for p90, 72 for p95, 368 for p99.
    """
    if not 0.0 < q < 1.0:
        raise ValueError(f"{q} is not a quantile between 0 and 1")
    exact = math.log((1.0 - level) / 2.0) / math.log(max(q, 1.0 - q))
    return math.ceil(exact - 1e-9)


def grouped_quantile_interval(
    groups: Sequence[Sequence[float]], q: float, level: float = 0.95, seed: int = 0
) -> Interval | None:
    """Return the percentile bootstrap interval of a quantile over all readings of all groups.

    Whole groups are drawn, since readings of one group move together (Davison and Hinkley 1997,
    "Bootstrap methods and their application", section 3.8); with blocks of consecutive requests as
    groups this is Carlstein's block bootstrap (1986, Annals of Statistics 14:1171). The level is
    expanded for the number of groups (`expanded_level`). An infinite reading is one that is later
    than all others. None below five groups, and where a bound is infinite.
    """
    filled = [np.asarray(group, dtype=float) for group in groups if len(group)]
    if len(filled) < FEWEST_GROUPS:
        return None
    readings = np.concatenate(filled)
    owner = np.repeat(np.arange(len(filled)), [group.size for group in filled])
    order = np.argsort(readings, kind="stable")
    readings, owner = readings[order], owner[order]
    # There is nothing between a time and an infinite one, so the later of the two is the quantile.
    method: Literal["linear", "higher"] = "linear" if math.isfinite(readings[-1]) else "higher"
    point = float(np.quantile(readings, q, method=method))
    draws = np.random.default_rng(seed).multinomial(
        len(filled), np.full(len(filled), 1.0 / len(filled)), RESAMPLES
    )
    found = _drawn_quantiles(readings, owner, draws, q)
    tail = (1.0 - expanded_level(len(filled), level)) / 2.0
    # Order statistics of the resamples, so that an infinite one is never averaged with another.
    low, high = np.quantile(found, [tail, 1.0 - tail], method="inverted_cdf")
    if not (math.isfinite(point) and math.isfinite(high)):
        return None
    return Interval(
        low=min(float(low), point),
        high=max(float(high), point),
        level=level,
        method=f"bootstrap of {len(filled)} groups, percentile",
    )


def rate_interval(rates: Sequence[float], level: float = 0.95) -> Interval | None:
    """Return Student's t interval of a mean rate from the rates of equal slices of time.

    These are the batch means of simulation output analysis (Law 2015, "Simulation modeling and
    analysis", section 9.5.3). It does not go below 0; None for fewer than two slices.
    """
    n = len(rates)
    if n < 2:
        return None
    array = np.asarray(rates, dtype=float)
    mean = float(array.mean())
    half = t_quantile(0.5 + level / 2.0, n - 1) * float(array.std(ddof=1)) / math.sqrt(n)
    return Interval(
        low=max(0.0, mean - half), high=mean + half, level=level, method=f"t on {n} batch means"
    )


def _drawn_quantiles(
    readings: np.ndarray, owner: np.ndarray, draws: np.ndarray, q: float
) -> np.ndarray:
    """Return each resample's quantile: the smallest reading with a share q at it or below.

    Args:
        readings: sorted, n.
        owner: the group of each reading, n.
        draws: how often each resample has each group, resamples x groups.
    """
    # below[i] holds how many of each group's readings are among the first i + 1.
    below = np.cumsum(owner[:, None] == np.arange(draws.shape[1]), axis=0)
    wanted = q * (draws @ below[-1]) - 1e-9
    low = np.zeros(len(draws), dtype=int)
    high = np.full(len(draws), readings.size - 1)
    while (low < high).any():
        middle = (low + high) // 2
        enough = (draws * below[middle]).sum(axis=1) >= wanted
        high = np.where(enough, middle, high)
        low = np.where(enough, low, np.minimum(middle + 1, high))
    return readings[low]
