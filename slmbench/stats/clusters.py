"""Items that share a passage, a subject or a template: how sure a mean of them is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

Clusters = Sequence[str | None]


def cluster_count(clusters: Clusters | None) -> int | None:
    """Return how many clusters there are, or None where they say nothing about the spread.

    They are useful when there are two or more and one holds several items. An item without a
    cluster stands alone.
    """
    if clusters is None:
        return None
    count = _numbered(tuple(clusters))[1]
    return count if 2 <= count < len(clusters) else None


def cluster_numbers(clusters: Clusters) -> np.ndarray:
    """Return the number of each item's cluster, from 0 in the order of first appearance."""
    return _numbered(tuple(clusters))[0]


def clustered_standard_error(values: Sequence[float], clusters: Clusters | None = None) -> float:
    """Return the standard error of a mean; items of one cluster may move together.

    ``sqrt(SE_CLT^2 + 1/n^2 sum_c sum_i sum_{j != i} (s_ic - mean)(s_jc - mean))``, Miller 2024,
    "Adding error bars to evals", arXiv 2411.00640, equations 1 and 4. The double sum of a cluster
    is the square of its summed deviations less the sum of their squares.

    Raises:
        ValueError: fewer than two values, or one that is not finite.
    """
    deviation = _deviations(values)
    n, squares = deviation.size, float(deviation @ deviation)
    variance = squares / (n - 1) / n
    if clusters is not None and cluster_count(clusters) is not None:
        sums = np.bincount(cluster_numbers(clusters), weights=deviation)
        variance += (float(sums @ sums) - squares) / n**2
    return math.sqrt(max(variance, 0.0))


def jackknife_error(values: Sequence[float], clusters: Clusters | None = None) -> float:
    """Return the standard error that intervals and tests of a mean rest on.

    Without useful clusters it is the plain one. With them it is the cluster jackknife,
    ``sqrt((G-1)/G sum_c (S_c / (n - n_c))^2)`` with S_c the summed deviations of a cluster of n_c
    items (CV3 of MacKinnon, Nielsen and Webb 2023, J. Econometrics 232:272). Miller's error is too
    small by sqrt((G-1)/G) for G equal clusters, and by more for unequal ones; it is kept beside
    this one because it is the one that other tools report.

    Raises:
        ValueError: fewer than two values, or one that is not finite.
    """
    count = cluster_count(clusters)
    if clusters is None or count is None:
        return clustered_standard_error(values)
    shifts = _jackknife_shifts(values, clusters)
    return math.sqrt((count - 1) / count * float(shifts @ shifts))


def jackknife_freedom(values: Sequence[float] | np.ndarray, clusters: Clusters) -> float:
    """Return the degrees of freedom of the square of a clustered `jackknife_error`.

    Those of the chi-square law with as large a relative variance (Satterthwaite 1946, Biometrics
    Bulletin 2:110), from 1 to G - 1:
    ``(sum u_c)^2 / (sum u_c^2 + sum_{c != d} u_c^2 u_d^2 + e / 2 sum u_c^2)``. Without e these are
    Bell and McCaffrey's (2002, Survey Methodology 28:169, equation 10) for a mean whose items are
    normal and independent, ``tr(O)^2 / tr(O^2)``: the shifts of the mean without a cluster of
    n_c items then have the variances ``u_c / n`` and covariances ``-u_c u_d / n`` with
    ``u_c = n_c / (n - n_c)``. That is G - 1 for equal clusters, and 27 for MMLU's 57 subjects. e is
    the excess kurtosis of the shifts, each divided by its own spread (for small samples less
    3 (G - 1) / (G + 1), a normal sample's mean; never below 0), which enters the variance of a
    square as the fourth cumulant: where few clusters make nearly all of the error, as they do for
    shares near 0 or 1, it is known far worse than the sizes say. Simulated beside other choices:
    the random effects of Imbens and Kolesar (2016, Rev. Econ. Stat. 98:701) make intervals of this
    jackknife a fifth too wide, G - 1 some 5 % too narrow.
    """
    numbers = cluster_numbers(clusters)
    sizes = np.bincount(numbers)
    u = sizes / (numbers.size - sizes)
    shifts = _jackknife_shifts(values, clusters)
    alike = shifts**2 / u
    mean, most = float(alike.mean()), u.size - 1.0
    squares = float(u @ u)
    spread = squares + squares**2 - float((u**2) @ (u**2))
    if mean > 0.0:
        excess = float(((alike / mean) ** 2).mean()) - 3.0 * most / (most + 2.0)
        spread += max(excess, 0.0) / 2.0 * squares
    return min(max(float(u.sum()) ** 2 / spread, 1.0), most)


def _jackknife_shifts(values: Sequence[float] | np.ndarray, clusters: Clusters) -> np.ndarray:
    """Return by how much the mean would move without each cluster, up to its sign."""
    numbers = cluster_numbers(clusters)
    sums = np.bincount(numbers, weights=_deviations(values))
    shifts: np.ndarray = sums / (numbers.size - np.bincount(numbers))
    return shifts


@lru_cache(maxsize=16)
def _numbered(clusters: tuple[str | None, ...]) -> tuple[np.ndarray, int]:
    """Return `cluster_numbers` and how many there are; all metrics of a job ask for the same."""
    known: dict[tuple[int, str], int] = {}
    keys = [(i, "") if label is None else (-1, label) for i, label in enumerate(clusters)]
    numbers = np.array([known.setdefault(key, len(known)) for key in keys], dtype=int)
    numbers.setflags(write=False)
    return numbers, len(known)


def _deviations(values: Sequence[float] | np.ndarray) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    if not np.all(np.isfinite(array)):
        raise ValueError("a score that is NaN or infinite is not a measurement")
    if array.size < 2:
        raise ValueError("the spread of one value is unknown")
    deviations: np.ndarray = array - array.mean()
    return deviations
