"""Ask a host how quiet it is, before anything on it is timed."""

from __future__ import annotations

import contextlib
import math
import os
import time
from pathlib import Path

import psutil

from slmbench.units import clock

_TICK_S = 0.001
_STAT = Path("/proc/stat")


def host_noise(duration_s: float = 0.2) -> dict[str, float]:
    """Return what could disturb a timing on this host; what can't be read is left out.

    - ``load_pct``: 1-minute load average / usable CPUs. Above 100 a run must wait for a CPU.
    - ``timer_jitter_s``: 99th percentile by which a 1 ms sleep came back late.
    - ``busy_pct``: share of CPU time that was in use while this process slept, so by others.
    - ``steal_pct``: share that the hypervisor gave to another guest.
    - ``cpu_frequency_spread_pct``: (fastest - slowest core) / fastest.
    """
    noise: dict[str, float] = {}
    before = _cpu_ticks()
    late_s = _sleep_overshoots(duration_s)
    after = _cpu_ticks()
    noise["timer_jitter_s"] = late_s[max(0, math.ceil(0.99 * len(late_s)) - 1)]
    if before is not None and after is not None:
        spent = [new - old for new, old in zip(after, before, strict=True)]
        total = sum(spent)
        if total > 0 and min(spent) >= 0:
            idle = spent[3] + spent[4]
            noise["busy_pct"] = 100.0 * (total - idle) / total
            noise["steal_pct"] = 100.0 * spent[7] / total
    with contextlib.suppress(OSError):  # a host may keep no load average
        noise["load_pct"] = 100.0 * os.getloadavg()[0] / _usable_cpus()
    spread = _frequency_spread_pct()
    if spread is not None:
        noise["cpu_frequency_spread_pct"] = spread
    return noise


def _sleep_overshoots(duration_s: float) -> list[float]:
    """Return, in ascending order, how late each of many short sleeps came back."""
    late_s: list[float] = []
    end_s = clock() + duration_s
    while not late_s or clock() < end_s:
        start_s = clock()
        time.sleep(_TICK_S)
        late_s.append(max(0.0, clock() - start_s - _TICK_S))
    return sorted(late_s)


def _cpu_ticks() -> list[int] | None:
    """Return user, nice, system, idle, iowait, irq, softirq, steal ticks of all CPUs."""
    try:
        fields = _STAT.read_text(encoding="ascii").split("\n", 1)[0].split()
        ticks = [int(field) for field in fields[1:9]]
    except (OSError, ValueError):
        return None
    return ticks if fields[0] == "cpu" and len(ticks) == 8 else None


def _usable_cpus() -> int:
    """Return how many CPUs this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _frequency_spread_pct() -> float | None:
    """Return how far the cores' clocks lie apart, where the kernel tells them apart."""
    try:
        cores = psutil.cpu_freq(percpu=True) or []
    except (OSError, NotImplementedError, AttributeError):
        return None
    clocks = [float(core.current) for core in cores if core.current]
    if len(clocks) < 2:
        return None
    return 100.0 * (max(clocks) - min(clocks)) / max(clocks)
