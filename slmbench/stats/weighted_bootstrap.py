"""The bootstrap of several statistics at once, from the same draws: thousands in one numpy call."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

from slmbench.schema.base import Interval
from slmbench.stats.clusters import cluster_numbers
from slmbench.stats.percentile_level import RESAMPLES, expanded_level
from slmbench.stats.resample import BCA_MAX_ITEMS

#: Takes how often each item was drawn, (draws, items) whole numbers, and returns (statistics,
#: draws). Weights, not copies: sorting and binning are then done once for all draws.
Statistics = Callable[[np.ndarray], np.ndarray]

_NUMBERS_AT_ONCE = 500_000


def weighted_bootstrap(
    n: int,
    statistics: Statistics,
    clusters: Sequence[str | None] | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> list[Interval | None]:
    """Return one interval for each statistic of ``n`` items, or None where it can't be drawn.

    BCa (Efron 1987, JASA 82:171), as scipy.stats.bootstrap computes it, up to 2,000 items; above
    that, and where it is degenerate, the percentile interval; both at the level that
    `expanded_level` gives. Items that share a cluster are drawn
    together; None in ``clusters`` stands alone. The bounds are widened to hold the value itself,
    which a biased statistic's draws may all miss.
    """
    numbers = cluster_numbers(clusters) if clusters is not None else np.arange(n)
    groups = int(numbers.max()) + 1 if n else 0
    if groups < 2:
        return [None for _ in statistics(np.ones((1, n)))] if n else []

    def of_index(index: np.ndarray, axis: int = -1) -> np.ndarray:
        flat = index.reshape(-1, index.shape[-1])
        places = flat + groups * np.arange(len(flat))[:, None]
        drawn = np.bincount(places.ravel(), minlength=groups * len(flat))
        weights = drawn.reshape(len(flat), groups)[:, numbers]
        found = statistics(weights)
        return found.reshape(len(found), *index.shape[:-1])

    values = of_index(np.arange(groups))
    name = "bootstrap" if groups == n else f"bootstrap of {groups} clusters,"
    found: list[Interval | None] = [None] * len(values)
    for method in ("BCa", "percentile") if groups <= BCA_MAX_ITEMS else ("percentile",):
        if all(found):
            break
        bounds = _bounds(of_index, groups, expanded_level(groups, level), method, seed)
        for place, (low, high) in enumerate(zip(*bounds, strict=True)):
            if found[place] is None and np.isfinite([low, high, values[place]]).all():
                value = float(values[place])
                low, high = min(float(low), value), max(float(high), value)
                told = f"{name} {method}" + (", no spread seen" if low == high else "")
                found[place] = Interval(low=low, high=high, level=level, method=told)
    return found


def _bounds(
    of_index: Callable[..., np.ndarray], groups: int, level: float, method: str, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    with warnings.catch_warnings():
        # Degenerate data warns and returns NaN; the caller then takes the percentile interval.
        warnings.simplefilter("ignore")
        bound = stats.bootstrap(
            (np.arange(groups),),
            of_index,
            n_resamples=RESAMPLES,
            batch=max(1, _NUMBERS_AT_ONCE // groups),
            vectorized=True,
            axis=-1,
            confidence_level=level,
            method=method,
            random_state=np.random.default_rng(seed),
        ).confidence_interval
    return np.atleast_1d(bound.low), np.atleast_1d(bound.high)
