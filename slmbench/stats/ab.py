"""Two models measured in turns: the order of the turns, their ratio, and how many are needed.

A block holds each stream twice, in a random order and then in that order mirrored: A B B A or
B A A B, and with a second copy of A, say, B A A' A' A B. Mirroring cancels whatever drifts
linearly through a block. The random order makes the test exact: where two streams are alike,
exchanging their places only turns the sign of a block's log-ratio, so that every pattern of signs
is equally likely whatever the host did meanwhile (bursts, heavy tails, autocorrelation, a job that
returns every minute). The signed-rank test (Wilcoxon 1945, Biometrics 1:80) rests on just that,
and its estimate and interval (Hodges and Lehmann 1963, Ann. Math. Stat. 34:598) are robust.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import numpy as np
from scipy import stats

from slmbench.stats.difference import holm

#: From this many blocks on the rank sum's law is taken as normal; it then agrees to 1e-4.
_EXACT_BLOCKS = 300
#: More blocks than this are not recommended: nobody waits for them.
MOST_BLOCKS = 400
_TRIALS = 1000
Name = TypeVar("Name", bound=str)
#: Recommended on top of the fewest blocks that could show anything.
_SPARE_BLOCKS = 5


@dataclass(frozen=True)
class Ratio:
    """Candidate over baseline; the interval is None where there are too few blocks for its level.

    Attributes:
        ratio: the typical ratio: above 1 the candidate's number is the larger.
        low: lower end of the interval.
        high: upper end of the interval.
        p: two-sided p of a ratio of 1.
        blocks: how many blocks it rests on.
        detectable: the smallest ratio above 1 that would be shown with 80 % power, or None.
    """

    ratio: float
    low: float | None
    high: float | None
    p: float
    blocks: int
    detectable: float | None


def block_orders(streams: Sequence[Name], blocks: int, seed: int) -> list[tuple[Name, ...]]:
    """Return the order of each block's turns: a random one of the streams, then its mirror image.

    The same seed gives the same orders.
    """
    choose = random.Random(seed)
    orders = []
    for _ in range(blocks):
        order = list(streams)
        choose.shuffle(order)
        orders.append((*order, *reversed(order)))
    return orders


def block_log_ratio(baseline: Sequence[float], candidate: Sequence[float]) -> float:
    """Return mean(log candidate) - mean(log baseline) of one block's turns.

    Raises:
        ValueError: a side has no turn, or a value is not positive.
    """
    if not baseline or not candidate or min(*baseline, *candidate) <= 0.0:
        raise ValueError("a ratio needs positive values on both sides")
    return math.fsum(map(math.log, candidate)) / len(candidate) - math.fsum(
        map(math.log, baseline)
    ) / len(baseline)


def paired_ratio(log_ratios: Sequence[float], level: float = 0.95) -> Ratio:
    """Return the ratio that blocks of log-ratios show.

    Raises:
        ValueError: there is no block.
    """
    values = np.asarray(log_ratios, dtype=float)
    if values.size == 0:
        raise ValueError("a ratio needs at least one block")
    pairs = _walsh_averages(values)
    centre = float(np.median(pairs))
    reach = _reach(values.size, 1.0 - level)
    low, high = None, None
    if reach is not None:
        low, high = math.exp(float(pairs[reach])), math.exp(float(pairs[-1 - reach]))
    return Ratio(
        ratio=math.exp(centre),
        low=low,
        high=high,
        p=_p(pairs, values.size),
        blocks=values.size,
        detectable=detectable_ratio(log_ratios, values.size, 1.0 - level),
    )


def family_p(p_values: Sequence[float], log_ratios: Sequence[Sequence[float]]) -> list[float]:
    """Return Holm's adjusted p of a family of tests (Holm 1979, Scand. J. Stat. 6:65).

    Two metrics that are each other's reciprocal (a time and its rate) put one question, so they
    count once: equal log-ratios, whatever their sign, share their p.
    """
    first = [_first_alike(log_ratios, each) for each in range(len(log_ratios))]
    own = sorted(set(first))
    adjusted = dict(zip(own, holm([p_values[index] for index in own]), strict=True))
    return [adjusted[index] for index in first]


def questions(log_ratios: Sequence[Sequence[float]]) -> int:
    """Return how many different questions a family of tests puts, as `family_p` counts them."""
    return len({_first_alike(log_ratios, each) for each in range(len(log_ratios))})


def power(
    log_ratios: Sequence[float], ratio: float, blocks: int, alpha: float = 0.05, seed: int = 0
) -> float:
    """Return how often so many blocks of this noise would show a true ratio.

    The blocks seen are taken less their centre, each sign at random (as the random order makes
    them), and drawn twice with replacement: once for what another calibration might have seen
    (its share of bursts, above all), once for what a pair would meet on such a host.
    """
    values = np.asarray(log_ratios, dtype=float)
    noise = np.abs(values - float(np.median(_walsh_averages(values))))
    generator = np.random.default_rng(seed)
    hosts = generator.choice(noise, size=(_TRIALS, noise.size))
    chosen = generator.integers(0, noise.size, size=(_TRIALS, blocks))
    drawn = np.take_along_axis(hosts, chosen, axis=1)
    drawn *= generator.choice((-1.0, 1.0), size=drawn.shape)
    return float(np.mean(_shown(drawn + abs(math.log(ratio)), alpha)))


def repeats_needed(
    log_ratios: Sequence[float],
    ratio: float,
    alpha: float = 0.05,
    wanted_power: float = 0.95,
    seed: int = 0,
) -> int | None:
    """Return the fewest blocks that show a true ratio with the wanted power, or None if too many.

    A short calibration may by luck have been quiet. So its noise is first widened to the upper end
    of an 80 % interval of a standard deviation, the misses allowed are halved, and a few blocks
    more are asked for than could show anything: a test that must be unanimous bears no burst.
    Decided on simulated hosts (tests/bench/ab_power.py), where it gives the wanted power.
    """
    wide, target = widened(log_ratios), 1.0 - (1.0 - wanted_power) / 2.0
    least = fewest_blocks(alpha) + _SPARE_BLOCKS
    low, high = least - 1, least
    while power(wide, ratio, high, alpha, seed) < target:
        if high >= MOST_BLOCKS:
            return None
        low, high = high, min(2 * high, MOST_BLOCKS)
    while high - low > 1:
        middle = (low + high) // 2
        if power(wide, ratio, middle, alpha, seed) < target:
            low = middle
        else:
            high = middle
    return high


def detectable_ratio(
    log_ratios: Sequence[float], blocks: int, alpha: float = 0.05, wanted_power: float = 0.8
) -> float | None:
    """Return the smallest ratio above 1 that so many blocks of this noise would show, or None.

    ``exp((z_{alpha/2} + z_power) * s)`` with the standard error s that the interval's own width
    implies, and that shrinks with the root of the blocks (equation 9 of Miller 2024, arXiv
    2411.00640, solved for the effect). None where no spread was seen, or for too few blocks.
    """
    values = np.asarray(log_ratios, dtype=float)
    if blocks < fewest_blocks(alpha) or values.size < 2:
        return None
    pairs = _walsh_averages(values)
    # The interval's own half-width, brought to one standard error, is the estimate's spread.
    reach = _reach(values.size, alpha)
    z = float(stats.norm.ppf(1.0 - alpha / 2.0))
    if reach is None:
        return None
    error = float(pairs[-1 - reach] - pairs[reach]) / 2.0 / z * math.sqrt(values.size / blocks)
    if error <= 0.0:
        return None
    return math.exp((z + float(stats.norm.ppf(wanted_power))) * error)


def spread(log_ratios: Sequence[float]) -> float:
    """Return the blocks' standard deviation as their median absolute deviation gives it."""
    return float(stats.median_abs_deviation(np.asarray(log_ratios, dtype=float), scale="normal"))


def fewest_blocks(alpha: float) -> int:
    """Return the fewest blocks that can show anything: all of one sign must be rarer than alpha."""
    return max(2, math.ceil(1.0 + math.log2(1.0 / alpha)))


def widened(log_ratios: Sequence[float]) -> list[float]:
    """Return blocks stretched about their centre, as wide as their noise may well be."""
    values = np.asarray(log_ratios, dtype=float)
    if values.size < 2:
        raise ValueError("the spread of one block is unknown")
    free = values.size - 1
    stretch = math.sqrt(free / float(stats.chi2.ppf(0.1, free)))
    centre = float(np.median(values))
    return [float(each) for each in centre + stretch * (values - centre)]


def _walsh_averages(values: np.ndarray) -> np.ndarray:
    """Return the mean of every pair of values, each with itself too, in ascending order."""
    first, second = np.triu_indices(values.size)
    return np.sort((values[first] + values[second]) / 2.0)


@cache
def _null_law(blocks: int) -> np.ndarray:
    """Return P(rank sum of the positive blocks <= w) for w from 0, every sign a fair coin."""
    chances = np.zeros(blocks * (blocks + 1) // 2 + 1)
    chances[0] = 1.0
    for rank in range(1, blocks + 1):
        moved = np.zeros_like(chances)
        moved[rank:] = chances[:-rank]
        chances = (chances + moved) / 2.0
    return np.cumsum(chances)


def _lower_tail(w: np.ndarray | float, blocks: int) -> np.ndarray:
    """Return P(rank sum <= w); w may be of many trials."""
    if blocks <= _EXACT_BLOCKS:
        law = _null_law(blocks)
        place = np.clip(np.floor(np.asarray(w, dtype=float)).astype(int), 0, law.size - 1)
        return np.asarray(law[place])
    mean = blocks * (blocks + 1) / 4.0
    spread = math.sqrt(blocks * (blocks + 1) * (2 * blocks + 1) / 24.0)
    return np.asarray(stats.norm.cdf((np.asarray(w, dtype=float) + 0.5 - mean) / spread))


def _reach(blocks: int, alpha: float) -> int | None:
    """Return how many Walsh averages the interval leaves out at each end, or None."""
    total = blocks * (blocks + 1) // 2
    tails = _lower_tail(np.arange(total // 2 + 1), blocks)
    out = int(np.searchsorted(tails, alpha / 2.0, side="right"))
    return out - 1 if out >= 1 else None


def _p(pairs: np.ndarray, blocks: int) -> float:
    """Return the two-sided p; an average of exactly zero speaks for neither side."""
    ties = int((pairs == 0.0).sum())
    above = int((pairs > 0.0).sum()) + ties
    below = int((pairs < 0.0).sum()) + ties
    return min(1.0, 2.0 * float(_lower_tail(float(min(above, below)), blocks)))


def _shown(trials: np.ndarray, alpha: float) -> np.ndarray:
    """Return for each row of log-ratios whether a ratio of 1 is refused."""
    blocks = trials.shape[1]
    ranks = np.argsort(np.argsort(np.abs(trials), axis=1), axis=1) + 1
    above = (ranks * (trials > 0.0)).sum(axis=1)
    smaller = np.minimum(above, blocks * (blocks + 1) // 2 - above)
    return np.asarray(2.0 * _lower_tail(smaller, blocks) <= alpha)


def _first_alike(log_ratios: Sequence[Sequence[float]], index: int) -> int:
    """Return the first series that equals this one or its negative."""
    own = np.asarray(log_ratios[index], dtype=float)
    for earlier in range(index):
        other = np.asarray(log_ratios[earlier], dtype=float)
        if other.size == own.size and (
            np.allclose(own, other, rtol=1e-6, atol=1e-9)
            or np.allclose(own, -other, rtol=1e-6, atol=1e-9)
        ):
            return earlier
    return index
