"""Which points no other point beats: the Pareto front of two axes."""

from __future__ import annotations

import math
from collections.abc import Sequence

Point = tuple[float, float]


def pareto_front(points: Sequence[Point], maximise: tuple[bool, bool]) -> list[bool]:
    """Tell for each point whether it is on the front; equal points do not dominate each other.

    A point is dominated when another is at least as good on both axes and better on one.

    Raises:
        ValueError: a coordinate is NaN, which no order can place.
    """
    if any(math.isnan(value) for point in points for value in point):
        raise ValueError("a Pareto front needs numbers, and a coordinate is NaN")
    signs = tuple(1.0 if up else -1.0 for up in maximise)
    gains = [(signs[0] * first, signs[1] * second) for first, second in points]
    order = sorted(range(len(gains)), key=lambda index: gains[index], reverse=True)

    front = [False] * len(gains)
    last: Point | None = None
    for index in order:
        # Best first axis first, so a point survives when it beats every earlier survivor on the
        # second axis; its equals on both axes come right after it and survive with it.
        if last is None or gains[index][1] > last[1] or gains[index] == last:
            front[index] = True
            last = gains[index]
    return front
