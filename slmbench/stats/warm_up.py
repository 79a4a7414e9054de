"""Find where a series of timings settles, so that warm-up is seen and not assumed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

__all__ = ["RULE", "WarmUp", "change_points", "warm_up"]

#: In words, for the record.
RULE = "steady from the last change of level on, after Barrett et al. 2017 (OOPSLA)"
#: A shorter series has no level to settle at.
FEWEST = 4

_PENALTY = 15.0
#: The level has settled if its last part is at least this share of the series.
_SETTLED_SHARE = 0.25
#: Levels nearer than this are one level: what they differ by is no warm-up.
_SAME_SHARE = 0.02


@dataclass(frozen=True)
class WarmUp:
    """Where the steady part begins, and whether it is long enough to be called steady.

    ``is_settled`` is None where there are too few values to tell.
    """

    dropped_count: int
    is_settled: bool | None


def warm_up(series: Sequence[float]) -> WarmUp:
    """Return how many values at the start of a series belong to its warm-up.

    The rule is that of Barrett, Bolz-Tereick, Killick, Mount and Tratt 2017, "Virtual machine
    warmup blows hot and cold", PACMPL 1 (OOPSLA) 52: outliers are taken out, the series is cut
    where its mean changes, and the steady part is the run of equal levels that ends it. Here single
    outliers go by a running median of three (Tukey 1977), so that one slow round in the middle is
    no warm-up; levels within 2 % or one unit of noise are equal. The series has settled if the
    steady part is at least a quarter of it, as theirs is.
    """
    values = np.asarray(series, dtype=float)
    if values.size < FEWEST:
        return WarmUp(0, None)
    smooth = _running_median(values)
    noise = _noise(values)
    cuts = [0, *change_points(smooth, noise), values.size]
    levels = [float(smooth[a:b].mean()) for a, b in pairwise(cuts)]
    near = max(_SAME_SHARE * abs(levels[-1]), noise)
    first = len(levels) - 1
    while first > 0 and abs(levels[first - 1] - levels[-1]) <= near:
        first -= 1
    dropped = cuts[first]
    return WarmUp(dropped, values.size - dropped >= _SETTLED_SHARE * values.size)


def change_points(values: Sequence[float] | np.ndarray, noise: float) -> list[int]:
    """Return the places where the mean changes, rising: a new level begins at each.

    They minimise the sum over segments of sum((x - mean)^2) / noise^2, plus 15 ln n for each
    segment: optimal partitioning (Jackson et al. 2005, IEEE Signal Processing Letters 12:105),
    exact, in n^2 steps. Without noise every change counts.
    """
    array = np.asarray(values, dtype=float)
    n = array.size
    if n < 2 or float(array.max()) == float(array.min()):
        return []
    # Without any noise to compare with, what counts is a change beside the level itself.
    unit = noise if noise > 0 else 1e-3 * float(np.abs(array).max())
    scaled = (array - array.mean()) / unit
    sums = np.concatenate([[0.0], np.cumsum(scaled)])
    squares = np.concatenate([[0.0], np.cumsum(scaled * scaled)])
    penalty = _PENALTY * math.log(n)
    best = np.full(n + 1, np.inf)
    best[0], before = -penalty, [0] * (n + 1)
    for end in range(1, n + 1):
        starts = np.arange(end)
        total = sums[end] - sums[starts]
        costs = squares[end] - squares[starts] - total * total / (end - starts)
        candidates = best[starts] + costs + penalty
        before[end] = int(np.argmin(candidates))
        best[end] = candidates[before[end]]
    cuts, place = [], before[n]
    while place > 0:
        cuts.append(place)
        place = before[place]
    return cuts[::-1]


def _running_median(values: np.ndarray) -> np.ndarray:
    inner = np.median(np.stack([values[:-2], values[1:-1], values[2:]]), axis=0)
    # A slow first round is what warm-up looks like, so the ends stay as they are.
    return np.concatenate([values[:1], inner, values[-1:]])


def _noise(values: np.ndarray) -> float:
    """Return the standard deviation of one value, from the median difference of neighbours.

    Neighbours differ by sqrt(2) times the noise, and 0.6745 is a standard normal's median
    deviation; a change of level is in one difference only, so it hardly counts.
    """
    return float(np.median(np.abs(np.diff(values)))) / (0.6745 * math.sqrt(2.0))
