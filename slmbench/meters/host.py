"""Read what stands between this process and the hardware: containers, limits, hypervisor, clocks.

Every function reads text files below ``root`` and nothing else, so a host can be described from
a copy of its files. What can't be read is None or empty, never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

#: The file system that is looked at; tests give a folder of recorded files.
ROOT = Path("/")
#: A cgroup v1 memory limit this large is the kernel's way to say that there is none.
_NO_LIMIT_BYTES = 2**60
_CONTAINER_WORDS = ("kubepods", "docker", "libpod", "lxc", "containerd")


def read_text(path: Path) -> str:
    """Return a file's text without the blanks around it, empty where it can't be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def container(root: Path = ROOT) -> str | None:
    """Return the kind of container this process is in (``docker``, ``podman``, ...), or None.

    A container that leaves no sign inside itself is not seen.
    """
    if (root / ".dockerenv").exists():
        return "docker"
    if (root / "run/.containerenv").exists():
        return "podman"
    groups = read_text(root / "proc/1/cgroup")
    return next((word for word in _CONTAINER_WORDS if word in groups), None)


def hypervisor(root: Path = ROOT) -> str | None:
    """Return ``WSL`` or ``virtual machine`` where the processor says so, or None.

    x86 processors carry a flag; elsewhere the device tree names the hypervisor, where there is one.
    """
    if "microsoft" in read_text(root / "proc/version").lower():
        return "WSL"
    for line in read_text(root / "proc/cpuinfo").splitlines():
        if line.startswith("flags") and "hypervisor" in line.split():
            return "virtual machine"
    return "virtual machine" if (root / "proc/device-tree/hypervisor").exists() else None


def cpu_quota(root: Path = ROOT) -> float | None:
    """Return the CPUs' worth of time the cgroups leave this process, or None without a limit."""
    limits = []
    for folder in _own_groups("cpu", root):
        quota, _, period = read_text(folder / "cpu.max").partition(" ")
        if not quota:
            quota = read_text(folder / "cpu.cfs_quota_us")
            period = read_text(folder / "cpu.cfs_period_us")
        if quota.isdigit() and period.isdigit() and int(period) > 0:
            limits.append(int(quota) / int(period))
    return min(limits, default=None)


def memory_limit_bytes(root: Path = ROOT) -> int | None:
    """Return the least memory limit of this process's cgroups, or None without a limit."""
    limits = []
    for folder in _own_groups("memory", root):
        for name in ("memory.max", "memory.high", "memory.limit_in_bytes"):
            text = read_text(folder / name)
            if text.isdigit() and int(text) < _NO_LIMIT_BYTES:
                limits.append(int(text))
    return min(limits, default=None)


def throttled_s(root: Path = ROOT) -> float | None:
    """Return the seconds the CPU quota has held this process's cgroup back, or None if unknown.

    A counter: the difference of two readings tells whether the time between them was disturbed.
    """
    for folder in _own_groups("cpu", root):
        found = dict(line.split(" ", 1) for line in _pairs(read_text(folder / "cpu.stat")))
        for name, per_second in (("throttled_usec", 1e6), ("throttled_time", 1e9)):
            if found.get(name, "").isdigit():
                return int(found[name]) / per_second
    return None


def cpu_pressure_pct(root: Path = ROOT) -> float | None:
    """Return the share of the last 10 s in which some process waited for a CPU (kernel PSI)."""
    match = re.search(r"^some avg10=([\d.]+)", read_text(root / "proc/pressure/cpu"), re.MULTILINE)
    return float(match.group(1)) if match else None


def governors(root: Path = ROOT) -> tuple[str, ...]:
    """Return the frequency governors in use over all CPUs, sorted; empty where none is told."""
    files = (root / "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_governor")
    return tuple(sorted({text for text in map(read_text, files) if text}))


def turbo(root: Path = ROOT) -> bool | None:
    """Say whether the CPU may clock above its base frequency; None where nothing tells."""
    off = read_text(root / "sys/devices/system/cpu/intel_pstate/no_turbo")
    if off in ("0", "1"):
        return off == "0"
    boost = read_text(root / "sys/devices/system/cpu/cpufreq/boost")
    return boost == "1" if boost in ("0", "1") else None


def thermal_throttles(root: Path = ROOT) -> int | None:
    """Return how often the CPU has been slowed for its heat since boot, or None if unknown."""
    files = (root / "sys/devices/system/cpu").glob("cpu[0-9]*/thermal_throttle/*_throttle_count")
    counts = [int(text) for text in map(read_text, files) if text.isdigit()]
    return sum(counts) if counts else None


def cpu_temperature_c(root: Path = ROOT) -> float | None:
    """Return the hottest thermal zone in degrees Celsius, or None where there is none."""
    files = (root / "sys/class/thermal").glob("thermal_zone*/temp")
    found = [int(text) / 1000.0 for text in map(read_text, files) if text.lstrip("-").isdigit()]
    return max(found, default=None)


def board(root: Path = ROOT) -> str | None:
    """Return the device tree's name of a board (a Jetson, a Raspberry Pi), or None."""
    return read_text(root / "proc/device-tree/model").rstrip("\0") or None


def rapl_counters(root: Path = ROOT) -> tuple[Path, ...]:
    """Return the energy files of the CPU packages and their memory, readable or not."""
    folder = root / "sys/class/powercap"
    found = [*folder.glob("intel-rapl:*/energy_uj"), *folder.glob("amd-rapl:*/energy_uj")]
    return tuple(sorted(found))


def _own_groups(controller: str, root: Path) -> Iterator[Path]:
    """Yield this process's cgroup folders for a controller, from the innermost to the top.

    Inside a container the path that the kernel tells may lie outside what is mounted; the top of
    the mount is the container's own group then, so it is always among them.
    """
    mount = root / "sys/fs/cgroup"
    for line in read_text(root / "proc/self/cgroup").splitlines():
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if number == "0" and not names:
            tops = (mount, mount / "unified")
        elif controller in names.split(","):
            tops = (mount / controller, mount / names)
        else:
            continue
        for top in tops:
            inner = top / path.lstrip("/")
            yield from (each for each in (inner, *inner.parents) if each.is_relative_to(top))
    yield mount


def _pairs(text: str) -> list[str]:
    return [line for line in text.splitlines() if len(line.split(" ", 1)) == 2]
