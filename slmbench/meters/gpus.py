"""Ask NVML what each GPU is doing beside our work: MIG, other processes, throttling, clocks."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from slmbench.schema.base import Absent

#: NVML's reasons for a lower clock -> what they mean. An idle GPU and a user's clock are no fault.
_THROTTLES = {
    0x0000000000000004: "power limit",
    0x0000000000000008: "hardware slowdown",
    0x0000000000000020: "heat (software)",
    0x0000000000000040: "heat (hardware)",
    0x0000000000000080: "power brake",
}


@dataclass(frozen=True)
class GpuState:
    """One NVIDIA GPU at one moment; None is what the driver doesn't tell.

    Attributes:
        mig: the GPU is cut into instances, so its counters are of all of them together.
        other_processes: processes that compute on it and are not this one. In a container the
            driver may hide those outside, so 0 is no proof.
        busy_pct: share of the last sample in which a kernel ran.
        throttled: why its clock is held down, in words; empty where it isn't.
        has_energy_counter: it counts joules itself (Volta and newer).
    """

    index: int
    name: str
    mig: bool | None
    other_processes: int | None
    busy_pct: float | None
    throttled: tuple[str, ...]
    temperature_c: float | None
    persistence: bool | None
    has_energy_counter: bool

    @property
    def is_shared(self) -> bool:
        """Say whether its counters hold more than this process's work, as far as is known."""
        return bool(self.mig) or bool(self.other_processes)


def gpu_states() -> list[GpuState] | Absent:
    """Return the state of every NVIDIA GPU, or why none can be asked; changes no setting."""
    try:
        import pynvml
    except ImportError:
        return Absent(reason="NVML needs nvidia-ml-py: pip install 'slmbench[energy]'")
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return Absent(reason=f"NVML can't be opened: {error}")
    try:
        return [_state(pynvml, index) for index in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError as error:
        return Absent(reason=f"NVML failed: {error}")
    finally:
        pynvml.nvmlShutdown()


def _state(nvml: Any, index: int) -> GpuState:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)

    def ask(call: Callable[[Any], Any]) -> Any:
        """Return the answer, or None where this GPU or driver has none."""
        try:
            return call(handle)
        except nvml.NVMLError:
            return None

    name = ask(nvml.nvmlDeviceGetName) or "NVIDIA GPU"
    mig = ask(nvml.nvmlDeviceGetMigMode)
    processes = ask(nvml.nvmlDeviceGetComputeRunningProcesses)
    busy = ask(nvml.nvmlDeviceGetUtilizationRates)
    reasons = ask(nvml.nvmlDeviceGetCurrentClocksThrottleReasons) or 0
    heat = ask(lambda device: nvml.nvmlDeviceGetTemperature(device, nvml.NVML_TEMPERATURE_GPU))
    persistence = ask(nvml.nvmlDeviceGetPersistenceMode)
    own = os.getpid()
    return GpuState(
        index=index,
        name=name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name),
        mig=None if mig is None else bool(mig[0]),
        other_processes=(None if processes is None else sum(each.pid != own for each in processes)),
        busy_pct=None if busy is None else float(busy.gpu),
        throttled=tuple(text for bit, text in _THROTTLES.items() if reasons & bit),
        temperature_c=None if heat is None else float(heat),
        persistence=None if persistence is None else bool(persistence),
        has_energy_counter=ask(nvml.nvmlDeviceGetTotalEnergyConsumption) is not None,
    )
