"""Readings in the order they were taken: how long one tells of the next."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["batch_means", "block_length"]

#: Shorter series show no correlation that could be told from none.
_SHORTEST = 16
#: A reading that was kept tells of others no longer than a fifth of the run: five blocks at least.
_FEWEST_BLOCKS = 5


def block_length(series: np.ndarray) -> int:
    """Return how many neighbouring readings are to be drawn, or averaged, as one; 1: each alone.

    Twice the length that makes the error of the circular block bootstrap's variance least (Politis
    and White 2004, Econometric Reviews 23:53, as corrected by Patton, Politis and White 2009,
    28:372): ``2 (2 g^2 / D)^(1/3) n^(1/3)``, g and D from the autocovariances up to twice the first
    lag after which several in a row don't differ from none. Twice, since at the least error the
    variance is still a quarter too small where neighbours are much alike, and a gate that cries
    wolf costs more than one that asks for more readings. At most a fifth of the series.

    Args:
        series: n readings in time's order; for a quantile 1 where a reading is at or below it.
    """
    array = np.asarray(series, dtype=float)
    n = array.size
    if n < _SHORTEST or float(np.ptp(array)) == 0.0:
        return 1
    centred = array - array.mean()
    # As many lags as the paper looks at: the last window ends at the largest block that is taken.
    window = max(5, math.ceil(math.sqrt(math.log10(n))))
    most = min(n - 1, math.ceil(math.sqrt(n)) + window)
    covariances = np.array([float(centred[: n - k] @ centred[k:]) / n for k in range(most + 1)])
    bound = 1.5 * math.sqrt(math.log10(n) / n) * covariances[0]
    last = _last_lag(covariances[1:] > bound, window)
    if last == 0:
        return 1
    lags = np.arange(1, min(2 * last, most) + 1)
    # The trapezoid window: flat up to half of the bandwidth, then down to nothing.
    weights = np.minimum(1.0, 2.0 * (1.0 - lags / (2.0 * last)))
    weighted = weights * covariances[lags]
    spread = float(covariances[0] + 2.0 * weighted.sum())
    slope = float(2.0 * (lags * weighted).sum())
    if spread <= 0.0 or slope <= 0.0:
        # Neighbours that repel each other make the plain error too wide, which is no false alarm.
        return 1
    length: float = (
        2.0 * (2.0 * slope**2 / (4.0 / 3.0 * spread**2)) ** (1.0 / 3.0) * n ** (1.0 / 3.0)
    )
    return max(1, min(math.ceil(length), n // _FEWEST_BLOCKS))


def batch_means(series: np.ndarray, length: int) -> np.ndarray:
    """Return the means of neighbouring readings, ``length`` or a little more to a batch.

    Their spread tells the error of the mean of readings that are alike for a while (Law 2015,
    "Simulation modeling and analysis", section 9.5.3).
    """
    array = np.asarray(series, dtype=float)
    return np.array([part.mean() for part in np.array_split(array, max(1, array.size // length))])


def _last_lag(seen: np.ndarray, window: int) -> int:
    """Return the lag after which ``window`` lags in a row show nothing, or the last that does."""
    for lag in range(len(seen) - window + 1):
        if not seen[lag : lag + window].any():
            return lag
    shown = np.flatnonzero(seen)
    return int(shown[-1]) + 1 if shown.size else 0
