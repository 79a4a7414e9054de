"""Differences of means: paired on the same items, with clusters, or of two separate samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from slmbench.stats.clusters import (
    Clusters,
    cluster_count,
    clustered_standard_error,
    jackknife_error,
    jackknife_freedom,
)
from slmbench.stats.difference import (
    Difference,
    critical_value,
    holm,
    smallest_detectable,
    two_sided_p,
    unknown_spread,
)
from slmbench.stats.interval import is_binary, wilson
from slmbench.stats.laws import binomial_cdf, binomial_pmf
from slmbench.stats.serial import batch_means

__all__ = [
    "FEW_DISCORDANT",
    "Difference",
    "difference_of_intervals",
    "holm",
    "mcnemar",
    "paired_difference",
    "smallest_detectable",
    "unpaired_difference",
]

#: Below this many items whose 0/1 outcome changed, the normal law understates the spread: the
#: usual bound for an exact McNemar test.
FEW_DISCORDANT = 25


def mcnemar(gained: int, lost: int, mid_p: bool = False) -> float:
    """Return McNemar's exact two-sided p that as many items were gained as lost.

    The exact form is binomial(gained + lost, 1/2), what statsmodels' ``mcnemar(exact=True)``
    gives; mid-p counts the observed table half (Fagerland et al. 2013, BMC Med. Res. Meth. 13:91).
    """
    total, fewer = gained + lost, min(gained, lost)
    if total == 0:
        return 1.0
    p = min(1.0, 2.0 * binomial_cdf(fewer, total, 0.5))
    if not mid_p:
        return p
    observed = binomial_pmf(fewer, total, 0.5)
    return 1.0 - observed if gained == lost else p - observed


def paired_difference(
    baseline: Sequence[float] | np.ndarray,
    candidate: Sequence[float] | np.ndarray,
    clusters: Clusters | None = None,
    level: float = 0.95,
) -> Difference:
    """Return mean(candidate - baseline) over the same items, in the same order.

    Student's t on the paired differences, with clustered standard errors where ``clusters`` are
    useful (Miller 2024, arXiv 2411.00640, sections 4 and 2.2); the interval and p then rest on the
    cluster jackknife and its degrees of freedom (`jackknife_freedom`), and the reported error is a
    little smaller than the jackknife's. The p of independent 0/1 outcomes is McNemar's. Where fewer
    than 25 outcomes changed, the interval is at least as wide as Bonett and Price's adjusted Wald
    interval (2012, J. Educ. Behav. Stat. 37:479), which adds one gained and one lost item: no
    change seen is not proof that none can happen.
    """
    before, after = np.asarray(baseline, dtype=float), np.asarray(candidate, dtype=float)
    if before.shape != after.shape or before.size == 0:
        raise ValueError(f"{before.size} and {after.size} values cannot be paired")
    change = after - before
    n, count = change.size, cluster_count(clusters)
    difference = float(change.mean())
    if n < 2:
        return unknown_spread(difference, n, paired=True)
    error = clustered_standard_error(change.tolist(), clusters)
    spread = error if count is None else jackknife_error(change.tolist(), clusters)
    df = n - 1.0 if count is None or clusters is None else jackknife_freedom(change, clusters)
    half = critical_value(df, level) * spread
    p = two_sided_p(difference, spread, df)
    low, high = difference - half, difference + half
    gained, lost = int((change > 0).sum()), int((change < 0).sum())
    binary = is_binary(before) and is_binary(after)
    if binary:
        wide = _adjusted_wald(gained, lost, n, count if error == 0.0 else None)
        if gained + lost < FEW_DISCORDANT or error == 0.0:
            half = max(half, critical_value(None, level) * wide)
        # The plain error is kept wherever it says something: it is the one other tools report.
        error = error or wide
        low, high = max(-1.0, difference - half), min(1.0, difference + half)
        p = _binary_p(gained, lost, n, count, p)
    method = "paired t" if count is None else f"paired t, {count} clusters"
    found = Difference(difference, low, high, error, p, n, True, method)
    if binary:
        found = replace(found, gained=gained, lost=lost)
    return replace(found, df=df, clusters=count, detectable=smallest_detectable(error))


def unpaired_difference(
    baseline: Sequence[float] | np.ndarray,
    candidate: Sequence[float] | np.ndarray,
    level: float = 0.95,
    blocks: tuple[int, int] = (1, 1),
) -> Difference:
    """Return mean(candidate) - mean(baseline) of two separate samples.

    Welch's t (Welch 1947, Biometrika 34:28) with Satterthwaite's degrees of freedom; two 0/1
    samples get Newcombe's hybrid score interval (1998, Stat. Med. 17:873, method 10). Readings in
    time's order that are alike for a while have the error of their `batch_means`, ``blocks`` being
    how many of each side make a batch (`block_length`).
    """
    before, after = np.asarray(baseline, dtype=float), np.asarray(candidate, dtype=float)
    if before.size == 0 or after.size == 0:
        raise ValueError("a difference needs values on both sides")
    difference, n = float(after.mean() - before.mean()), min(before.size, after.size)
    if n < 2:
        return unknown_spread(difference, n, paired=False)
    old, new = (batch_means(side, size) for side, size in zip((before, after), blocks, strict=True))
    parts = [float(side.var(ddof=1)) / side.size for side in (old, new)]
    error = math.sqrt(sum(parts))
    df = _satterthwaite(parts, (old.size, new.size))
    half = critical_value(df, level) * error
    low, high, method = difference - half, difference + half, "welch t"
    if max(blocks) > 1:
        method = f"welch t, {old.size} and {new.size} batch means"
    p = two_sided_p(difference, error, df)
    if blocks == (1, 1) and is_binary(before) and is_binary(after):
        low, high = _newcombe(before, after, level)
        method = "newcombe"
        if error == 0.0:
            error = (high - low) / 2.0 / critical_value(None, level)
            p = two_sided_p(difference, error, None)
    return Difference(
        difference=difference,
        low=low,
        high=high,
        standard_error=error,
        p=p,
        n=n,
        paired=False,
        method=method,
        df=df,
        detectable=smallest_detectable(error),
    )


def difference_of_intervals(
    baseline: tuple[float, float, float], candidate: tuple[float, float, float], level: float
) -> Difference:
    """Return the difference of two (value, low, high), for results whose items are not known.

    Each interval is read as normal, so the squared half-widths add (Altman and Bland 2003,
    BMJ 326:219); what the two runs share is unknown, so the result errs on the wide side.
    """
    z = critical_value(None, level)
    error = math.hypot(*((high - low) / 2.0 / z for _, low, high in (baseline, candidate)))
    difference = candidate[0] - baseline[0]
    return Difference(
        difference=difference,
        low=difference - z * error,
        high=difference + z * error,
        standard_error=error,
        p=two_sided_p(difference, error, None),
        n=0,
        paired=False,
        method="difference of two intervals",
        detectable=smallest_detectable(error),
    )


def _adjusted_wald(gained: int, lost: int, n: int, witnesses: int | None) -> float:
    """Return Bonett and Price's standard error of a difference of paired proportions.

    ``witnesses`` is the number of clusters whose items all fared alike: no more than that many
    independent trials were seen, however many items they hold.
    """
    trials = witnesses or n
    up = (gained * trials / n + 1) / (trials + 2)
    down = (lost * trials / n + 1) / (trials + 2)
    return math.sqrt((up + down - (up - down) ** 2) / (trials + 2))


def _binary_p(gained: int, lost: int, n: int, count: int | None, p: float) -> float:
    if count is None:
        return mcnemar(gained, lost)
    if gained == n or lost == n:
        # Every outcome changed one way, so the clustered error is zero: a sign test on clusters.
        return mcnemar(count, 0)
    return p


def _satterthwaite(parts: Sequence[float], sizes: Sequence[int]) -> float:
    below = sum(part**2 / (size - 1) for part, size in zip(parts, sizes, strict=True))
    # Variances whose squares underflow are as good as none; the pooled count then stands in.
    return sum(parts) ** 2 / below if below > 0.0 else float(sum(sizes) - 2)


def _newcombe(before: np.ndarray, after: np.ndarray, level: float) -> tuple[float, float]:
    ones = (float(before.sum()), float(after.sum()))
    old, new = wilson(ones[0], before.size, level), wilson(ones[1], after.size, level)
    share = (ones[0] / before.size, ones[1] / after.size)
    difference = share[1] - share[0]
    down = math.hypot(share[1] - new.low, old.high - share[0])
    up = math.hypot(new.high - share[1], share[0] - old.low)
    return difference - down, difference + up
