"""The difference between two results: how large it is, how sure it is, what could be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats
from statsmodels.stats.multitest import multipletests


@dataclass(frozen=True)
class Difference:
    """Candidate minus baseline; interval, error and p are None where the spread is unknown.

    Attributes:
        n: pairs, or for unpaired results the smaller of the two counts.
        df: degrees of freedom that ``low`` and ``high`` rest on; None means the normal law.
        clusters: how many clusters the error rests on; None where items are independent.
        detectable: the smallest true difference the data would show with 80 % power.
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
    return float(stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(power)) * standard_error


def critical_value(df: float | None, level: float = 0.95) -> float:
    """Return how many standard errors a two-sided interval reaches on either side."""
    q = 0.5 + level / 2.0
    return float(stats.norm.ppf(q) if df is None else stats.t.ppf(q, df))


def upper_tail(statistic: float, df: float | None) -> float:
    """Return the one-sided p of a t (or, without ``df``, a normal) statistic."""
    return float(stats.norm.sf(statistic) if df is None else stats.t.sf(statistic, df))


def two_sided_p(difference: float, standard_error: float, df: float | None) -> float:
    """Return the p of no difference; without any spread it is 1 at zero and 0 beside it."""
    if standard_error <= 0.0:
        return 1.0 if difference == 0.0 else 0.0
    return min(1.0, 2.0 * upper_tail(abs(difference) / standard_error, df))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for testing a family (Holm 1979, Scand. J. Stat. 6:65)."""
    if len(p_values) < 2:
        # Nothing to correct; statsmodels would also run a slow full garbage collection.
        return list(p_values)
    return [float(p) for p in multipletests(list(p_values), method="holm")[1]]
