"""Simulated data for which the truth is known, and whether each interval of ours holds it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from scipy import stats

from slmbench.schema.base import Absent, Interval
from slmbench.stats.correlation import correlations
from slmbench.stats.difference import Difference
from slmbench.stats.grouped import grouped_quantile_interval, rate_interval
from slmbench.stats.interval import mean_interval, wilson
from slmbench.stats.paired import paired_difference, unpaired_difference
from slmbench.stats.quantiles import quantile_interval
from slmbench.stats.rank_sum import pair_share, share_interval
from slmbench.stats.resample import bootstrap_interval
from slmbench.stats.resampled_difference import (
    paired_statistic_difference,
    unpaired_statistic_difference,
)
from slmbench.stats.weighted_bootstrap import weighted_bootstrap

Random = np.random.Generator
#: One trial: an interval and the truth it should hold, or None where there is no interval.
Trial = Callable[[Random], tuple[float, float, float] | None]


@dataclass(frozen=True)
class Coverage:
    """One kind of data and one interval.

    ``promise`` is ``near`` (within a point of 95 %), ``least`` (no more than a point below it) or
    ``none`` (outside of what the docstring promises; shown so that nobody is misled). ``costly``
    cells draw thousands of resamples in each trial.
    """

    name: str
    n: int
    trial: Trial
    promise: str = "near"
    costly: bool = False


def cells() -> Iterator[Coverage]:
    """Yield every cell of the table."""
    yield from _proportions()
    yield from _means()
    yield from _quantiles()
    yield from _paired_outcomes()
    yield from _differences()
    yield from _resampled()
    yield from _ranks()


def _held(
    interval: Interval | Difference | None, truth: float
) -> tuple[float, float, float] | None:
    if interval is None or interval.low is None or interval.high is None:
        return None
    return interval.low, interval.high, truth


_wilson = cache(wilson)


def _proportions() -> Iterator[Coverage]:
    def one(rng: Random, p: float, n: int) -> tuple[float, float, float] | None:
        # The lattice of k / n makes any single p lucky or unlucky (Brown, Cai and DasGupta 2001,
        # Stat. Science 16:101), so p varies by two points about its cell's.
        truth = p + rng.uniform(-0.02, 0.02)
        return _held(_wilson(int(rng.binomial(n, truth)), n), truth)

    def shared(rng: Random, p: float, clusters: int) -> tuple[float, float, float] | None:
        values, labels = clustered_outcomes(rng, p, np.full(clusters, 10), 0.2)
        return _held(mean_interval(values, labels), p)

    for n in (50, 200, 1000):
        for p in (0.05, 0.2, 0.5, 0.8, 0.95):
            # Of a handful of successes it errs on the wide side.
            promise = "least" if n * min(p, 1.0 - p) < 5.0 else "near"
            yield Coverage(f"Wilson, p about {p}", n, partial(one, p=p, n=n), promise)
    for clusters in (20, 50):
        for p in (0.05, 0.3, 0.5, 0.95):
            name = f"Wilson of {clusters} clusters, p {p}"
            yield Coverage(name, 10 * clusters, partial(shared, p=p, clusters=clusters), "least")


def clustered_outcomes(
    rng: Random, p: float, sizes: np.ndarray, icc: float
) -> tuple[list[float], list[str]]:
    """Return 0/1 outcomes of clusters whose own shares are beta-distributed about p."""
    strength = (1.0 - icc) / icc
    shares = rng.beta(p * strength, (1.0 - p) * strength, sizes.size)
    owner = np.repeat(np.arange(sizes.size), sizes)
    values = (rng.random(owner.size) < shares[owner]).astype(float)
    return values.tolist(), [str(each) for each in owner]


#: name -> (draws n values, their mean): bounded scores as scorers give them, and times.
SHAPES: dict[str, tuple[Callable[[Random, int], np.ndarray], float]] = {
    "normal": (lambda rng, n: rng.normal(0.0, 1.0, n), 0.0),
    "uniform": (lambda rng, n: rng.random(n), 0.5),
    "beta(2, 5)": (lambda rng, n: rng.beta(2.0, 5.0, n), 2.0 / 7.0),
    "half zeros": (lambda rng, n: rng.beta(2.0, 2.0, n) * (rng.random(n) < 0.5), 0.25),
    "exponential": (lambda rng, n: rng.exponential(1.0, n), 1.0),
    "lognormal": (lambda rng, n: rng.lognormal(0.0, 1.0, n), math.exp(0.5)),
}
_SKEWED = {"exponential", "lognormal"}


def _promise(shape: str, n: int) -> str:
    return (
        "none" if shape in _SKEWED and n < (500 if shape == "exponential" else 10_000) else "near"
    )


def _means() -> Iterator[Coverage]:
    def plain(rng: Random, shape: str, n: int) -> tuple[float, float, float] | None:
        draw, truth = SHAPES[shape]
        return _held(mean_interval(draw(rng, n).tolist()), truth)

    def shared(rng: Random, sizes: np.ndarray, unequal: bool) -> tuple[float, float, float] | None:
        if unequal:
            sizes = np.maximum(1, rng.lognormal(3.0, 0.7, sizes.size).astype(int))
        owner = np.repeat(np.arange(sizes.size), sizes)
        values = rng.normal(0.0, 1.0, owner.size) + rng.normal(0.0, 0.6, sizes.size)[owner]
        return _held(mean_interval(values.tolist(), [str(each) for each in owner]), 0.0)

    def rate(rng: Random, n: int) -> tuple[float, float, float] | None:
        return _held(rate_interval(rng.gamma(9.0, 1.0, n).tolist()), 9.0)

    def drawn(rng: Random, shape: str, n: int) -> tuple[float, float, float] | None:
        draw, truth = SHAPES[shape]
        values = draw(rng, n)
        (found,) = weighted_bootstrap(n, lambda w: (w @ values / w.sum(axis=-1))[np.newaxis])
        return _held(found, truth)

    def median(rng: Random, n: int) -> tuple[float, float, float] | None:
        found = bootstrap_interval(rng.normal(0.0, 1.0, n).tolist(), _median)
        return _held(found, 0.0)

    for shape in SHAPES:
        for n in (50, 200, 1000):
            yield Coverage(f"t, {shape}", n, partial(plain, shape=shape, n=n), _promise(shape, n))
    for clusters in (10, 20, 57):
        even = np.full(clusters, 10)
        for unequal in (False, True):
            name = f"t of {clusters} clusters{', unequal' if unequal else ''}"
            promise = "near" if clusters > 10 else "none"
            trial = partial(shared, sizes=even, unequal=unequal)
            yield Coverage(name, int(even.sum()), trial, promise)
    yield Coverage("t of batch means", 50, partial(rate, n=50))
    for shape in ("normal", "beta(2, 5)", "half zeros", "exponential"):
        for n in (50, 200):
            trial = partial(drawn, shape=shape, n=n)
            yield Coverage(f"BCa mean, {shape}", n, trial, _promise(shape, n), costly=True)
    yield Coverage("BCa median, normal", 51, partial(median, n=51), costly=True)


def _median(rows: np.ndarray) -> float:
    return float(np.median(rows))


def _quantiles() -> Iterator[Coverage]:
    def one(rng: Random, q: float, n: int) -> tuple[float, float, float] | None:
        values = rng.exponential(1.0, n).tolist()
        return _held(quantile_interval(values, q), -math.log(1.0 - q))

    def grouped(rng: Random, q: float, groups: int) -> tuple[float, float, float] | None:
        centres = rng.normal(0.0, 0.5, groups)
        values = [rng.normal(centre, 1.0, 20).tolist() for centre in centres]
        truth = float(stats.norm.ppf(q)) * math.sqrt(1.25)
        return _held(grouped_quantile_interval(values, q), truth)

    for q in (0.5, 0.9, 0.95):
        for n in (100, 400):
            yield Coverage(f"order statistics, q {q}", n, partial(one, q=q, n=n), "least")
    for q in (0.5, 0.95):
        trial = partial(grouped, q=q, groups=50)
        yield Coverage(f"quantile of 50 groups, q {q}", 1000, trial, costly=True)


def outcome_pairs(
    rng: Random, n: int, gain: float, loss: float, right: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return 0/1 outcomes of two models: shares gained, lost, and right both times."""
    draw = rng.random(n)
    before = (draw < loss) | ((draw >= loss + gain) & (draw < loss + gain + right))
    after = (draw >= loss) & (draw < loss + gain + right)
    return before.astype(float), after.astype(float)


def _paired_outcomes() -> Iterator[Coverage]:
    def one(rng: Random, n: int, p: float, change: float) -> tuple[float, float, float] | None:
        loss = change * min(p, 1.0 - p) * rng.uniform(0.9, 1.1)
        gain = loss / 2.0
        before, after = outcome_pairs(rng, n, gain, loss, p - loss)
        return _held(paired_difference(before.tolist(), after.tolist()), gain - loss)

    def shared(rng: Random, clusters: int, p: float) -> tuple[float, float, float] | None:
        sizes = np.full(clusters, 10)
        flips, labels = clustered_outcomes(rng, 0.2, sizes, 0.15)
        before = (rng.random(len(flips)) < p).astype(float)
        after = np.where(np.asarray(flips) > 0, 1.0 - before, before)
        return _held(
            paired_difference(before.tolist(), after.tolist(), labels), 0.2 * (1.0 - 2.0 * p)
        )

    for n in (50, 200, 1000):
        for p in (0.05, 0.3, 0.5, 0.95):
            for change in (0.2, 0.6):
                # Where hardly an item changes, the widened interval errs on the wide side.
                few = n * change * min(p, 1.0 - p) * 1.5 < 25
                trial = partial(one, n=n, p=p, change=change)
                name = f"paired outcomes, p {p}, {change:.0%} change"
                yield Coverage(name, n, trial, "least" if few else "near")
    for clusters in (20, 57):
        for p in (0.1, 0.5):
            trial = partial(shared, clusters=clusters, p=p)
            yield Coverage(f"paired outcomes of {clusters} clusters, p {p}", 10 * clusters, trial)


def _differences() -> Iterator[Coverage]:
    def paired(rng: Random, n: int) -> tuple[float, float, float] | None:
        before = rng.beta(2.0, 5.0, n)
        after = 0.5 * before + 0.5 * rng.beta(2.0, 5.0, n)
        return _held(paired_difference(before.tolist(), after.tolist()), 0.0)

    def shared(rng: Random, clusters: int) -> tuple[float, float, float] | None:
        owner = np.repeat(np.arange(clusters), 10)
        after = rng.normal(0.0, 1.0, owner.size) + rng.normal(0.0, 0.6, clusters)[owner]
        zero = np.zeros(owner.size).tolist()
        labels = [str(each) for each in owner]
        return _held(paired_difference(zero, after.tolist(), labels), 0.0)

    def welch(rng: Random, n: int) -> tuple[float, float, float] | None:
        before, after = rng.normal(0.0, 1.0, n), rng.normal(0.0, 3.0, 2 * n)
        return _held(unpaired_difference(before.tolist(), after.tolist()), 0.0)

    def newcombe(rng: Random, n: int, p: float) -> tuple[float, float, float] | None:
        first, second = p + rng.uniform(-0.02, 0.02), p + rng.uniform(-0.02, 0.02)
        before, after = rng.random(n) < first, rng.random(n) < second
        found = unpaired_difference(before.astype(float).tolist(), after.astype(float).tolist())
        return _held(found, second - first)

    for n in (50, 200):
        yield Coverage("paired t of scores", n, partial(paired, n=n))
        yield Coverage("Welch t, unequal spread", n, partial(welch, n=n))
        for p in (0.1, 0.5, 0.95):
            yield Coverage(f"Newcombe, p {p}", n, partial(newcombe, n=n, p=p), "least")
    for clusters in (20, 57):
        trial = partial(shared, clusters=clusters)
        yield Coverage(f"paired t of {clusters} clusters", 10 * clusters, trial)


def _perplexity(rows: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.exp(-rows.mean(axis=-1))
    return found


def _medians(rows: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.median(rows, axis=-1)
    return found


def _resampled() -> Iterator[Coverage]:
    def paired(rng: Random, n: int) -> tuple[float, float, float] | None:
        before = rng.normal(-3.0, 0.5, n)
        after = before + rng.normal(0.0, 0.2, n)

        return _held(paired_statistic_difference((before, after), _perplexity), 0.0)

    def apart(rng: Random, n: int) -> tuple[float, float, float] | None:
        before, after = rng.lognormal(0.0, 0.3, (2, n))
        return _held(unpaired_statistic_difference(before, after, _medians), 0.0)

    for n in (50, 200):
        yield Coverage("difference of perplexities", n, partial(paired, n=n), costly=True)
        trial = partial(apart, n=n)
        yield Coverage("difference of two medians", n, trial, "least", costly=True)


def _ranks() -> Iterator[Coverage]:
    def share(rng: Random, n: int, shift: float) -> tuple[float, float, float] | None:
        first, second = rng.normal(shift, 1.0, n), rng.normal(0.0, 1.0, n)
        truth = float(stats.norm.cdf(shift / math.sqrt(2.0)))
        return _held(share_interval(pair_share(first, second), n, n), truth)

    def flat(rng: Random, name: str, n: int, rho: float) -> tuple[float, float, float] | None:
        human = rng.normal(0.0, 1.0, n)
        scores = rho * human + math.sqrt(1.0 - rho**2) * rng.normal(0.0, 1.0, n)
        found = correlations("sample", human.tolist(), scores.tolist(), range(n), [0] * n)[name]
        truth = {
            "pearson": rho,
            "spearman": 6.0 / math.pi * math.asin(rho / 2.0),
            "kendall_tau_b": 2.0 / math.pi * math.asin(rho),
        }[name]
        return None if isinstance(found, Absent) else _held(found.interval, truth)

    for n in (50, 200):
        for shift in (0.0, 0.75, 1.8):
            yield Coverage(f"rank sum share, shift {shift}", n, partial(share, n=n, shift=shift))
        for name in ("pearson", "spearman", "kendall_tau_b"):
            for rho in (0.0, 0.5, 0.8):
                trial = partial(flat, name=name, n=n, rho=rho)
                yield Coverage(f"{name}, rho {rho}", n, trial)
