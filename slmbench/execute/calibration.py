"""Time a small fixed piece of work in blocks, to see how far this host's times can be trusted."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

import numpy as np

from slmbench.stats.ab import block_log_ratio, block_orders
from slmbench.units import clock

_SIDE = 512
_WARM_UP_TURNS = 3


class FixedWork:
    """Arithmetic over a megabyte and some interpreting, on one thread, about ``turn_s`` long.

    Like a model's step it reads memory, multiplies, and passes through Python; no library's
    threads take part in it, so two hosts differ in what they are and not in how numpy was built.
    """

    def __init__(self, turn_s: float) -> None:
        """Find out how often the step fits into a turn."""
        generator = np.random.default_rng(0)
        self._matrix = generator.standard_normal((_SIDE, _SIDE)).astype(np.float32)
        self._steps = 1
        step_s = min(self.run() for _ in range(10))
        self._steps = max(1, round(turn_s / step_s))

    def run(self) -> float:
        """Do the work of one turn and return its seconds."""
        start_s = clock()
        vector = np.ones(_SIDE, dtype=np.float32)
        for _ in range(self._steps):
            vector = (self._matrix * vector).sum(axis=1)
            vector /= np.abs(vector).max()
            sum(number * number for number in range(500))
        return clock() - start_s


def calibrate(run: Callable[[], float], blocks: int, seed: int = 0) -> tuple[list[float], float]:
    """Return the log-ratio of each block of a thing against itself, and a turn's median seconds.

    Args:
        run: does the work once and returns its seconds.
        blocks: how many blocks of four turns, after a few turns of warm-up.
    """
    for _ in range(_WARM_UP_TURNS):
        run()
    found: list[float] = []
    seen: list[float] = []
    for order in block_orders(("a", "b"), blocks, seed):
        times = [(stream, run()) for stream in order]
        found.append(block_log_ratio(_of("a", times), _of("b", times)))
        seen.extend(time for _, time in times)
    return found, statistics.median(seen)


def _of(stream: str, times: Sequence[tuple[str, float]]) -> list[float]:
    return [time for name, time in times if name == stream]
