"""Tails and quantiles of the normal, Student's and the binomial law, from `scipy.special` alone.

`scipy.stats` has them too, by the same functions; to import it takes longer than a gate on 14,000
items does, and a verdict needs nothing else of it.
"""

from __future__ import annotations

import numpy as np
from scipy import special

__all__ = [
    "binomial_cdf",
    "binomial_cdfs",
    "binomial_pmf",
    "binomial_upper",
    "normal_cdf",
    "normal_quantile",
    "normal_upper",
    "t_quantile",
    "t_upper",
]


def normal_quantile(q: float) -> float:
    """Return what a standard normal value lies below with probability ``q``."""
    return float(special.ndtri(q))


def normal_cdf(z: float) -> float:
    """Return P(Z <= z)."""
    return float(special.ndtr(z))


def normal_upper(z: float) -> float:
    """Return P(Z > z), exact far out where ``1 - normal_cdf`` is only rounding."""
    return float(special.ndtr(-z))


def t_quantile(q: float, df: float) -> float:
    """Return what Student's t with ``df`` degrees of freedom lies below with probability ``q``."""
    return float(special.stdtrit(df, q))


def t_upper(t: float, df: float) -> float:
    """Return P(T > t) of Student's t with ``df`` degrees of freedom."""
    return float(special.stdtr(df, -t))


def binomial_cdf(k: int, n: int, p: float) -> float:
    """Return P(X <= k) of n trials: the incomplete beta function I_{1-p}(n - k, k + 1).

    Abramowitz and Stegun 1964, equation 26.5.24.
    """
    if k < 0:
        return 0.0
    return 1.0 if k >= n else float(special.betaincc(k + 1.0, float(n - k), p))


def binomial_cdfs(n: int, p: float) -> np.ndarray:
    """Return P(X <= k) for k from 0 to n - 1, shape (n,)."""
    k = np.arange(n, dtype=float)
    return np.asarray(special.betaincc(k + 1.0, n - k, p))


def binomial_upper(k: int, n: int, p: float) -> float:
    """Return P(X > k) of n trials."""
    if k < 0:
        return 1.0
    return 0.0 if k >= n else float(special.betainc(k + 1.0, float(n - k), p))


def binomial_pmf(k: int, n: int, p: float) -> float:
    """Return P(X = k) of n trials, 0 < p < 1."""
    if not 0 <= k <= n:
        return 0.0
    chosen = -np.log1p(n) - special.betaln(n - k + 1.0, k + 1.0)
    return float(np.exp(chosen + k * np.log(p) + (n - k) * np.log1p(-p)))
