"""Intervals of a quantile: of independent readings, and of readings one after the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slmbench.schema.base import Interval
from slmbench.stats.grouped import grouped_quantile_interval
from slmbench.stats.laws import binomial_cdfs
from slmbench.stats.serial import block_length

__all__ = ["quantile_interval", "serial_quantile_interval"]


def quantile_interval(
    values: Sequence[float] | np.ndarray, q: float, level: float = 0.95
) -> Interval | None:
    """Return the order statistics that bracket a quantile, or None where n is too small for it.

    The number of values below the quantile is binomial(n, q) whatever the distribution
    (Conover 1999, "Practical nonparametric statistics", section 3.2), so coverage is at least
    ``level``; p99 needs hundreds of values, the median six.
    """
    if not 0.0 < q < 1.0:
        raise ValueError(f"{q} is not a quantile between 0 and 1")
    array = np.sort(np.asarray(values, dtype=float))
    if not np.isfinite(array).all():
        raise ValueError("a score that is NaN or infinite is not a measurement")
    n, tail = array.size, (1.0 - level) / 2.0
    if n < 2:
        return None
    below = binomial_cdfs(n, q)  # below[k] = P(at most k values lie below)
    lower = int(np.searchsorted(below, tail, side="right"))  # 1-based rank; 0: there is none
    upper = int(np.searchsorted(below, 1.0 - tail, side="left")) + 1
    if lower < 1 or upper > n:
        return None
    value = float(np.quantile(array, q))
    low, high = min(float(array[lower - 1]), value), max(float(array[upper - 1]), value)
    return Interval(low=low, high=high, level=level, method="order statistics")


def serial_quantile_interval(
    values: Sequence[float] | np.ndarray, q: float, level: float = 0.95
) -> Interval | None:
    """Return the interval of a quantile of readings in the order in which they were taken.

    Where neighbours tell of each other, as the times of a host that is slow for a while do, blocks
    of them are drawn instead of order statistics taken (`block_length`,
    `grouped_quantile_interval`), and the wider bound of both counts. None where n is too small for
    order statistics.

    Args:
        values: n finite readings in time's order.
        q: between 0 and 1.
        level: of confidence.
    """
    alone = quantile_interval(values, q, level)
    if alone is None:
        return None
    array = np.asarray(values, dtype=float)
    # Few readings are beyond a far quantile: that the host changes is seen better at the median.
    levels = np.quantile(array, [q, 0.5])
    length = max(block_length((array <= each).astype(float)) for each in levels)
    if length == 1:
        return alone
    groups = np.array_split(array, array.size // length)
    drawn = grouped_quantile_interval([group.tolist() for group in groups], q, level)
    if drawn is None:
        return alone
    low, high = min(alone.low, drawn.low), max(alone.high, drawn.high)
    return Interval(low=low, high=high, level=level, method=drawn.method)
