"""Estimate this process's energy from its CPU time and memory, where no counter can be read."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

import psutil

from slmbench.errors import InputError, SlmbenchError
from slmbench.meters.surroundings import host_notes
from slmbench.schema.base import Absent, Measured
from slmbench.units import clock

# codecarbon's rule for a CPU that its table doesn't know: 4 W for each hardware thread.
DEFAULT_W_PER_THREAD = 4.0
# codecarbon's classic rule after Crucial: 3 W for every 8 GB of DDR3 or DDR4.
MEMORY_W_PER_GIB = 3.0 / 8.0
_GIB = 2.0**30
#: The kernel counts CPU time in hundredths of a second (USER_HZ).
_TICK_S = 0.01


@dataclass(frozen=True)
class _Usage:
    """What the process and its descendants had used when it was read."""

    at_s: float
    cpu_s: float
    resident_bytes: float


class EnergyEstimate:
    """An estimate, labelled as one: CPU seconds x watts of a thread + resident GiB x 0.375 W.

    It counts this process and its descendants only, so another load on the host doesn't enter.
    It knows nothing of clock speed, of vector units or of idle power: good for ranking runs of
    one host, not for a bill. A process that used a GPU gets Absent, since the estimate would leave
    out most of its energy.
    """

    how = "estimated"
    tick_s = _TICK_S

    def __init__(self, *, cpu_power_w: float | None = None) -> None:
        """Take the CPU's full-load power ``cpu_power_w`` (its TDP), or 4 W for each thread."""
        if cpu_power_w is not None and not cpu_power_w > 0:
            raise InputError(f"energy: cpu_power_w={cpu_power_w} must be above 0 W.")
        self.thread_count = os.cpu_count() or 1
        self.w_per_thread = (
            DEFAULT_W_PER_THREAD if cpu_power_w is None else cpu_power_w / self.thread_count
        )
        given = (
            "codecarbon's default for an unknown CPU"
            if cpu_power_w is None
            else f"{cpu_power_w:g} W over {self.thread_count} threads"
        )
        self.source = (
            "estimate: CPU seconds of this process and its children x "
            f"{self.w_per_thread:g} W per thread ({given}) + mean resident GiB x "
            f"{MEMORY_W_PER_GIB:g} W (3 W per 8 GB, codecarbon) x seconds"
        )
        self.elapsed_s = 0.0
        self._start: _Usage | None = None

    def notes(self) -> tuple[str, ...]:
        """Return what the estimate runs in: a container, a virtual machine."""
        return host_notes(whole_devices=False)

    def open(self) -> None:
        """Start the window; an open one is dropped."""
        self._start = _usage()

    def close(self) -> dict[str, Measured | Absent]:
        """Return ``energy_j`` and its parts ``cpu_energy_j`` and ``dram_energy_j``."""
        if self._start is None:
            raise SlmbenchError("EnergyEstimate.close() was called without open().")
        readings = self.lap()
        self._start = None
        return readings

    def lap(self) -> dict[str, Measured | Absent]:
        """Return the readings since `open` and leave the window open."""
        if self._start is None:
            raise SlmbenchError("EnergyEstimate.lap() was called without open().")
        start, end = self._start, _usage()
        self.elapsed_s = end.at_s - start.at_s
        names = ("energy_j", "cpu_energy_j", "dram_energy_j")
        if _gpu_in_use():
            reason = (
                "this process used a GPU, which an estimate from CPU time leaves out; "
                "pip install 'slmbench[energy]' reads its counter"
            )
            return {name: Absent(reason=reason) for name in names}
        cpu_s = end.cpu_s - start.cpu_s
        if cpu_s < 0:
            reason = "a child process ended without being waited for, so its CPU time is lost"
            return {name: Absent(reason=reason) for name in names}
        resident = (start.resident_bytes + end.resident_bytes) / 2.0
        cpu_j = cpu_s * self.w_per_thread
        dram_j = memory_energy_j(resident, end.at_s - start.at_s)
        values = (cpu_j + dram_j, cpu_j, dram_j)
        return {name: self._measured(value) for name, value in zip(names, values, strict=True)}

    def _measured(self, value: float) -> Measured:
        return Measured(value=value, unit="J", n=1, interval=None, how=self.how, source=self.source)


def memory_energy_j(resident_bytes: float, elapsed_s: float) -> float:
    """Return the joules that keep ``resident_bytes`` refreshed for ``elapsed_s`` seconds."""
    return resident_bytes / _GIB * MEMORY_W_PER_GIB * elapsed_s


def _usage() -> _Usage:
    """Read CPU time and resident memory of this process and its descendants.

    Children that were waited for stand in their parent's ``children_*`` times, so a child that
    ends inside the window is counted too.
    """
    own = psutil.Process()
    cpu_s, resident = 0.0, 0.0
    for process in (own, *own.children(recursive=True)):
        try:
            with process.oneshot():
                times, memory = process.cpu_times(), process.memory_info()
        except psutil.Error:
            continue  # it ended between the listing and the reading
        cpu_s += times.user + times.system
        cpu_s += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
        resident += memory.rss
    return _Usage(at_s=clock(), cpu_s=cpu_s, resident_bytes=resident)


def _gpu_in_use() -> bool:
    """Say whether torch, if it is loaded at all, has used a GPU in this process."""
    torch = sys.modules.get("torch")
    if torch is None:
        return False
    if torch.cuda.is_initialized():
        return True
    mps = getattr(torch, "mps", None)
    if mps is None or not torch.backends.mps.is_available():
        return False
    return bool(mps.current_allocated_memory() > 0)
