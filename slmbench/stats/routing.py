"""What a router between a weak and a strong model is worth: cost against quality, item by item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from slmbench.schema.base import Interval
from slmbench.stats.weighted_bootstrap import weighted_bootstrap

#: Points of a curve that is shown, and that the area under a hull is taken of.
STEPS = 100
#: A gap that stands for none in a draw, and a figure that no real gap gives.
_NO_GAP_AT_ALL = 1e-9
_FAR = 1e5
_NO_GAP = "the strong model is not better: there is no gap to recover"


@dataclass(frozen=True)
class Items:
    """Both models' outcomes on the same items, in the same order.

    Attributes:
        weak: (items,) quality of the weak model's answers, more is better.
        strong: (items,) quality of the strong model's.
        weak_cost: (items,) cost of asking the weak model, any one unit.
        strong_cost: (items,) cost of asking the strong model, in the same unit.
        first: (items,) what is sent to the strong model first has the smallest number here; equal
            items are sent together. The oracle and the random line need none.
        tried: whether the weak model is asked first and paid for either way (a cascade), or only
            where its answer is taken (a router that looks at the question alone).
    """

    weak: np.ndarray
    strong: np.ndarray
    weak_cost: np.ndarray
    strong_cost: np.ndarray
    first: np.ndarray
    tried: bool = False


@dataclass(frozen=True)
class Curve:
    """Quality and mean cost an item as more items go to the strong model.

    Attributes:
        share: of items that the strong model answers, from 0 to 1, rising.
        quality: mean over all items, straight between the points: items that are equal to the
            router are sent in any order.
        cost: mean cost of an item.
        last: the router's number of the last item sent; NaN at share 0.
    """

    share: np.ndarray
    quality: np.ndarray
    cost: np.ndarray
    last: np.ndarray


def curve(items: Items) -> Curve:
    """Return the curve of sending the items with the smallest number first."""
    blocks = _blocks(items)
    share, quality, cost = blocks.points(np.ones((1, items.weak.size)))
    last = np.concatenate([[np.nan], blocks.levels])
    return Curve(share[0], quality[0], cost[0], last)


def oracle(items: Items) -> Curve:
    """Return the curve of one who knows both answers: most gained first, and never a loss.

    Its quality is the best that any router reaches with so many calls; its cost is that of a
    router that looks at the question alone, and past the last gain that of calls that change
    nothing.
    """
    best = np.maximum(items.weak, items.strong)
    gain = items.weak - best
    return curve(replace(items, strong=best, first=gain, tried=False))


def recovered_area(found: Curve, weak: float, strong: float) -> float:
    """Return the area under PGR of any curve, held against the two models' qualities.

    Above 1 is possible: who knows both answers can be better than the strong model.

    Raises:
        ValueError: the strong model is not better, so there is no gap to recover.
    """
    if not strong > weak:
        raise ValueError(_NO_GAP)
    return float(_area((found.quality - weak) / (strong - weak), found.share))


def apgr(items: Items) -> float:
    """Return the average performance gap recovered, the area under PGR over the share in [0, 1].

    ``PGR = (quality - weak) / (strong - weak)``; a random router has 0.5 (Ong et al. 2024,
    "RouteLLM", arXiv 2406.18665, section 3; they sum ten points where this takes the whole area).

    Raises:
        ValueError: the strong model is not better, so there is no gap to recover.
    """
    _need_a_gap(items)
    return float(_apgr(*_blocks(items).points(np.ones((1, items.weak.size)))[:2])[0])


def cpt(items: Items, recovered: float) -> float:
    """Return the call-performance threshold: the smallest share with PGR >= ``recovered``.

    ``cpt(items, 0.5)`` is CPT(50 %) of RouteLLM, arXiv 2406.18665; a random router has 0.5. The
    curve is straight between its points.

    Raises:
        ValueError: the strong model is not better, so there is no gap to recover.
    """
    _need_a_gap(items)
    share, quality, _ = _blocks(items).points(np.ones((1, items.weak.size)))
    return float(_cpt(share, quality, recovered)[0])


def aiq(items: Items) -> float:
    """Return the average improvement in quality over the cost between the two models alone.

    The area under the non-decreasing convex hull of the router's points and the two models
    alone, from the cost of the weak to that of the strong, divided by that cost (Hu et al. 2024,
    "RouterBench", arXiv 2403.12031, section 3). In the unit of quality. The curve is thinned to
    `STEPS` points.

    Raises:
        ValueError: the strong model costs no more than the weak one: there is no range to average.
    """
    if not items.strong_cost.mean() > items.weak_cost.mean():
        raise ValueError("the strong model costs no more than the weak one")
    points = _blocks(items).points(np.ones((1, items.weak.size)))
    return float(_aiq(*points, np.array([items.strong_cost.mean()]))[0])


def routing_intervals(
    items: Items, recovered: Sequence[float], clusters: Sequence[str | None] | None, seed: int
) -> list[Interval | None]:
    """Return bootstrap intervals over items of: the gap, APGR, CPT of each level, AIQ.

    The order of the items stays as it is: what is drawn again is which items are asked. None where
    fewer than two items or clusters can be drawn, or where so many draws have no gap that the
    interval has no end.
    """
    blocks = _blocks(items)
    priced = items.strong_cost.mean() > items.weak_cost.mean()

    def of_draws(weights: np.ndarray) -> np.ndarray:
        share, quality, cost = blocks.points(weights)
        rows = [quality[:, -1] - quality[:, 0], _apgr(share, quality)]
        rows += [_cpt(share, quality, level) for level in recovered]
        alone = weights @ items.strong_cost / weights.sum(axis=1)
        unpriced = np.full(len(weights), np.nan)
        rows.append(_aiq(share, quality, cost, alone) if priced else unpriced)
        return np.stack(rows)

    spans = weighted_bootstrap(items.weak.size, of_draws, clusters, seed=seed)
    return [_ended(span) for span in spans]


def _ended(span: Interval | None) -> Interval | None:
    """Return the interval, or None where a draw without a gap is one of its ends."""
    return span if span is not None and max(-span.low, span.high) < _FAR else None


def oracle_interval(
    items: Items, clusters: Sequence[str | None] | None, seed: int
) -> Interval | None:
    """Return the bootstrap interval over items of the oracle's area under PGR."""
    best = replace(items, strong=np.maximum(items.weak, items.strong), tried=False)
    blocks = _blocks(replace(best, first=items.weak - best.strong))

    def of_draws(weights: np.ndarray) -> np.ndarray:
        share, quality, _ = blocks.points(weights)
        gap = weights @ (items.strong - items.weak) / weights.sum(axis=1)
        area = _area(quality - quality[:, :1], share) / np.maximum(gap, _NO_GAP_AT_ALL)
        return np.asarray(area)[np.newaxis]

    return _ended(weighted_bootstrap(items.weak.size, of_draws, clusters, seed=seed)[0])


@dataclass(frozen=True)
class _Blocks:
    """The items in the order they are sent, cut where the router can't tell one from the next."""

    items: Items
    order: np.ndarray
    starts: np.ndarray
    levels: np.ndarray

    def points(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return share, quality and cost, each (draws, blocks + 1), of items drawn so often."""
        items, drawn = self.items, weights[:, self.order].astype(float)
        total = drawn.sum(axis=1, keepdims=True)
        own_cost = items.strong_cost if items.tried else items.strong_cost - items.weak_cost
        share = self._run(drawn) / total
        quality = (drawn @ items.weak[self.order])[:, None] + self._run(
            drawn * (items.strong - items.weak)[self.order]
        )
        cost = (drawn @ items.weak_cost[self.order])[:, None] + self._run(
            drawn * own_cost[self.order]
        )
        return share, quality / total, cost / total

    def _run(self, numbers: np.ndarray) -> np.ndarray:
        sums = np.add.reduceat(numbers, self.starts, axis=1).cumsum(axis=1)
        return np.concatenate([np.zeros((len(sums), 1)), sums], axis=1)


def _blocks(items: Items) -> _Blocks:
    order = np.argsort(items.first, kind="stable")
    levels, starts = np.unique(items.first[order], return_index=True)
    return _Blocks(items, order, starts, levels)


def _need_a_gap(items: Items) -> None:
    if not items.strong.mean() > items.weak.mean():
        raise ValueError(_NO_GAP)


def _area(heights: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the area under straight pieces along the last axis."""
    middles = (heights[..., 1:] + heights[..., :-1]) / 2.0
    return np.asarray((middles * np.diff(places, axis=-1)).sum(axis=-1))


def _recovered(quality: np.ndarray) -> np.ndarray:
    """Return PGR; a draw without a gap stands for one that is all but none: it lies far out."""
    gap = np.maximum(quality[:, -1:] - quality[:, :1], _NO_GAP_AT_ALL)
    return np.asarray((quality - quality[:, :1]) / gap)


def _apgr(share: np.ndarray, quality: np.ndarray) -> np.ndarray:
    return _area(_recovered(quality), share)


def _cpt(share: np.ndarray, quality: np.ndarray, recovered: float) -> np.ndarray:
    gains = _recovered(quality)
    reached = gains >= recovered
    at = np.maximum(reached.argmax(axis=1), 1)
    rows = np.arange(len(gains))
    left, right = gains[rows, at - 1], gains[rows, at]
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.clip(np.where(right > left, (recovered - left) / (right - left), 1.0), 0.0, 1.0)
    found = share[rows, at - 1] + part * (share[rows, at] - share[rows, at - 1])
    return np.asarray(np.where(reached.any(axis=1), found, 1.0))


def _aiq(share: np.ndarray, quality: np.ndarray, cost: np.ndarray, alone: np.ndarray) -> np.ndarray:
    """Return the area under each row's hull from its first cost to ``alone``, over that range."""
    # The steps are those of the mean share: in a draw they lie a little beside even ones.
    at = np.searchsorted(share.mean(axis=0), np.linspace(0.0, 1.0, STEPS + 1))
    at = np.unique(np.minimum(at, share.shape[1] - 1))
    found = np.full(len(share), np.nan)
    # Plain floats: a loop over numpy's own takes three times as long.
    rows = zip(cost[:, at].tolist(), quality[:, at].tolist(), alone.tolist(), strict=True)
    for row, (costs, qualities, end) in enumerate(rows):
        start = costs[0]
        if end > start:
            last = (end, float(quality[row, -1]))
            hull = _hull([*zip(costs, qualities, strict=True), last])
            found[row] = _area_to(hull, end) / (end - start)
    return found


def _area_to(hull: Sequence[tuple[float, float]], end: float) -> float:
    """Return the area under a hull up to a cost; past its last point it stays as high."""
    area = 0.0
    for (left, low), (right, high) in pairwise([*hull, (max(end, hull[-1][0]), hull[-1][1])]):
        stop = min(right, end)
        if stop > left:
            reached = low + (high - low) * (stop - left) / (right - left)
            area += (low + reached) / 2.0 * (stop - left)
    return area


def _hull(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the upper hull from the cheapest point on, never falling: the last one stays."""
    hull: list[tuple[float, float]] = []
    for cost, quality in sorted(points):
        if hull and quality <= hull[-1][1]:
            continue
        while len(hull) > 1 and _below(hull[-2], hull[-1], (cost, quality)):
            hull.pop()
        if hull and hull[-1][0] == cost:
            hull.pop()
        hull.append((cost, quality))
    return hull


def _below(left: tuple[float, float], at: tuple[float, float], right: tuple[float, float]) -> bool:
    rise = (right[1] - left[1]) * (at[0] - left[0])
    return (at[1] - left[1]) * (right[0] - left[0]) <= rise
