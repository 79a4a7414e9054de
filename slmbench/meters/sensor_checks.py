"""Look which energy sensors this host has, whether they can be read, and what would mend it."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from slmbench.meters import host
from slmbench.meters.gpus import GpuState
from slmbench.schema.base import Absent
from slmbench.schema.checkup import Check

_RAPL_CURE = "sudo chmod a+r /sys/class/powercap/*-rapl:*/energy_uj (until the next boot)"
_ENERGY = "pip install 'slmbench[energy]'"


def sensor_checks(gpus: Sequence[GpuState] | Absent, root: Path = host.ROOT) -> list[Check]:
    """Return one check for each kind of sensor; reads files and asks nothing of a device."""
    found = [_nvml(gpus, root), _rapl(root), _amd(root), _jetson(root), _apple()]
    there = [check for check in found if check is not None]
    if not any(check.status == "ok" for check in there):
        there.append(
            Check(
                area="sensors", name="energy", status="note",
                text="no energy can be counted here: energy is a marked estimate, or absent",
            )
        )  # fmt: skip
    return there


def gpu_checks(gpus: Sequence[GpuState] | Absent) -> list[Check]:
    """Return what on each GPU would disturb a measurement or get into it."""
    return [] if isinstance(gpus, Absent) else [each for gpu in gpus for each in _gpu(gpu)]


def _gpu(gpu: GpuState) -> list[Check]:
    seen: list[tuple[str, str | None]] = []
    if gpu.mig:
        seen.append(("MIG is on: its counters are of all instances together", None))
    if gpu.other_processes:
        cure = "nvidia-smi tells which; wait for them, or choose another GPU"
        seen.append((f"{gpu.other_processes} other processes compute on it", cure))
    if gpu.busy_pct is not None and gpu.busy_pct > 5.0:
        seen.append((f"busy for {gpu.busy_pct:.0f} % of the last sample", None))
    if gpu.throttled:
        seen.append((f"its clock is held down: {', '.join(gpu.throttled)}", "let it cool, or wait"))
    name = f"GPU {gpu.index}"
    if not seen:
        return [Check(area="gpu", name=name, status="ok", text=f"{gpu.name}: nothing else seen")]
    return [
        Check(area="gpu", name=name, status="warn", text=f"{gpu.name}: {text}", cure=cure)
        for text, cure in seen
    ]


def _nvml(gpus: Sequence[GpuState] | Absent, root: Path) -> Check:
    if not isinstance(gpus, Absent) and gpus:
        polled = [gpu.index for gpu in gpus if not gpu.has_energy_counter]
        text = f"{len(gpus)} GPU(s) can be asked"
        text += f"; no energy counter on {polled}, so their power is polled" if polled else ""
        return _check("NVML", "note" if polled else "ok", text)
    reason = gpus.reason if isinstance(gpus, Absent) else "it knows no GPU"
    has_device = any((root / "dev").glob("nvidia[0-9]*"))
    if not has_device and not (root / "proc/driver/nvidia").exists():
        return _check("NVML", "note", "no NVIDIA GPU is seen")
    cure = _ENERGY if "pip install" in reason else (
        "in a container: start it with --gpus all and NVIDIA_DRIVER_CAPABILITIES=all; else "
        "reinstall the driver"
    )  # fmt: skip
    return _check("NVML", "warn", f"there is an NVIDIA driver, but {reason}", cure)


def _rapl(root: Path) -> Check:
    files = host.rapl_counters(root)
    if not files:
        why = "a hypervisor mostly hides them" if host.hypervisor(root) else "none in powercap"
        return _check("RAPL", "note", f"no CPU energy counter: {why}")
    locked = [file.parent.name for file in files if not os.access(file, os.R_OK)]
    if locked:
        return _check("RAPL", "warn", f"may not be read: {', '.join(locked)}", _RAPL_CURE)
    return _check("RAPL", "ok", f"{len(files)} counters can be read")


def _amd(root: Path) -> Check | None:
    device = root / "dev/kfd"
    if not device.exists():
        return None
    if not os.access(device, os.R_OK | os.W_OK):
        cure = "sudo usermod -aG render,video $USER, then log in again"
        return _check("AMD", "warn", "there is an AMD GPU, but /dev/kfd may not be opened", cure)
    try:
        metadata.version("amdsmi")
    except metadata.PackageNotFoundError:
        cure = "pip install amdsmi, in the version of the host's ROCm"
        return _check("AMD", "warn", "there is an AMD GPU, but amdsmi isn't installed", cure)
    return _check("AMD", "ok", "the device and amdsmi are there")


def _jetson(root: Path) -> Check | None:
    name = host.board(root) or ""
    if "jetson" not in name.lower() and "tegra" not in name.lower():
        return None
    files = sorted((root / "sys/bus/i2c/drivers").glob("ina3221*/*/hwmon/hwmon*/curr*_input"))
    if not files:
        return _check("Jetson", "warn", f"{name}: no power monitor (INA3221) is seen")
    if not all(os.access(file, os.R_OK) for file in files):
        cure = "sudo chmod a+r /sys/bus/i2c/drivers/ina3221*/*/hwmon/hwmon*/*_input"
        return _check("Jetson", "warn", f"{name}: its power monitor may not be read", cure)
    return _check("Jetson", "ok", f"{name}: {len(files)} power rails, polled")


def _apple() -> Check | None:
    if sys.platform != "darwin" or platform.machine() != "arm64":
        return None
    try:
        metadata.version("zeus-apple-silicon")
    except metadata.PackageNotFoundError:
        cure = "pip install 'zeus[apple]'"
        return _check("Apple", "warn", "Apple silicon counts its energy; its reader lacks", cure)
    return _check("Apple", "ok", "Apple silicon's counters can be read")


def _check(name: str, status: str, text: str, cure: str | None = None) -> Check:
    return Check.model_validate(
        {"area": "sensors", "name": name, "status": status, "text": text, "cure": cure}
    )
