"""When the requests of an open loop arrive, and which of a stage's requests count."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from itertools import count, takewhile

__all__ = ["arrival_times", "steady_window", "user_starts"]


def arrival_times(
    arrival: str, rate_hz: float, duration_s: float, ramp_s: float, seed: int | str
) -> list[float]:
    """Return the seconds from a stage's start at which requests arrive, rising.

    The rate rises from 0 to ``rate_hz`` in the first ``ramp_s`` and stays. Arrivals of a process
    with mean count M(t) = rate t^2 / (2 ramp) in the ramp, then rate (t - ramp / 2), are those of
    a process of rate 1, mapped through the inverse of M (Cinlar 1975, "Introduction to stochastic
    processes", section 4.7): the points 0.5, 1.5, 2.5, ... for ``constant``, sums of exponential
    gaps for ``poisson``. The same arguments give the same times.
    """
    points = _constant() if arrival == "constant" else _poisson(random.Random(seed))
    times = (_when(point, rate_hz, ramp_s) for point in points)
    return list(takewhile(lambda time: time < duration_s, times))


def user_starts(concurrency: int, ramp_s: float) -> list[float]:
    """Return when each user of a closed loop begins: one at once, all before ``ramp_s`` is over."""
    return [ramp_s * number / concurrency for number in range(concurrency)]


def steady_window(ended_s: float, ramp_s: float) -> tuple[float, float]:
    """Return the seconds [start, end) of a stage that count.

    Its start leaves out the ramp; its end, as long a time before the last request was sent at
    ``ended_s``: what is sent later is answered by a server that is already running empty. An end
    that is not after the start says that nothing counts.
    """
    return ramp_s, ended_s - ramp_s


def _constant() -> Iterator[float]:
    return (number + 0.5 for number in count())


def _poisson(draw: random.Random) -> Iterator[float]:
    point = 0.0
    while True:
        point += draw.expovariate(1.0)
        yield point


def _when(point: float, rate_hz: float, ramp_s: float) -> float:
    in_ramp = rate_hz * ramp_s / 2.0
    if point < in_ramp:
        return math.sqrt(2.0 * ramp_s * point / rate_hz)
    return ramp_s / 2.0 + point / rate_hz
