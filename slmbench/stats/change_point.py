"""Find where the level of a series of runs changed, with a bound on false alarms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

#: In words, for who reads a finding.
RULE = (
    "largest change of mean, tested by permutation, then again inside the parts "
    "(E-divisive; Matteson and James 2014, JASA 109:334)"
)
#: One odd run is no level: a level has at least two.
FEWEST_OF_A_LEVEL = 2
_PERMUTATIONS = 4999
#: Numbers of one matrix of permuted series, to bound memory.
_MOST_AT_ONCE = 2_000_000
_ROUNDING = 1e-9


@dataclass(frozen=True)
class LevelChange:
    """A change: the place of the first value of the new level, and the p it was found with."""

    place: int
    p: float


def level_changes(
    values: Sequence[float], alpha: float = 0.05, permutations: int = _PERMUTATIONS, seed: int = 0
) -> list[LevelChange]:
    """Return the changes of level of a series in order of time.

    The statistic of a split into k and n - k values is sqrt(k (n - k) / n) times the absolute
    difference of the two means, to which a likelihood ratio for one shift of a normal mean comes
    (Hawkins 1977, "Testing a sequence of observations for a shift in location", JASA 72:180); its
    maximum over splits is held against its distribution over random orders of the values. Where
    nothing changed all orders are equally likely, so whatever the law of the values, an alarm is
    raised with probability at most ``alpha``: p = (1 + those as large) / (1 + permutations). Found
    changes cut the series, and the best split of all parts is tested next, permuting inside them,
    until one is not significant: the divisive algorithm of Matteson and James 2014, "A
    nonparametric approach for multiple change point analysis of multivariate data", JASA 109:334,
    with means for energy distances; Daly et al. 2020 (ICPE) use it on the runs of a CI system.

    A slow drift breaks the assumption and is reported as changes. One seed gives one answer.

    Args:
        values: one number for each run, oldest first.
        alpha: the chance of any alarm in a series without a change.
        permutations: random orders of each test.
        seed: of these orders.

    Raises:
        ValueError: a value is not finite.
    """
    series = np.asarray(values, dtype=float)
    if not np.isfinite(series).all():
        raise ValueError("a series of levels holds finite numbers only")
    if series.size < fewest_values(alpha):
        return []
    spread = float(np.abs(series - series.mean()).max())
    if spread <= _ROUNDING * float(np.abs(series).max()):
        return []
    return _divided((series - series.mean()) / spread, alpha, permutations, seed)


def _divided(series: np.ndarray, alpha: float, permutations: int, seed: int) -> list[LevelChange]:
    """Divide a series that is centred and scaled, until no further split is significant."""
    rng = np.random.default_rng(seed)
    found: list[LevelChange] = []
    while True:
        cuts = [0, *sorted(change.place for change in found), series.size]
        parts = [series[a:b] for a, b in pairwise(cuts)]
        splits = [_best_split(part) for part in parts]
        statistic = max(score for score, _ in splits)
        if statistic <= _ROUNDING:
            break
        p = _permutation_p(parts, statistic, permutations, rng)
        if p > alpha:
            break
        first = next(i for i, (score, _) in enumerate(splits) if score == statistic)
        found.append(LevelChange(cuts[first] + splits[first][1], p))
    return sorted(found, key=lambda change: change.place)


def fewest_values(alpha: float) -> int:
    """Return the length below which no order is rare enough: 2 / C(n, n / 2) is above alpha.

    Of all orders of n values, those that part the larger half from the smaller, either way round,
    are this share.
    """
    n = 2 * FEWEST_OF_A_LEVEL
    while 2.0 / math.comb(n, n // 2) > alpha:
        n += 1
    return n


def _best_split(part: np.ndarray) -> tuple[float, int]:
    """Return (statistic, values left of it) of a part's best split; 0.0 where it has none."""
    scores = _scores(part[np.newaxis, :])
    if scores.size == 0:
        return 0.0, 0
    at = int(np.argmax(scores[0]))
    return float(scores[0, at]), at + FEWEST_OF_A_LEVEL


def _scores(rows: np.ndarray) -> np.ndarray:
    """Return the statistic of every split: shape (rows, n + 1 - 2 FEWEST_OF_A_LEVEL)."""
    n = rows.shape[1]
    left = np.arange(FEWEST_OF_A_LEVEL, n - FEWEST_OF_A_LEVEL + 1)
    if left.size == 0:
        return np.empty((rows.shape[0], 0))
    sums = np.cumsum(rows, axis=1)
    excess = sums[:, left - 1] - sums[:, -1:] * (left / n)
    scores: np.ndarray = np.abs(excess) * np.sqrt(n / (left * (n - left)))
    return scores


def _permutation_p(
    parts: Sequence[np.ndarray], statistic: float, permutations: int, rng: np.random.Generator
) -> float:
    as_large, todo = 0, permutations
    most = max(1, _MOST_AT_ONCE // sum(part.size for part in parts))
    while todo > 0:
        count = min(todo, most)
        largest = np.zeros(count)
        for part in parts:
            scores = _scores(rng.permuted(np.tile(part, (count, 1)), axis=1))
            if scores.size:
                largest = np.maximum(largest, scores.max(axis=1))
        as_large += int((largest >= statistic * (1.0 - _ROUNDING)).sum())
        todo -= count
    return (1 + as_large) / (1 + permutations)
