"""Poll a power sensor on a thread, for a device that has no counter of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from slmbench.meters.joules import GAP_PERIODS, Polled, Reading, integrated_j
from slmbench.units import clock

#: NVML renews its power reading every 20 to 100 ms, so asking oftener tells little.
PERIOD_S = 0.1


class PowerSampler:
    """Takes a sample when it starts, one every period, and one whenever it is asked for the energy.

    A reading that fails leaves a gap, which shows in the coverage. The thread is a daemon and ends
    with `stop`.

    Args:
        read: returns the power now, in the sensor's own unit.
        w_per_unit: watts of one unit.
        failures: what a failed reading raises.
        period_s: seconds between two samples.
    """

    def __init__(
        self,
        read: Callable[[], float],
        w_per_unit: float,
        failures: tuple[type[Exception], ...] = (OSError,),
        period_s: float = PERIOD_S,
    ) -> None:
        """Take what is read; nothing is read yet."""
        self._read = read
        self._w_per_unit = w_per_unit
        self._failures = failures
        self._period_s = period_s
        self._samples: list[Reading] = []
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def samples(self) -> Sequence[Reading]:
        """Return what was read since the start: (seconds on `units.clock`, the sensor's unit)."""
        return tuple(self._samples)

    def start(self) -> None:
        """Begin anew with a sample."""
        self.stop()
        self._samples, self._stop = [], threading.Event()
        self._take()
        self._thread = threading.Thread(target=self._run, args=(self._stop,), daemon=True)
        self._thread.start()

    def energy(self, start_s: float) -> tuple[Polled, float]:
        """Return what was drawn since ``start_s``, and the time of the sample that ends it."""
        self._take()
        end_s = self._samples[-1][0] if self._samples else clock()
        window, gap_s = (start_s, end_s), GAP_PERIODS * self._period_s
        return integrated_j(self._w_per_unit, self.samples, window, gap_s), end_s

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self, stop: threading.Event) -> None:
        while not stop.wait(self._period_s):
            self._take()

    def _take(self) -> None:
        with suppress(*self._failures):
            raw = float(self._read())
            self._samples.append((clock(), raw))
