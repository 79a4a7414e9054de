"""Is a mean above or below a threshold? Told as soon as a random part of the items shows it.

Items of a finite set come in random order, without replacement. A gambler who doesn't believe that
the mean of all N scores is at most a threshold bets on every item before it is seen; no system of
bets makes a fair game profitable, so under that belief the capital exceeds ``1 / level`` with
probability at most ``level``, however often one looks (Ville's inequality). This is the betting
confidence sequence of Waudby-Smith and Ramdas ("Estimating means of bounded random variables by
betting", JRSS B 2024, arXiv 2010.09686): section 4 for the capital and section 5 for sampling
without replacement, asked at a few thresholds only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from slmbench.stats.clusters import Clusters, cluster_count, cluster_numbers

#: Shares of the largest bet that can't lose everything, and how the capital is split among them.
#: Near a half is the best share for differences of a tenth and more, where few items are to be
#: asked; the small ones are for small differences, which need many whatever the split. Measured on
#: pairs of models: a share that learns from the items seen (GRAPA, section B.2) asks for a fifth
#: more of them, since so few items are soon seen.
_SHARES = np.array([0.08, 0.25, 0.52])
_SPLIT = np.array([0.06, 0.19, 0.75])
#: A capital that refutes at any level; more would overflow one day.
_PLENTY = 1e200
#: Before anything is seen the slope is taken for 1/2, as firmly as from so many items.
_PRIOR_SLOPE, _PRIOR_ITEMS = 0.5, 16.0


class Bets:
    """The capitals of gamblers against the mean of a finite set, in one random order or in many.

    For item t the mean of those that are left is ``(N theta - S) / (N - t + 1)``, were the mean of
    all theta and S the sum seen. What is ``known`` of every item beforehand (a baseline's score)
    takes spread out of the game: the bet is on ``y = x - rho (b - B)``, B being the mean of the
    known scores left and rho the slope of x on b among the items seen, so that y has the mean of x.
    The capital against "at most theta" is the weighted mean over fixed shares f of
    ``prod(1 + f / (m - lowest y) (y - m))``, m being the mean that is left or, where that is lower,
    theta moved by ``rho (B - mean of b)``. So the capital also stays fair where the items are
    themselves drawn from a larger population whose mean is at most theta (given the baseline's
    scores); the way down is the mirror image.

    Args:
        above: thresholds that the mean may be shown to lie above, shape (thresholds,).
        below: thresholds that it may be shown to lie below, as many.
        count: N, the items of the whole set.
        bounds: the lowest and highest score there can be, of ``known`` too.
        known: a score of each item that was known before, shape (count,).
        orders: independent orders that are followed at once.

    Attributes:
        seen: items seen in each order.
        peaks: the highest capital so far, shape (orders, 2, thresholds), those of
            ``above`` first.
    """

    def __init__(
        self,
        above: Sequence[float],
        below: Sequence[float],
        count: int,
        bounds: tuple[float, float] = (0.0, 1.0),
        known: np.ndarray | None = None,
        orders: int = 1,
    ) -> None:
        """Begin with a capital of 1 against each threshold."""
        self.seen = 0
        self._thresholds = np.array([above, below], dtype=float)
        self._count = count
        self._bounds = bounds
        self._known = known is not None
        self._known_total = 0.0 if known is None else float(np.sum(known))
        self._capital = np.ones((orders, *self._thresholds.shape, _SHARES.size))
        self.peaks = np.ones((orders, *self._thresholds.shape))
        #: Sums over the items seen of x, b, b squared and x b.
        self._sums = np.zeros((4, orders))

    def see(self, scores: np.ndarray, known: np.ndarray | None = None) -> None:
        """Take one item of each order: its score and what was known of it, shape (orders,).

        Raises:
            ValueError: all items were seen, or a score lies outside the bounds.
        """
        low, high = self._bounds
        if self.seen >= self._count:
            raise ValueError(f"all {self._count} items were seen")
        if np.any(scores < low) or np.any(scores > high):
            raise ValueError(f"a score lies outside [{low:g}, {high:g}]")
        b = np.zeros_like(scores) if known is None else known
        left = self._count - self.seen
        slope, b_left = self._slope(), np.zeros(len(scores))
        drift = b_left
        if self._known:
            b_left = (self._known_total - self._sums[1]) / left
            drift = slope * (b_left - self._known_total / self._count)
        adjusted = scores - slope * (b - b_left)
        means = (self._count * self._thresholds - self._sums[0][:, None, None]) / left
        moved = self._thresholds + drift[:, None, None]
        self._bet(adjusted, means, moved, (slope, b_left))
        self._sums += np.array([scores, b, b * b, scores * b])
        self.seen += 1

    def keep(self, orders: np.ndarray) -> None:
        """Follow only some of the orders from here on, given by a mask or by their places."""
        self._capital, self.peaks = self._capital[orders], self.peaks[orders]
        self._sums = self._sums[:, orders]

    def _bet(
        self,
        adjusted: np.ndarray,
        means: np.ndarray,
        moved: np.ndarray,
        line: tuple[np.ndarray, np.ndarray],
    ) -> None:
        low, high = self._bounds
        slope, b_left = line
        least = 1e-3 * (high - low)
        up = np.maximum(means[:, 0], moved[:, 0])
        down = np.minimum(means[:, 1], moved[:, 1])
        # The lowest and highest that an adjusted score can be.
        floor = low - slope * (high - b_left) if self._known else np.full(len(adjusted), low)
        ceiling = high - slope * (low - b_left) if self._known else np.full(len(adjusted), high)
        room_up = np.maximum(up - floor[:, None], least)
        room_down = np.maximum(ceiling[:, None] - down, least)
        gains = np.stack(
            [(adjusted[:, None] - up) / room_up, (down - adjusted[:, None]) / room_down], axis=1
        )
        # Where the mean is impossible a gain may be below -1: that belief is refuted either way.
        self._capital *= 1.0 + np.maximum(gains, -1.0)[..., None] * _SHARES
        np.minimum(self._capital, _PLENTY, out=self._capital)
        self.peaks = np.maximum(self.peaks, self._capital @ _SPLIT)

    def _slope(self) -> np.ndarray:
        """Return the slope of x on b so far, drawn towards 1/2 and kept within 0 and 1."""
        orders = self._sums.shape[1]
        if not self._known:
            return np.zeros(orders)
        scale = (self._bounds[1] - self._bounds[0]) ** 2 / 4.0 * _PRIOR_ITEMS
        n = max(self.seen, 1)
        x, b, bb, xb = self._sums
        shared, spread = xb - x * b / n, bb - b * b / n
        slope: np.ndarray = np.clip((shared + _PRIOR_SLOPE * scale) / (spread + scale), 0.0, 1.0)
        return slope


def rejected(peaks: np.ndarray, level: float) -> np.ndarray:
    """Say which thresholds the capitals have shown to be wrong, with an error of at most level."""
    shown: np.ndarray = peaks >= 1.0 / level
    return shown


def future_error(
    values: Sequence[float], seen: Clusters, every: Clusters, ternary: bool = False
) -> float:
    """Return the standard error that the mean of all items will have, guessed from a random part.

    The variance of the part is that of the whole, up to its own error. For ``ternary`` values (the
    changes -1, 0 and 1 of paired 0/1 outcomes) one gained and one lost item are added, after Bonett
    and Price (2012, J. Educ. Behav. Stat. 37:479); others count one more value at the mean of their
    range. Where items share clusters the variance grows by ``1 + (m - 1) ICC`` (Kish 1965), ``m``
    being the mean size of the cluster an item is in; the ICC is that of the pairs seen within one
    cluster plus two of its standard errors, so that few pairs make no promise.

    Args:
        values: of the items seen.
        seen: their clusters.
        every: the clusters of all items.
        ternary: the values are differences of 0/1 outcomes.
    """
    array, total = np.asarray(values, dtype=float), len(every)
    t = array.size
    if ternary:
        up, down = ((float((side > 0).sum()) + 1.0) / (t + 2.0) for side in (array, -array))
        variance = up + down - (up - down) ** 2
    else:
        deviation = array - array.mean()
        variance = (float(deviation @ deviation) + 0.25) / max(t, 1)
    growth = 1.0
    if cluster_count(every) is not None:
        growth += (mean_cluster_size(every) - 1.0) * _likely_icc(array, seen, variance)
    return math.sqrt(variance * growth / total)


def mean_cluster_size(clusters: Clusters) -> float:
    """Return the mean size of the cluster that an item is in; an item without one stands alone."""
    sizes: dict[str, int] = {}
    alone = 0
    for label in clusters:
        if label is None:
            alone += 1
        else:
            sizes[label] = sizes.get(label, 0) + 1
    return (sum(size * size for size in sizes.values()) + alone) / len(clusters)


def likely_freedom(clusters: Clusters) -> float:
    """Return the degrees of freedom that the error of all items will rest on, before any score.

    For independent items n - 1; for clusters those of Satterthwaite were all of one ICC, each
    making a share of the error as the square of its size: ``(sum n_c^2)^2 / sum n_c^4``.
    """
    if cluster_count(clusters) is None:
        return max(len(clusters) - 1.0, 1.0)
    squares = np.bincount(cluster_numbers(clusters)).astype(float) ** 2
    return max(1.0, min(float(squares.sum() ** 2 / (squares @ squares)), squares.size - 1.0))


def _likely_icc(array: np.ndarray, clusters: Clusters, variance: float) -> float:
    """Return an upper guess of the correlation of two items of one cluster."""
    deviation = array - array.mean()
    sums: dict[str, tuple[float, float, int]] = {}
    for label, value in zip(clusters, deviation.tolist(), strict=True):
        if label is not None:
            total, squares, size = sums.get(label, (0.0, 0.0, 0))
            sums[label] = (total + value, squares + value * value, size + 1)
    pairs = sum(size * (size - 1) for _, _, size in sums.values())
    if pairs == 0:
        return 1.0
    shared = sum(total * total - squares for total, squares, _ in sums.values())
    guess = shared / pairs / variance if variance > 0.0 else 0.0
    return min(1.0, max(0.0, guess) + 2.0 * math.sqrt(2.0 / pairs))
