"""The bootstrap: intervals and spreads of any statistic by drawing items again, seeded."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import stats

from slmbench.schema.base import Interval
from slmbench.stats.percentile_level import RESAMPLES, expanded_level

#: Above this many items BCa's jackknife costs more than it corrects (its bias falls as 1/n).
BCA_MAX_ITEMS = 2000

Statistic = Callable[[np.ndarray], float]


def bootstrap_interval(
    values_rows: Sequence[Any], statistic: Statistic, level: float = 0.95, seed: int = 0
) -> Interval | None:
    """Return the bias-corrected and accelerated bootstrap interval of ``statistic(rows)``.

    BCa is Efron 1987, JASA 82:171, as scipy.stats.bootstrap computes it, at the level that
    `expanded_level` gives for so many rows. Where it is degenerate
    (no spread among the resamples, or the jackknife has none) the percentile interval stands in.
    A row is one item: a number, or several numbers that belong together. None for one row.
    """
    rows = np.asarray(values_rows, dtype=float)
    n = rows.shape[0]
    if n < 2:
        return None
    methods = ("BCa", "percentile") if n <= BCA_MAX_ITEMS else ("percentile",)
    for method in methods:
        low, high = _scipy_interval(rows, statistic, expanded_level(n, level), seed, method)
        if math.isfinite(low) and math.isfinite(high):
            name = f"bootstrap {method}"
            return Interval(low=min(low, high), high=max(low, high), level=level, method=name)
    return None


def _scipy_interval(
    rows: np.ndarray, statistic: Statistic, level: float, seed: int, method: str
) -> tuple[float, float]:
    n = rows.shape[0]

    def of_indices(index: np.ndarray) -> float:
        return statistic(rows[index])

    with warnings.catch_warnings():
        # Degenerate data warns and returns NaN; the caller then takes the percentile interval.
        warnings.simplefilter("ignore")
        bound = stats.bootstrap(
            (np.arange(n),),
            of_indices,
            n_resamples=RESAMPLES,
            batch=max(1, 1_000_000 // n),
            vectorized=False,
            confidence_level=level,
            method=method,
            random_state=np.random.default_rng(seed),
        ).confidence_interval
    return float(bound.low), float(bound.high)
