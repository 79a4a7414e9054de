"""Simulated hosts that disturb what runs on them, for the tests and the bench of A/B mode."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from slmbench.stats.ab import block_log_ratio, block_orders

_SLICES = 4


class SimulatedHost:
    """A clock of its own, and work that takes longer while something disturbs it.

    Every kind has 1 % of white noise; the disturbance comes on top of it.
    """

    def __init__(self, kind: str, seed: int) -> None:
        self._random = random.Random(f"{kind}/{seed}")
        self._disturb: tuple[Callable[[], float], ...] = KINDS[kind](self)
        self.now_s = self._random.uniform(0.0, 60.0)
        self._burst = (0.0, 0.0, 1.0)
        self._state, self._state_at_s = self._random.gauss(0.0, 1.0), self.now_s
        # A host is somewhere in its warming up when it is first looked at.
        self._began_s = self.now_s

    def run(self, work_s: float) -> float:
        """Do work that takes ``work_s`` undisturbed and return the seconds that it took."""
        start_s = self.now_s
        spread = math.exp(self._random.gauss(0.0, 0.01))
        for _ in range(_SLICES):
            factor = math.prod(each() for each in self._disturb)
            self.now_s += work_s / _SLICES * spread * factor
        return self.now_s - start_s

    def drift(self) -> float:
        """Heat slows the host by a quarter over minutes."""
        return 1.0 + 0.25 * (1.0 - math.exp(-(self.now_s - self._began_s) / 30.0))

    def bursts(self) -> float:
        """Another process takes its share at random moments, for half a second or so."""
        start_s, end_s, factor = self._burst
        if self.now_s >= end_s:
            start_s = max(end_s, self.now_s) + self._random.expovariate(1 / 3.0)
            end_s = start_s + self._random.expovariate(1 / 0.4)
            factor = self._random.uniform(1.2, 2.0)
            self._burst = (start_s, end_s, factor)
        return factor if start_s <= self.now_s < end_s else 1.0

    def heavy_tails(self) -> float:
        """Now and then a slice takes much longer: a Pareto tail without a variance."""
        return 1.0 + 0.004 * (self._random.paretovariate(1.5) - 1.0)

    def autocorrelation(self) -> float:
        """A slow wander of 4 % with a memory of two seconds."""
        memory = math.exp(-(self.now_s - self._state_at_s) / 2.0)
        self._state = memory * self._state + math.sqrt(1 - memory**2) * self._random.gauss(0, 1)
        self._state_at_s = self.now_s
        return math.exp(0.04 * self._state)

    def periodic(self) -> float:
        """A job that returns every 0.83 s and takes 30 % for 0.15 s, near a block's own length."""
        return 1.3 if self.now_s % 0.83 < 0.15 else 1.0


KINDS: dict[str, Callable[[SimulatedHost], tuple[Callable[[], float], ...]]] = {
    "quiet": lambda host: (lambda: 1.0,),
    "drift": lambda host: (host.drift,),
    "bursts": lambda host: (host.bursts,),
    "heavy tails": lambda host: (host.heavy_tails,),
    "autocorrelation": lambda host: (host.autocorrelation,),
    "periodic": lambda host: (host.periodic,),
    "everything": lambda host: (
        host.drift, host.bursts, host.heavy_tails, host.autocorrelation, host.periodic,
    ),
}  # fmt: skip


def simulated_blocks(
    host: SimulatedHost, ratio: float, blocks: int, seed: int, work_s: float = 0.1
) -> dict[str, list[float]]:
    """Return each block's log-ratio of B (``ratio`` times the work) and of A' (equal) over A."""
    work = {"a": work_s, "b": work_s * ratio, "a2": work_s}
    found: dict[str, list[float]] = {"b": [], "a2": []}
    for order in block_orders(tuple(work), blocks, seed):
        times: dict[str, list[float]] = {stream: [] for stream in work}
        for stream in order:
            times[stream].append(host.run(work[stream]))
        for stream in found:
            found[stream].append(block_log_ratio(times["a"], times[stream]))
    return found


def one_after_the_other(
    host: SimulatedHost, ratio: float, repeats: int, work_s: float = 0.1
) -> tuple[list[float], list[float]]:
    """Return the times of A, then of B, as two separate runs measure them."""
    first = [host.run(work_s) for _ in range(repeats)]
    return first, [host.run(work_s * ratio) for _ in range(repeats)]
