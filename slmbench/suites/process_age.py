"""How long ago did this process begin: what a cold start is counted from."""

from __future__ import annotations

import os
import time
from pathlib import Path

from slmbench.schema.base import Absent

#: Field 22 of /proc/PID/stat, counted from the one after the command's name.
_START_FIELD = 19


def process_age() -> float | Absent:
    """Return the seconds since this process began, to the kernel's tick (10 ms), or Absent.

    Linux keeps the moment in /proc/self/stat (proc(5)), in ticks since the machine was started.
    """
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    if boottime is None:
        return Absent(reason="only Linux tells here when a process began")
    try:
        fields = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        began_s = int(fields[_START_FIELD]) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return Absent(reason="/proc/self/stat does not tell when this process began")
    return time.clock_gettime(boottime) - began_s
