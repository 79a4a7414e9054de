"""How far do raters agree: correlations of scores with human ratings, Krippendorff, Cohen."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any, Literal

import numpy as np
from scipy import stats
from statsmodels.stats.inter_rater import cohens_kappa

from slmbench.schema.base import Absent, Interval, Measured, Measurement
from slmbench.stats.correlation import COEFFICIENTS, Level, correlations
from slmbench.stats.weighted_bootstrap import Statistics, weighted_bootstrap

__all__ = ["COEFFICIENTS", "Level", "Scale", "cohen_kappa", "correlations", "krippendorff_alpha"]

Scale = Literal["nominal", "ordinal", "interval", "ratio"]
Clusters = Sequence[str | None]


def krippendorff_alpha(
    ratings: Sequence[Sequence[float]] | np.ndarray,
    level: Scale,
    clusters: Clusters | None = None,
    seed: int = 0,
) -> Measurement:
    """Return Krippendorff's alpha: 1 - observed disagreement / disagreement expected by chance.

    Krippendorff 2011, "Computing Krippendorff's alpha-reliability": the coincidence matrix, and
    the difference functions of nominal, ordinal, interval and ratio data. 1 is perfect agreement,
    0 is what chance gives, below 0 is systematic disagreement. The interval draws items again,
    which is not Krippendorff's own bootstrap of coincidences.

    Args:
        ratings: raters x items; NaN where a rater left an item out.
        level: of measurement; ``ratio`` needs ratings of 0 or more.
        clusters: what each item shares with others, such as a document: these are drawn together.
        seed: of the bootstrap.

    Returns:
        Measured with n items that two or more rated; Absent where there is none, or where all
        ratings are alike, so that chance can't disagree either.

    Raises:
        ValueError: no two-dimensional table, an infinite rating, or one below 0 on a ratio scale.
    """
    table = np.asarray(ratings, dtype=float)
    if table.ndim != 2 or np.any(np.isinf(table)):
        raise ValueError("ratings are a table of raters x items, of finite numbers or NaN")
    if level == "ratio" and np.any(table < 0):
        raise ValueError("a ratio scale has no rating below 0")
    kept = (~np.isnan(table)).sum(axis=0) >= 2
    table = table[:, kept]
    n = table.shape[1]
    if n == 0:
        return Absent(reason="no item was rated by two raters or more")
    if np.all((table == table[~np.isnan(table)][0]) | np.isnan(table)):
        return Absent(reason="all ratings are alike, so alpha has no value")
    # What stands in no table of values: an interval scale's alpha is made of sums of squares.
    of_draws = _squares(table) if level == "interval" else _coincidences(table, level)
    own = None if clusters is None else [c for c, k in zip(clusters, kept, strict=True) if k]
    (interval,) = weighted_bootstrap(n, of_draws, own, seed=seed)
    return Measured(
        value=float(of_draws(np.ones((1, n)))[0, 0]),
        unit="",
        n=n,
        interval=interval,
        how="Krippendorff 2011",
        source=f"{level} alpha of {len(np.asarray(ratings))} raters",
    )


def cohen_kappa(
    left: Sequence[Hashable],
    right: Sequence[Hashable],
    weights: Literal["linear", "quadratic"] | None = None,
    labels: Sequence[Any] | None = None,
    clusters: Clusters | None = None,
    seed: int = 0,
) -> Measurement:
    """Return Cohen's kappa of two raters' labels (Cohen 1960; weighted: 1968, Psychol. Bull. 70).

    The interval is statsmodels' asymptotic one (Fleiss, Cohen and Everitt 1969, Psychol. Bull.
    72:323), and with clusters a bootstrap over them.

    Args:
        left: a label for each item.
        right: the other rater's, in the same order.
        weights: what a disagreement counts for: all the same, or the steps between two labels.
        labels: all that there are, in order, each a step from the next; None takes those given.
        clusters: what each item shares with others.
        seed: of the bootstrap.

    Returns:
        Measured in [-1, 1] with n items, or Absent where chance agreement is certain.

    Raises:
        ValueError: no labels, or not equally many of both raters, or one that is not in ``labels``.
    """
    n = len(left)
    if n != len(right) or n == 0:
        raise ValueError(f"{n} and {len(right)} labels cannot be paired")
    if len({*left, *right}) < 2:
        return Absent(reason="both raters gave one label only, so kappa has no value")
    known = _known({*left, *right}, labels)
    places = {label: place for place, label in enumerate(known)}
    cells = np.array(
        [places[one] * len(known) + places[other] for one, other in zip(left, right, strict=True)]
    )
    of_draws = _kappas(cells, len(known), weights)
    table = np.bincount(cells, minlength=len(known) ** 2).reshape(len(known), -1)
    value = float(of_draws(np.ones((1, n)))[0, 0])
    return Measured(
        value=value,
        unit="",
        n=n,
        interval=_asymptotic(table, weights, value)
        if clusters is None
        else weighted_bootstrap(n, of_draws, clusters, seed=seed)[0],
        how="Cohen 1960",
        source=f"{weights or 'unweighted'} kappa over {len(known)} labels",
    )


def _known(given: set[Hashable], labels: Sequence[Any] | None) -> list[Any]:
    """Return all labels in order: those named, or those given."""
    if labels is None:
        return sorted(given, key=lambda label: (type(label).__name__, label))
    if not given <= set(labels):
        raise ValueError(f"{given - set(labels)} is none of the labels")
    return list(labels)


def _kappas(cells: np.ndarray, count: int, weights: str | None) -> Statistics:
    """Return what makes kappas of draws of items, each in one cell of the labels' square table."""
    apart = np.abs(np.subtract.outer(np.arange(count), np.arange(count))).astype(float)
    cost = apart**2 if weights == "quadratic" else apart if weights else (apart > 0).astype(float)
    member = np.zeros((cells.size, count * count))
    member[np.arange(cells.size), cells] = 1.0

    def of_draws(drawn: np.ndarray) -> np.ndarray:
        tables = (drawn @ member).reshape(-1, count, count)
        rows, columns = tables.sum(axis=2), tables.sum(axis=1)
        expected = ((rows @ cost) * columns).sum(axis=1) / tables.sum(axis=(1, 2))
        with np.errstate(all="ignore"):
            # A draw in which chance agreement is certain has no kappa.
            return np.asarray((1.0 - (tables * cost).sum(axis=(1, 2)) / expected)[np.newaxis])

    return of_draws


def _asymptotic(table: np.ndarray, weights: str | None, value: float) -> Interval | None:
    with np.errstate(all="ignore"):
        # Rounding may leave a variance below 0; its root, no number, then leaves no interval.
        found = cohens_kappa(table, wt=weights)
    error = float(found.std_kappa)
    half = float(stats.norm.ppf(0.975)) * error
    if not math.isfinite(half):
        return None
    method = "asymptotic" if error > 0 else "asymptotic, no spread seen"
    return Interval(low=max(-1.0, value - half), high=min(1.0, value + half), method=method)


def _squares(table: np.ndarray) -> Statistics:
    """Return what makes interval alphas of draws of items: differences squared, by their sums."""
    rated = (~np.isnan(table)).sum(axis=0)
    # About the mean: squares of large ratings would leave nothing of small differences.
    centred = np.nan_to_num(table - np.nanmean(table))
    sums, squares = centred.sum(axis=0), (centred**2).sum(axis=0)
    within = 2 * (rated * squares - sums**2) / (rated - 1)

    def of_draws(drawn: np.ndarray) -> np.ndarray:
        count = drawn @ rated
        among = 2 * (count * (drawn @ squares) - (drawn @ sums) ** 2) / (count - 1)
        with np.errstate(all="ignore"):
            # A draw of one rating alone has nothing to disagree about.
            return np.asarray((1.0 - (drawn @ within) / among)[np.newaxis])

    return of_draws


def _coincidences(table: np.ndarray, level: Scale) -> Statistics:
    """Return what makes alphas of draws of items from the coincidences of values."""
    values = np.unique(table[~np.isnan(table)])
    counts = np.array([(table == value).sum(axis=0) for value in values], dtype=float).T
    pairs = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(values.size)
    each = (pairs / (counts.sum(axis=1) - 1)[:, None, None]).reshape(len(counts), -1)

    def of_draws(drawn: np.ndarray) -> np.ndarray:
        seen = (drawn @ each).reshape(-1, values.size, values.size)
        totals = seen.sum(axis=2)
        distance = _distance(values, totals, level)
        chance = totals[:, :, None] * totals[:, None, :]
        expected = (chance * distance).sum(axis=(1, 2)) / (totals.sum(axis=1) - 1)
        with np.errstate(all="ignore"):
            # Where a draw has one value alone, chance can't disagree either: 0 / 0.
            return np.asarray((1.0 - (seen * distance).sum(axis=(1, 2)) / expected)[np.newaxis])

    return of_draws


def _distance(values: np.ndarray, totals: np.ndarray, level: Scale) -> np.ndarray:
    """Return the squared difference of each pair of values, (draws or 1) x values x values."""
    if level == "nominal":
        return np.asarray(1.0 - np.eye(values.size))[np.newaxis]
    # Ordinal: all ratings between the two ranks, and half of those at either end.
    ordinal = np.cumsum(totals, axis=1) - totals / 2
    places = ordinal if level == "ordinal" else values[np.newaxis]
    apart = places[:, :, None] - places[:, None, :]
    if level == "ratio":
        sums = places[:, :, None] + places[:, None, :]
        apart = apart / np.where(sums == 0, 1.0, sums)
    return np.asarray(apart**2)
