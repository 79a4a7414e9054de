"""How long did others have the CPU that this process's threads were ready to use?"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from slmbench.units import clock

__all__ = ["RunQueue"]

_TASKS = Path("/proc/self/task")


class RunQueue:
    """The kernel's account of this process's threads since this was made.

    Linux counts for each thread the time it ran and the time it was ready to run and waited for a
    CPU (sched-stats, the first two fields of /proc/PID/task/TID/schedstat, in nanoseconds; what a
    hypervisor takes is not in them). A model that is timed on a busy host waits there, and a model
    that is slow does not. More threads than CPUs wait for each other too, so no more is told than
    the CPU time that this process did not get.
    """

    def __init__(self) -> None:
        """Begin to count."""
        self._start_s = clock()
        self._before = _account()

    def waited_s(self) -> float | None:
        """Return the seconds that the thread which waited most has waited; None: nobody counts."""
        now, elapsed_s = _account(), clock() - self._start_s
        if not self._before or not now:
            return None
        # A thread that began meanwhile counts from its start.
        spans = [
            (ran - self._before.get(task, (0, 0))[0], waited - self._before.get(task, (0, 0))[1])
            for task, (ran, waited) in now.items()
        ]
        longest_s = max(waited for _, waited in spans) / 1e9
        not_got_s = _cpus() * elapsed_s - sum(ran for ran, _ in spans) / 1e9
        return max(0.0, min(longest_s, not_got_s))


def _account() -> dict[str, tuple[int, int]]:
    """Return the nanoseconds that each thread of this process ran, and waited for a CPU."""
    found = {}
    try:
        for task in _TASKS.iterdir():
            # A thread may end between the two looks.
            with suppress(FileNotFoundError, ProcessLookupError):
                ran, waited, _ = (task / "schedstat").read_text(encoding="ascii").split()
                found[task.name] = int(ran), int(waited)
    except (OSError, ValueError):
        return {}
    return found


def _cpus() -> int:
    """Return how many CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
