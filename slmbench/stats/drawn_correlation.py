"""Correlation coefficients of draws of items, for a bootstrap of thousands of draws at once."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from slmbench.schema.base import Interval
from slmbench.stats.laws import t_quantile
from slmbench.stats.weighted_bootstrap import Statistics

#: Kendall's needs a number for every pair of items: 4,000 items are 128 MB.
MOST_PAIRED_ITEMS = 4_000
#: Of clusters that are left out together.
GROUPS = 100


def coefficient_of_draws(name: str, left: np.ndarray, right: np.ndarray) -> Statistics:
    """Return what makes ``pearson``, ``spearman`` or ``kendall_tau_b`` of draws of pairs.

    Each draw's coefficient is that of its pairs as they were drawn, those that come more than once
    included: NaN where one side of them is constant.

    Args:
        name: of the coefficient.
        left: one side, a number for each item; at most `MOST_PAIRED_ITEMS` for Kendall's.
        right: the other side.
    """
    if name == "kendall_tau_b":
        return _kendall(left, right)
    if name == "spearman":
        return lambda drawn: _pearson(_ranks(left, drawn), _ranks(right, drawn), drawn)
    # About the mean: the sums of squares of large numbers would leave nothing of small differences.
    one, other = (each - each.mean() for each in (left, right))
    return lambda drawn: _pearson(one[np.newaxis], other[np.newaxis], drawn)


def jackknife_interval(
    coefficient: Callable[[np.ndarray, np.ndarray], float],
    value: float,
    left: np.ndarray,
    right: np.ndarray,
    clusters: np.ndarray,
) -> Interval | None:
    """Return a coefficient's interval by leaving out groups of clusters, on Fisher's z scale.

    The delete-a-group jackknife (Kott 2001, J. Official Statistics 17:521) with Student's t, over
    at most `GROUPS` groups. None where one of them has no coefficient.

    Args:
        coefficient: of two vectors.
        value: the coefficient of all.
        left: one side, a number for each item.
        right: the other side.
        clusters: each item's number, from 0.
    """
    groups = clusters % min(GROUPS, int(clusters.max()) + 1)
    count = int(groups.max()) + 1
    found = [coefficient(left[groups != each], right[groups != each]) for each in range(count)]
    if abs(value) >= 1.0 or not all(abs(each) < 1.0 for each in found):
        return None
    shifts = np.arctanh(found) - math.atanh(value)
    error = math.sqrt((count - 1) / count * float(shifts @ shifts))
    half = t_quantile(0.975, count - 1.0) * error
    low, high = (math.tanh(math.atanh(value) + each) for each in (-half, half))
    return Interval(low=low, high=high, method=f"Fisher z, jackknife of {count} groups")


def _pearson(left: np.ndarray, right: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Return r of each draw, (1, draws), from (draws or 1, items) numbers and how often drawn."""
    count = drawn.sum(axis=1, keepdims=True)
    one, other = (
        each - (drawn * each).sum(axis=1, keepdims=True) / count for each in (left, right)
    )
    both = (drawn * one * other).sum(axis=1)
    norm = (drawn * one**2).sum(axis=1) * (drawn * other**2).sum(axis=1)
    with np.errstate(all="ignore"):
        # Less than rounding leaves of a constant side is no variation.
        found = np.where(norm > 1e-20, both / np.sqrt(norm), np.nan)
    return np.asarray(np.clip(found, -1.0, 1.0)[np.newaxis])


def _ranks(values: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Return each item's mean rank in each draw, draws x items."""
    order = np.argsort(values, kind="stable")
    _, starts, levels = np.unique(values[order], return_index=True, return_inverse=True)
    count = np.add.reduceat(drawn[:, order], starts, axis=1)
    middle = np.cumsum(count, axis=1) - count / 2
    ranks = np.empty(drawn.shape)
    ranks[:, order] = middle[:, levels]
    return ranks


def _kendall(left: np.ndarray, right: np.ndarray) -> Statistics:
    one, other = (np.sign(np.subtract.outer(each, each)) for each in (left, right))
    both, first, second = one * other, np.abs(one), np.abs(other)

    def of_draws(drawn: np.ndarray) -> np.ndarray:
        agree, varied, given = (
            ((drawn @ table) * drawn).sum(axis=1) for table in (both, first, second)
        )
        with np.errstate(all="ignore"):
            # A draw of equal ratings has no correlation.
            found = agree / np.sqrt(varied * given)
        return np.asarray(np.clip(found, -1.0, 1.0)[np.newaxis])

    return of_draws
