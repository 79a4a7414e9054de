"""Read energy from the host's own sensors (NVML, AMD, RAPL, Apple, Jetson) through zeus."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib import metadata

from slmbench.errors import InputError, SlmbenchError
from slmbench.meters import zeus_sensors
from slmbench.meters.joules import Reading, counted_j
from slmbench.meters.panel import Panel
from slmbench.meters.sampler import PERIOD_S, PowerSampler
from slmbench.meters.surroundings import notes_on_devices
from slmbench.meters.zeus_sensors import Found, Live
from slmbench.schema.base import Absent, Measured
from slmbench.units import clock


class ZeusEnergy:
    """Energy counted by the hardware: whole devices, with whatever else runs on them.

    ``energy_j`` is the sum of every sensor this host has, and its source names them; where one of
    them fails in a window, the sum is Absent, since a partial sum would look like a saving. A GPU
    without a counter is polled for its power, ``how`` says so, and the source how much of the
    window the samples cover: less than all of it is refused. So is a window of fewer than ten
    ticks of the slowest sensor. On RAPL zeus starts a helper process that watches for overflow.

    Attributes:
        how: the weakest provenance among the sensors: ``counter``, ``rapl`` or ``polled``.
        tick_s: seconds between two changes of the slowest sensor.
        elapsed_s: seconds of the window that was read last.
    """

    def __init__(
        self, *, gpu_indices: Sequence[int] | None = None, tick_s: float | None = None
    ) -> None:
        """Take all visible GPUs or only ``gpu_indices``; watch for the ticks unless one is given.

        Raises:
            InputError: this host has no such sensor, or it can't be read.
        """
        found = zeus_sensors.find()
        if isinstance(found, Absent):
            raise InputError(found.reason)
        wanted = list(found.gpus if gpu_indices is None else gpu_indices)
        if not set(wanted) <= set(found.gpus):
            raise InputError(f"gpu_indices={wanted}: this host has the GPUs {list(found.gpus)}.")
        self._failures = zeus_sensors.failures()
        self._gpus = wanted
        try:
            live = zeus_sensors.sensors(found, wanted)
            # The first reading starts the overflow watcher, which must not begin in a window.
            for each in live:
                each.read()
            ticks = zeus_sensors.watch_ticks(live) if tick_s is None else {}
        except self._failures as error:
            raise InputError(f"zeus can't read this host's counters: {error}") from error
        self._counters = [each for each in live if each.counter is not None]
        self._polled = {
            each.sensor.name: PowerSampler(each.read, 1e-3, self._failures)
            for each in live
            if each.counter is None
        }
        self._panel = _panel(found, live, ticks, tick_s)
        self.how = self._panel.how
        self.tick_s = self._panel.tick_s
        self.elapsed_s = 0.0
        self._start_s: float | None = None
        self._fault: str | None = None
        self._first: dict[str, Reading] = {}

    @classmethod
    def probe(cls) -> Absent | None:
        """Return why no energy can be counted on this host, or None where it can."""
        found = zeus_sensors.find()
        return found if isinstance(found, Absent) else None

    def notes(self) -> tuple[str, ...]:
        """Return who else may be in the numbers: other processes, a container, a shared GPU."""
        return notes_on_devices(zeus_sensors.nvml_indices(self._gpus))

    def open(self) -> None:
        """Start the window, after GPU work that is under way; an open one is dropped."""
        self._fault = None
        self._wait()
        for sampler in self._polled.values():
            sampler.start()
        try:
            self._first = self._read()
        except self._failures as error:
            self._fault = f"the counter failed when the window opened: {error}"
        self._start_s = clock()

    def lap(self) -> dict[str, Measured | Absent]:
        """Return the readings since `open` and leave the window open."""
        if self._start_s is None:
            raise SlmbenchError("ZeusEnergy.lap() was called without open().")
        self._wait()
        self.elapsed_s = clock() - self._start_s
        if self._fault is not None:
            return self._panel.absent(self._fault)
        try:
            last = self._read()
        except self._failures as error:
            return self._panel.absent(f"the counter failed while it was read: {error}")
        joules: dict[str, float | Absent] = {}
        for each in self._counters:
            name = each.sensor.name
            assert each.counter is not None
            joules[name] = counted_j(each.counter, (self._first[name], last[name]))
        told = ""
        for name, sampler in self._polled.items():
            polled, _ = sampler.energy(self._start_s)
            joules[name] = polled.joules
            told += f"; {name}: {polled.samples} power samples cover {polled.coverage:.1%}"
        return self._panel.readings(joules, self.elapsed_s, told)

    def close(self) -> dict[str, Measured | Absent]:
        """Return ``energy_j`` and ``gpu_``, ``cpu_``, ``dram_`` and ``soc_energy_j``."""
        if self._start_s is None:
            raise SlmbenchError("ZeusEnergy.close() was called without open().")
        readings = self.lap()
        self._start_s = None
        for sampler in self._polled.values():
            sampler.stop()
        return readings

    def _read(self) -> dict[str, Reading]:
        return {each.sensor.name: (clock(), each.read()) for each in self._counters}

    def _wait(self) -> None:
        """Wait for this process's GPU work; torch is never imported for it."""
        torch = sys.modules.get("torch")
        if self._gpus and torch is not None and torch.cuda.is_initialized():
            for index in range(torch.cuda.device_count()):
                torch.cuda.synchronize(index)


def _panel(
    found: Found, live: Sequence[Live], ticks: dict[str, float], tick_s: float | None
) -> Panel:
    def tick(each: Live) -> float | None:
        if tick_s is not None:
            return tick_s or None
        # What is polled is as fine as the polling.
        return ticks.get(each.sensor.name, PERIOD_S)

    sensors = tuple(replace(each.sensor, tick_s=tick(each)) for each in live)
    return Panel(sensors, f"zeus {metadata.version('zeus')}", found.reasons)
