"""How far the best group of items is from the worst, and what chance leaves open."""

from __future__ import annotations

import numpy as np

from slmbench.stats.weighted_bootstrap import Statistics


def gap_of_draws(scores: np.ndarray, members: np.ndarray) -> Statistics:
    """Return what makes the largest less the smallest group mean of draws of items, (1, draws).

    Chance alone parts groups, the more so the smaller they are. A group that a draw has no item of
    takes no part in that draw.

    Args:
        scores: of each item in each group, items x groups; 0 where it isn't in it.
        members: items x groups, 1 where an item is in a group and has a score.
    """

    def of_draws(drawn: np.ndarray) -> np.ndarray:
        count = drawn @ members
        means = (drawn @ scores) / np.maximum(count, 1)
        best = np.where(count > 0, means, -np.inf).max(axis=1)
        worst = np.where(count > 0, means, np.inf).min(axis=1)
        return np.asarray((best - worst)[np.newaxis])

    return of_draws
