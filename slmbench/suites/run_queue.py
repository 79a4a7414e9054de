"""How long did others have the CPU that this process's threads were ready to use?"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

__all__ = ["RunQueue"]

_TASKS = Path("/proc/self/task")


class RunQueue:
    """The kernel's account of this process's threads since this was made.

    Linux counts for each thread the time it spent ready to run and waiting for a CPU (sched-stats,
    second field of /proc/PID/task/TID/schedstat, in nanoseconds; what a hypervisor takes is not in
    it). A model that is timed on a busy host waits there, and a model that is slow does not.
    """

    def __init__(self) -> None:
        """Begin to count."""
        self._before = _waited()

    def waited_s(self) -> float | None:
        """Return the seconds that the thread which waited most has waited; None: nobody counts."""
        now = _waited()
        if not self._before or not now:
            return None
        # A thread that began meanwhile has waited only since then.
        spans = [waited - self._before.get(task, 0) for task, waited in now.items()]
        return max(0, *spans, 0) / 1e9


def _waited() -> dict[str, int]:
    """Return the nanoseconds that each thread of this process has waited for a CPU."""
    found = {}
    try:
        for task in _TASKS.iterdir():
            # A thread may end between the two looks.
            with suppress(FileNotFoundError, ProcessLookupError):
                found[task.name] = int((task / "schedstat").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError, ValueError):
        return {}
    return found
