"""The difference between two results: how large it is, how sure it is, what could be seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slmbench.stats.laws import normal_quantile, normal_upper, t_quantile, t_upper


@dataclass(frozen=True)
class Difference:
    """Candidate minus baseline; interval, error and p are None where the spread is unknown.

    Attributes:
        n: pairs, or for unpaired results the smaller of the two counts.
        df: degrees of freedom that ``low`` and ``high`` rest on; None means the normal law.
        clusters: how many clusters the error rests on; None where items are independent.
        detectable: the smallest true difference the data would show with 80 % power.
        gained: 0/1 outcomes that only the candidate has right; None for any other values.
        lost: those that only the baseline has right.
    """

    difference: float
    low: float | None
    high: float | None
    standard_error: float | None
    p: float | None
    n: int
    paired: bool
    method: str
    df: float | None = None
    clusters: int | None = None
    detectable: float | None = None
    gained: int | None = None
    lost: int | None = None

    @property
    def is_finite(self) -> bool:
        """Say whether all its numbers are: values near the largest float overflow in a square."""
        numbers = (self.difference, self.low, self.high, self.standard_error, self.p, self.df)
        return all(each is None or math.isfinite(each) for each in (*numbers, self.detectable))


def unknown_spread(difference: float, n: int, paired: bool) -> Difference:
    """Return a difference of too few values to say how sure it is."""
    return Difference(difference, None, None, None, None, n, paired, "too few values")


def smallest_detectable(
    standard_error: float, alpha: float = 0.05, power: float = 0.8
) -> float | None:
    """Return ``(z_{alpha/2} + z_{power}) * SE``, or None where no spread was seen.

    Miller 2024, arXiv 2411.00640, section 5 (equation 9 solved for the effect).
    """
    if standard_error <= 0.0:
        return None
    return (normal_quantile(1 - alpha / 2) + normal_quantile(power)) * standard_error


def critical_value(df: float | None, level: float = 0.95) -> float:
    """Return how many standard errors a two-sided interval reaches on either side."""
    q = 0.5 + level / 2.0
    return normal_quantile(q) if df is None else t_quantile(q, df)


def upper_tail(statistic: float, df: float | None) -> float:
    """Return the one-sided p of a t (or, without ``df``, a normal) statistic."""
    return normal_upper(statistic) if df is None else t_upper(statistic, df)


def two_sided_p(difference: float, standard_error: float, df: float | None) -> float:
    """Return the p of no difference; without any spread it is 1 at zero and 0 beside it."""
    if standard_error <= 0.0:
        return 1.0 if difference == 0.0 else 0.0
    return min(1.0, 2.0 * upper_tail(abs(difference) / standard_error, df))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for testing a family (Holm 1979, Scand. J. Stat. 6:65).

    The i-th smallest of m is multiplied by m - i + 1, and none falls below the one before it. What
    statsmodels' ``multipletests(method="holm")`` gives, without the second that its import takes.
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    return [float(each) for each in np.minimum(adjusted, 1.0)]
