"""Read energy from the host's own counters (NVML, RAPL, SoC) through zeus."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from slmbench.errors import InputError, SlmbenchError
from slmbench.schema.base import Absent, Measured
from slmbench.units import clock

_NEEDS = "Energy counters are read with zeus. Run: pip install 'slmbench[energy]'"
_WINDOW = "slmbench"
# From the surest provenance to the least sure: a sum is known as well as its weakest part.
_RANK = ("counter", "rapl", "polled")
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
class _Counters:
    """What this host can count, and why it can't count the rest."""

    gpus: tuple[int, ...]
    cpus: tuple[int, ...]
    dram: bool
    soc: str | None
    reasons: dict[str, str]

    @property
    def expected(self) -> tuple[str, ...]:
        """Return the readings whose sum is the total; a chip's total holds its GPU and CPU."""
        if self.soc is not None:
            return ("soc_energy_j",)
        there = (
            ("gpu_energy_j", bool(self.gpus)),
            ("cpu_energy_j", bool(self.cpus)),
            ("dram_energy_j", self.dram),
        )
        return tuple(name for name, present in there if present)


class ZeusEnergy:
    """Energy counted by the hardware: whole devices, with whatever else runs on them.

    ``energy_j`` is the sum of every counter this host has, and its source names them; where one
    of them fails in a window, the sum is Absent, since a partial sum would look like a saving.
    Older GPUs and Jetson boards have no counter: zeus polls their power, and ``how`` says so. On
    RAPL zeus starts a helper process that watches for counter overflow.
    """

    def __init__(
        self, *, gpu_indices: Sequence[int] | None = None, min_window_s: float = 0.1
    ) -> None:
        """Take all visible GPUs or only ``gpu_indices``; refuse windows under ``min_window_s``.

        NVML updates its counter every 20 to 100 ms, so a shorter window measures the tick.
        """
        found = _counters()
        if isinstance(found, Absent):
            raise InputError(found.reason)
        from zeus.exception import ZeusBaseError
        from zeus.monitor import ZeusMonitor

        # AssertionError: a daemonic worker may not start the overflow watcher.
        self._failures = (ZeusBaseError, OSError, ValueError, RuntimeError, AssertionError)
        wanted = list(found.gpus if gpu_indices is None else gpu_indices)
        if not set(wanted) <= set(found.gpus):
            raise InputError(f"gpu_indices={wanted}: this host has the GPUs {list(found.gpus)}.")
        self._found = _Counters(tuple(wanted), found.cpus, found.dram, found.soc, found.reasons)
        if not self._found.expected:
            raise InputError("No counter is left with gpu_indices=[]: this host has no other one.")
        self._min_window_s = min_window_s
        try:
            self._monitor = ZeusMonitor(gpu_indices=wanted, cpu_indices=list(found.cpus))
            # The first reading starts the overflow watcher, which must not begin in a window.
            for index in found.cpus:
                self._monitor.cpus.get_total_energy_consumption(index)
        except self._failures as error:
            raise InputError(f"zeus can't read this host's counters: {error}") from error
        polled = self._monitor.power_monitor is not None
        self._hows = {
            "gpu_energy_j": "polled" if polled else "counter",
            "cpu_energy_j": "rapl",
            "dram_energy_j": "rapl",
            "soc_energy_j": "polled" if found.soc == "Jetson" else "counter",
        }
        self.how = max((self._hows[name] for name in self._found.expected), key=_RANK.index)
        self._start_s: float | None = None
        self._fault: str | None = None

    @classmethod
    def probe(cls) -> Absent | None:
        """Return why no energy can be counted on this host, or None where it can."""
        found = _counters()
        return found if isinstance(found, Absent) else None

    def open(self) -> None:
        """Start the window, after GPU work that is under way; an open one is dropped."""
        self._fault = None
        try:
            self._monitor.begin_window(_WINDOW, sync_execution=_cuda_in_use(), restart=True)
        except self._failures as error:
            self._fault = f"the counter failed when the window opened: {error}"
        self._start_s = clock()

    def close(self) -> dict[str, Measured | Absent]:
        """Return ``energy_j`` and ``gpu_``, ``cpu_``, ``dram_`` and ``soc_energy_j``."""
        if self._start_s is None:
            raise SlmbenchError("ZeusEnergy.close() was called without open().")
        elapsed_s, self._start_s = clock() - self._start_s, None
        if self._fault is not None:
            return self._all_absent(self._fault)
        try:
            with warnings.catch_warnings():
                # zeus warns of a counter that didn't move; here it becomes Absent.
                warnings.simplefilter("ignore")
                window = self._monitor.end_window(_WINDOW, sync_execution=_cuda_in_use())
        except self._failures as error:
            return self._all_absent(f"the counter failed while it was read: {error}")
        if elapsed_s < self._min_window_s:
            return self._all_absent(
                f"the window lasted {elapsed_s:.3g} s, less than {self._min_window_s:g} s: "
                "too short for the counter's tick"
            )
        return self._readings(window)

    def _all_absent(self, reason: str) -> dict[str, Measured | Absent]:
        return {name: Absent(reason=reason) for name in ("energy_j", *self._hows)}

    def _readings(self, window: Any) -> dict[str, Measured | Absent]:
        joules = {
            "gpu_energy_j": _sum(window.gpu_energy, self._found.gpus),
            "cpu_energy_j": _sum(window.cpu_energy, self._found.cpus),
            "dram_energy_j": _sum(window.dram_energy, None) if self._found.dram else None,
            "soc_energy_j": _soc_energy_j(window.soc_energy),
        }
        readings: dict[str, Measured | Absent] = {}
        for name, value in joules.items():
            if name in self._found.reasons:
                readings[name] = Absent(reason=self._found.reasons[name])
            elif value is None or not value > 0:
                readings[name] = Absent(reason="the counter didn't move or went back")
            else:
                readings[name] = self._measured(value, (name,))
        parts = [readings[name] for name in self._found.expected]
        measured = [part.value for part in parts if isinstance(part, Measured)]
        readings["energy_j"] = (
            self._measured(sum(measured), self._found.expected)
            if len(measured) == len(parts)
            else Absent(reason="one of the host's counters gave no value, so the sum is unknown")
        )
        return readings

    def _measured(self, value: float, names: Sequence[str]) -> Measured:
        how = max((self._hows[name] for name in names), key=_RANK.index)
        what = " + ".join(name.removesuffix("_energy_j") for name in names)
        source = f"zeus {metadata.version('zeus')}: {what}, whole devices"
        if "gpu_energy_j" in names:
            source += f", {len(self._found.gpus)} GPU(s)"
        return Measured(value=value, unit="J", n=1, interval=None, how=how, source=source)


def _counters() -> _Counters | Absent:
    """Ask zeus for every kind of counter, and keep the reason where there is none."""
    try:
        from zeus.device import get_cpus, get_gpus, get_soc
        from zeus.exception import ZeusBaseError
    except ImportError:
        return Absent(reason=_NEEDS)
    reasons: dict[str, str] = {}
    gpus: tuple[int, ...] = ()
    cpus: tuple[int, ...] = ()
    dram, soc = False, None
    try:
        gpus = tuple(range(len(get_gpus())))
    except (ZeusBaseError, OSError) as error:
        reasons["gpu_energy_j"] = f"no GPU counter: {_text(error)}"
    try:
        zones = get_cpus()
        cpus = tuple(index for index in range(len(zones)) if _is_package(zones.cpus[index]))
        dram = any(zones.supports_get_dram_energy_consumption(index) for index in cpus)
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
    return _Counters(gpus, cpus, dram, soc, reasons)


def _is_package(zone: Any) -> bool:
    """Say whether a RAPL zone is a CPU package; ``psys`` holds the package and would double it."""
    file = getattr(zone, "rapl_file", None)
    return file is None or str(file.name).startswith("package")


def _sum(energy: dict[int, float] | None, indices: Sequence[int] | None) -> float | None:
    """Return the joules of all devices, or None where a device is missing or didn't move."""
    if not energy or (indices is not None and set(energy) != set(indices)):
        return None
    values = [float(value) for value in energy.values()]
    return sum(values) if all(value > 0 for value in values) else None


def _soc_energy_j(soc: Any) -> float | None:
    """Return a chip's joules: its own total, else the sum of the parts it has."""
    if soc is None:
        return None
    total = getattr(soc, "total_energy_mj", None)
    if total is not None:
        return float(total) / 1000.0
    parts = [getattr(soc, name, None) for name in _SOC_PARTS]
    known = [float(part) for part in parts if part is not None]
    return sum(known) / 1000.0 if known else None


def _cuda_in_use() -> bool:
    """Say whether this process has GPU work to wait for; torch is never imported for it."""
    torch = sys.modules.get("torch")
    return torch is not None and bool(torch.cuda.is_initialized())


def _text(error: BaseException) -> str:
    """Return an error's text as the middle of a sentence."""
    return str(error).strip().rstrip(".")
