"""Between which ranks a model may lie: only what the data shows counts as better or worse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

#: Models of which all pairs are sorted at once; 2,000 make four million.
HOLM_MOST = 2000
_PAIRS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Ranks:
    """Lowest and highest plausible ranks, 1 being the best, and which pairs differ.

    Attributes:
        best: (models,) whole numbers: one more than the models that are shown to be better.
        worst: (models,): all models less those that are shown to be worse.
        above: (models, models): row is shown to be better than column.
    """

    best: np.ndarray
    worst: np.ndarray
    above: np.ndarray

    @classmethod
    def of(cls, above: np.ndarray) -> Ranks:
        """Return the ranks that follow from which pairs differ."""
        return cls(1 + above.sum(axis=0), len(above) - above.sum(axis=1), above)


def rank_intervals(values: np.ndarray, covariance: np.ndarray, level: float = 0.95) -> Ranks:
    """Return between which ranks each model lies, all of them at once at the level.

    Every pair is tested in both directions, ``z = difference / its standard error`` against the
    normal law, and the one-sided p values of all pairs are corrected together by Holm 1979,
    Scandinavian J. Statistics 6:65. A model's rank is then bounded by the models shown to be
    better and those shown to be worse (Mogstad, Romano, Shaikh and Wilhelm 2024, "Inference for
    ranks", Review of Economic Studies 91:476; Al Mohamad, Goeman and van Zwet 2022, Biometrics
    78:238). Where two values are known exactly, their order is; equal ones share their ranks.

    Above `HOLM_MOST` models Holm's steps, which take all pairs at once, give way to his first one
    alone (Bonferroni), which shows a little less.

    Args:
        values: (models,), more is better.
        covariance: (models, models) of their errors, or (models,) variances of independent ones;
            an error that is not known is infinite: such a model has every rank.
        level: how probable it is, at least, that all intervals hold.

    Raises:
        ValueError: a value or a covariance is NaN, or the shapes do not fit.
    """
    means, errors = np.asarray(values, dtype=float), np.asarray(covariance, dtype=float)
    models = means.size
    fits = errors.shape in ((models, models), (models,))
    if not fits or np.isnan(errors).any() or not np.isfinite(means).all():
        raise ValueError(f"{models} values need a covariance of {models} x {models} numbers")
    alpha = 1.0 - level
    if models <= HOLM_MOST:
        above = _holm(_upper_p(means, errors, np.arange(models)), alpha)
    else:
        above = np.zeros((models, models), dtype=bool)
        for rows in np.array_split(np.arange(models), 1 + models * models // _PAIRS_AT_ONCE):
            above[rows] = _upper_p(means, errors, rows) <= alpha / (models * (models - 1))
    np.fill_diagonal(above, False)
    return Ranks.of(above)


def paired_ranks(
    difference: np.ndarray, variance: np.ndarray, step: np.ndarray, level: float = 0.95
) -> Ranks:
    """Return between which ranks each model lies where every pair was measured for itself.

    ``z = (difference - step) / sqrt(variance)`` against the normal law, corrected for all pairs by
    Holm as in `rank_intervals`. With the variance about no difference, the sum of the squared
    differences of the items, z is Efron's self-normalised sum (1969, "Student's t-test under
    symmetry conditions", J. American Statistical Association 64:1278): the sign-flipping test of
    paired items in large samples. The step, the largest difference of one item, is its continuity
    correction (for items that are right or wrong that of McNemar's test: Edwards 1948,
    Psychometrika 13:185), which keeps the test from showing too much in small ones.

    Args:
        difference: (models, models), row less column, more is better.
        variance: (models, models) of each difference; infinite where nothing is known of a pair.
        step: (models, models), at least 0.
        level: how probable it is, at least, that all intervals hold.

    Raises:
        ValueError: a number is NaN, or there are more than `HOLM_MOST` models.
    """
    if len(difference) > HOLM_MOST or any(np.isnan(x).any() for x in (difference, variance, step)):
        raise ValueError(f"pairs of up to {HOLM_MOST} models, each with numbers, can be ranked")
    above = _holm(_tail(difference - step, variance), 1.0 - level)
    return Ranks.of(above & (difference > 0.0))


def _upper_p(means: np.ndarray, errors: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the p of "row is no better than column", 1 where nothing is known of it."""
    own = errors if errors.ndim == 1 else np.diag(errors)
    variance = own[rows, None] + own[None, :]
    if errors.ndim == 2:
        shared = np.where(np.isfinite(errors[rows]), errors[rows], 0.0)
        variance = np.maximum(variance - 2.0 * shared, 0.0)
    return _tail(means[rows, None] - means[None, :], variance)


def _tail(difference: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Return the p of a difference that is not above 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        z = difference / np.sqrt(variance)
    # Without an error the order itself is known: infinitely sure, and equal values are equal.
    exact = variance == 0.0
    z[exact] = np.where(difference[exact] > 0.0, np.inf, -np.inf)
    z[np.isinf(variance)] = -np.inf
    return np.asarray(special.ndtr(-z))


def _holm(p: np.ndarray, alpha: float) -> np.ndarray:
    """Return which of the off-diagonal hypotheses fall, corrected for all of them."""
    models = len(p)
    found = np.zeros((models, models), dtype=bool)
    rows, columns = np.nonzero(~np.eye(models, dtype=bool))
    flat = p[rows, columns]
    order = np.argsort(flat, kind="stable")
    holds = flat[order] <= alpha / np.arange(flat.size, 0, -1)
    fallen = order[: flat.size if holds.all() else int(np.argmin(holds))]
    found[rows[fallen], columns[fallen]] = True
    return found
