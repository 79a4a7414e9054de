"""Choose the instrument for a model's energy, and the length of its windows."""

from __future__ import annotations

from slmbench.errors import InputError
from slmbench.ports import BackendInfo, Context, Meter
from slmbench.schema.base import Absent
from slmbench.schema.energy_spec import CHOSEN_TICKS, LEAST_TICKS
from slmbench.suites.workloads import ELSEWHERE

#: Shorter windows hold too few requests, however fine the sensor is.
_SHORTEST_CHOSEN_S = 0.5
#: Devices whose energy can be estimated; a stand-in's has none of its own.
_ESTIMATED = ("cpu", "none")


def energy_meter(context: Context, info: BackendInfo) -> Meter | Absent:
    """Return the sensors of the devices that the model runs on, else an estimate, else why not.

    A model on a CPU leaves the GPUs out: what they draw is not its work. Where the sensors of its
    device can't be read, those of other devices are no substitute.
    """
    sensors = sensors_of(context, info)
    if not isinstance(sensors, Absent) or info.is_remote:
        return sensors
    if not context.spec.energy.estimate:
        return Absent(reason=f"{sensors.reason}; an estimate was not asked for")
    if info.device not in _ESTIMATED:
        return Absent(
            reason=f"{sensors.reason}; the estimate is of CPU time and memory, and would leave out "
            f"what the model draws on its own device ({info.device})"
        )
    return context.meter("estimate", cpu_power_w=context.spec.energy.cpu_power_w)


def sensors_of(context: Context, info: BackendInfo) -> Meter | Absent:
    """Return the sensors of the devices that the model runs on, or why there are none."""
    if info.is_remote:
        return ELSEWHERE
    try:
        return context.meter("zeus", gpu_indices=_gpus(info.device))
    except InputError as error:
        return Absent(reason=str(error))


def window_length(asked_s: float | None, meter: Meter) -> float | Absent:
    """Return the seconds of a window, or why the length that was asked for can't be used."""
    tick = tick_of(meter)
    if asked_s is None:
        return max(_SHORTEST_CHOSEN_S, CHOSEN_TICKS * (tick or 0.0))
    if tick is not None and asked_s < LEAST_TICKS * tick * (1.0 - 1e-9):
        return Absent(
            reason=f"energy.window_s is {asked_s:g} s, too short for a sensor that ticks every "
            f"{tick:.3g} s: at least {LEAST_TICKS * tick:.3g} s are needed"
        )
    return asked_s


def tick_of(meter: Meter) -> float | None:
    """Return the seconds between two changes of a meter's slowest sensor, None where unknown."""
    tick: float | None = getattr(meter, "tick_s", None)
    return tick


def elapsed_of(meter: Meter, own_s: float) -> float:
    """Return the length of the window that a meter closed last, by its clock, else by ours."""
    known: float | None = getattr(meter, "elapsed_s", None)
    return known or own_s


def notes_of(meter: Meter) -> tuple[str, ...]:
    """Return what a meter knows of others in its numbers: a container, a shared GPU."""
    ask = getattr(meter, "notes", None)
    return tuple(ask()) if ask is not None else ()


def _gpus(device: str) -> list[int] | None:
    """Return the GPUs of a device's name; None takes all, where the name doesn't tell."""
    kind, _, index = device.partition(":")
    if kind == "cuda":
        return [int(index or 0)]
    return [] if kind in ("cpu", "mps") else None
