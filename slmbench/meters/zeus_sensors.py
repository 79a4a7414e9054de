"""Find the energy sensors of this host through zeus, and read each of them raw."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from slmbench.errors import InputError
from slmbench.meters.joules import Counter, Reading, tick_s
from slmbench.meters.panel import Sensor
from slmbench.schema.base import Absent
from slmbench.units import clock

_NEEDS = "Energy counters are read with zeus. Run: pip install 'slmbench[energy]'"
#: NVML's slowest counters move ten times a second: taken where a tick can't be seen.
_USUAL_TICK_S = 0.1
#: How long sensors are watched for their ticks, and how often they are read meanwhile.
_WATCH_S, _WATCH_EVERY_S = 0.6, 0.001
# The parts of a chip's energy in zeus' SoC measurements, where it has no total of its own.
_SOC_PARTS = (
    "cpu_total_mj",
    "cpu_energy_mj",
    "gpu_mj",
    "gpu_sram_mj",
    "gpu_energy_mj",
    "ane_mj",
    "dram_mj",
)


@dataclass(frozen=True)
class Found:
    """What this host can count, and why it can't count the rest.

    ``dram`` are the CPU packages whose memory is counted too.
    """

    gpus: tuple[int, ...]
    cpus: tuple[int, ...]
    dram: tuple[int, ...]
    soc: str | None
    reasons: dict[str, str]


@dataclass(frozen=True)
class Live:
    """A sensor and how to read it: energy as a count, or power where ``counter`` is None."""

    sensor: Sensor
    read: Callable[[], float]
    counter: Counter | None


def failures() -> tuple[type[Exception], ...]:
    """Return what a reading through zeus may raise."""
    from zeus.exception import ZeusBaseError

    # AssertionError: a daemonic worker may not start the overflow watcher.
    return (ZeusBaseError, OSError, ValueError, RuntimeError, AssertionError, AttributeError)


def find() -> Found | Absent:
    """Ask zeus for every kind of counter, and keep the reason where there is none."""
    try:
        from zeus.device import get_cpus, get_gpus, get_soc
        from zeus.exception import ZeusBaseError
    except ImportError:
        return Absent(reason=_NEEDS)
    reasons: dict[str, str] = {}
    gpus: tuple[int, ...] = ()
    cpus: tuple[int, ...] = ()
    dram: tuple[int, ...] = ()
    soc = None
    try:
        gpus = tuple(range(len(get_gpus())))
    except (ZeusBaseError, OSError) as error:
        reasons["gpu_energy_j"] = f"no GPU counter: {_text(error)}"
    try:
        zones = get_cpus()
        cpus = tuple(index for index in range(len(zones)) if _is_package(zones.cpus[index]))
        dram = tuple(i for i in cpus if zones.supports_get_dram_energy_consumption(i))
    except (ZeusBaseError, OSError) as error:
        reasons["cpu_energy_j"] = f"no CPU counter: {_text(error)}"
    try:
        soc = type(get_soc()).__name__
    except (ZeusBaseError, OSError) as error:
        reasons["soc_energy_j"] = f"no SoC counter: {_text(error)}"
    if not gpus:
        reasons.setdefault("gpu_energy_j", "no GPU on this host")
    if not cpus:
        reasons.setdefault("cpu_energy_j", "no RAPL package zone on this host")
    if not dram:
        reasons["dram_energy_j"] = "no DRAM counter on this host"
    if not (gpus or cpus or soc):
        told = "; ".join(reasons[f"{part}_energy_j"] for part in ("gpu", "cpu", "soc"))
        return Absent(
            reason=f"This host has no energy counter that can be read ({told}). "
            "Use the estimate, which is labelled as one, or a host with NVML or readable RAPL."
        )
    return Found(gpus, cpus, dram, soc, reasons)


def sensors(found: Found, gpus: Sequence[int]) -> tuple[Live, ...]:
    """Return the sensors to add up; a chip's total holds its GPU and CPU, so it stands alone.

    Raises:
        InputError: none is left.
    """
    from zeus.device import get_cpus, get_gpus, get_soc

    if found.soc is not None:
        # Jetson's rails are polled by a process of zeus'; Apple's are counters.
        how = "polled" if found.soc == "Jetson" else "counter"
        soc = get_soc()
        return (
            Live(Sensor("soc", "soc_energy_j", how), partial(_soc_mj, soc), Counter(1e-3)),
        )  # fmt: skip
    live = []
    if gpus:
        devices = get_gpus()
        live += [_gpu(devices, index) for index in gpus]
    if found.cpus:
        zones = get_cpus()
        # zeus counts RAPL's wraps itself, so what it returns never goes back.
        live += [
            Live(
                Sensor(f"{name}{index}", f"{name}_energy_j", "rapl"),
                partial(_rapl_mj, zones, index, f"{name}_mj"),
                Counter(1e-3),
            )
            for name, indices in (("cpu", found.cpus), ("dram", found.dram))
            for index in indices
        ]
    if not live:
        raise InputError("No counter is left with gpu_indices=[]: this host has no other one.")
    return tuple(live)


def nvml_indices(gpus: Sequence[int]) -> list[int]:
    """Return NVML's indices of GPUs that zeus counts among those CUDA_VISIBLE_DEVICES leaves."""
    from zeus.device import get_gpus

    devices = getattr(get_gpus(), "gpus", ())
    known = [getattr(devices[index], "gpu_index", None) for index in gpus if index < len(devices)]
    return [index for index in known if isinstance(index, int)]


def watch_ticks(live: Sequence[Live]) -> dict[str, float]:
    """Return the tick of each counter in seconds, by its name; a tenth where none can be seen.

    Takes about half a second, so it belongs before the windows.
    """
    counters = [each for each in live if each.counter is not None]
    log: dict[str, list[Reading]] = {each.sensor.name: [] for each in counters}
    start = clock()
    while clock() - start < _WATCH_S:
        for each in counters:
            log[each.sensor.name].append((clock(), each.read()))
        time.sleep(_WATCH_EVERY_S)
    return {name: tick_s(readings) or _USUAL_TICK_S for name, readings in log.items()}


def _gpu(devices: Any, index: int) -> Live:
    name = f"gpu{index}"
    if devices.supports_get_total_energy_consumption(index):
        return Live(
            Sensor(name, "gpu_energy_j", "counter"),
            partial(devices.get_total_energy_consumption, index),
            Counter(1e-3),
        )
    return Live(
        Sensor(name, "gpu_energy_j", "polled"),
        partial(devices.get_instant_power_usage, index),
        None,
    )


def _rapl_mj(zones: Any, index: int, name: str) -> float:
    value = getattr(zones.get_total_energy_consumption(index), name)
    if value is None:
        raise ValueError(f"the package has no {name}")
    return float(value)


def _is_package(zone: Any) -> bool:
    """Say whether a RAPL zone is a CPU package; ``psys`` holds the package and would double it."""
    file = getattr(zone, "rapl_file", None)
    return file is None or str(file.name).startswith("package")


def _soc_mj(soc: Any) -> float:
    return soc_mj(soc.get_total_energy_consumption())


def soc_mj(measurement: Any) -> float:
    """Return a chip's millijoules: its own total, else the sum of the parts it has.

    Raises:
        ValueError: it has neither.
    """
    total = getattr(measurement, "total_energy_mj", None)
    if total is not None:
        return float(total)
    parts = [getattr(measurement, name, None) for name in _SOC_PARTS]
    known = [float(part) for part in parts if part is not None]
    if not known:
        raise ValueError("the chip reports no energy")
    return sum(known)


def _text(error: BaseException) -> str:
    """Return an error's text as the middle of a sentence."""
    return str(error).strip().rstrip(".")
