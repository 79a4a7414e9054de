"""How probable it is that a model is on the Pareto front, from draws of every model's values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import special

#: Numbers that one comparison of all pairs may hold at once.
_NUMBERS_AT_ONCE = 8_000_000


def front_probability(draws: np.ndarray, maximise: Sequence[bool]) -> np.ndarray:
    """Return the share of draws in which each model is on the front, (models,), in [0, 1].

    A model is dominated in a draw when another is at least as good on every axis and better on
    one; equal models do not dominate each other. A draw is one state of the world, so values
    that were drawn together (the same items for all models) belong in the same draw.

    Args:
        draws: (models, draws, axes).
        maximise: for each axis, whether more is better.

    Raises:
        ValueError: a draw is NaN, there is no draw, or the shapes do not fit.
    """
    gains = _gains(draws, maximise)
    found = np.zeros(gains.shape[0])
    if not found.size:
        return found
    alive = _never_beaten_outright(gains)
    kept = gains[alive]
    on_front = _two_axes(kept) if kept.shape[2] == 2 else _all_pairs(kept)
    found[alive] = on_front.mean(axis=1)
    return found


def dominated_by(points: np.ndarray, rivals: np.ndarray) -> np.ndarray:
    """Tell for each point whether a rival dominates it, (points,); both axes: more is better.

    Args:
        points: (points, 2).
        rivals: (rivals, 2); a point's equal among them does not dominate it.
    """
    if not len(rivals):
        return np.zeros(len(points), dtype=bool)
    order = np.argsort(-rivals[:, 0], kind="stable")
    first, second = -rivals[order, 0], np.maximum.accumulate(rivals[order, 1])
    best = np.concatenate([[-np.inf], second])
    # How many rivals are better, and how many at least as good, on the first axis.
    better = np.searchsorted(first, -points[:, 0], side="left")
    as_good = np.searchsorted(first, -points[:, 0], side="right")
    beaten = (best[better] >= points[:, 1]) & (better > 0)
    return np.asarray(beaten | (best[as_good] > points[:, 1]))


def interval_draws(
    values: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    level: np.ndarray,
    count: int,
    generator: np.random.Generator,
) -> np.ndarray:
    """Return draws (models, count) of values that are known by an interval only.

    Each side of a value is a half normal whose reach at the interval's level is its end (the split
    normal law, Wallis 2014, Statistical Science 29:106): a draw lies above or below with equal
    chance. It gives back a symmetric interval of a mean as the normal law does. Equal ends give
    the value itself in every draw.

    Args:
        values: (models,), with ``low`` and ``high`` of the same shape around them.
        low: lower ends.
        high: upper ends.
        level: the confidence of each interval, 0.95 say.
        count: how many draws.
        generator: the source of chance.
    """
    reach = special.ndtri(0.5 + np.asarray(level) / 2.0)
    below = (np.maximum(values - low, 0.0) / reach)[:, None]
    above = (np.maximum(high - values, 0.0) / reach)[:, None]
    normal = generator.standard_normal((len(values), count))
    return np.asarray(values[:, None] + normal * np.where(normal > 0.0, above, below))


def _gains(draws: np.ndarray, maximise: Sequence[bool]) -> np.ndarray:
    array = np.asarray(draws, dtype=float)
    if array.ndim != 3 or array.shape[2] != len(maximise) or array.shape[1] < 1:
        raise ValueError(f"draws of shape {array.shape} are not (models, draws >= 1, axes)")
    if np.isnan(array).any():
        raise ValueError("a Pareto front needs numbers, and a draw is NaN")
    return np.asarray(array * np.where(np.asarray(maximise, dtype=bool), 1.0, -1.0))


def _never_beaten_outright(gains: np.ndarray) -> np.ndarray:
    """Return the models that are not beaten in all draws by the same rival, whatever is drawn.

    One whose best draws a rival's worst draws dominate is on no front, and what it dominates its
    rival dominates too: to leave it out changes nothing but the time.
    """
    if gains.shape[2] != 2:
        return np.arange(len(gains))
    return np.flatnonzero(~dominated_by(gains.max(axis=1), gains.min(axis=1)))


def _two_axes(gains: np.ndarray) -> np.ndarray:
    """Return (models, draws): on the front or not, some draws at a time."""
    parts = np.array_split(gains, 1 + gains.size // _NUMBERS_AT_ONCE, axis=1)
    return np.concatenate([_sweep(part) for part in parts], axis=1)


def _sweep(gains: np.ndarray) -> np.ndarray:
    """Return (models, draws) by one sweep over each draw's sorted points."""
    first, second = gains[:, :, 0].T, gains[:, :, 1].T
    order = np.lexsort((-second, -first), axis=-1)
    first = np.take_along_axis(first, order, axis=1)
    second = np.take_along_axis(second, order, axis=1)
    before = np.full_like(second, -np.inf)
    before[:, 1:] = np.maximum.accumulate(second, axis=1)[:, :-1]
    survives = second > before
    survives[:, 0] = True
    # Equals on both axes lie side by side: each shares the fate of the first of them.
    same = np.zeros_like(survives)
    same[:, 1:] = (first[:, 1:] == first[:, :-1]) & (second[:, 1:] == second[:, :-1])
    places = np.arange(first.shape[1])
    leader = np.maximum.accumulate(np.where(same, 0, places), axis=1)
    on_front = np.take_along_axis(survives, leader, axis=1)
    found = np.zeros_like(on_front)
    np.put_along_axis(found, order, on_front, axis=1)
    return found.T


def _all_pairs(gains: np.ndarray) -> np.ndarray:
    """Return (models, draws) for any number of axes, every model held against every other."""
    models, draws, axes = gains.shape
    found = np.ones((models, draws), dtype=bool)
    step = max(1, _NUMBERS_AT_ONCE // max(1, models * draws * axes))
    for start in range(0, models, step):
        own = gains[start : start + step, None]
        as_good = np.all(gains[None] >= own, axis=-1)
        better = np.any(gains[None] > own, axis=-1)
        found[start : start + step] = ~np.any(as_good & better, axis=1)
    return found
