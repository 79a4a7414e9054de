"""Who else may be in a host's energy: a container, a virtual machine, a GPU that is shared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from slmbench.meters.gpus import GpuState, gpu_states
from slmbench.meters.host import ROOT, container, hypervisor
from slmbench.schema.base import Absent


def notes_on_devices(gpus: Sequence[int], root: Path = ROOT) -> tuple[str, ...]:
    """Return what a reader of whole devices' energy has to know of this host.

    ``gpus`` are NVML's indices of the GPUs that are counted.
    """
    states = gpu_states() if gpus else []
    shared = [] if isinstance(states, Absent) else gpu_notes(states, gpus)
    return (*host_notes(root, whole_devices=True), *shared)


def host_notes(root: Path = ROOT, *, whole_devices: bool) -> tuple[str, ...]:
    """Return whether this process is in a container or a virtual machine, and what that means.

    ``whole_devices`` says that sensors of whole devices are read, not this process's usage.
    """
    inside, guest = container(root), hypervisor(root)
    found = []
    if inside is not None:
        beside = ": the devices' sensors also count what other containers do" * whole_devices
        found.append(f"in a container ({inside}){beside}")
    if guest is not None:
        beside = ": the sensors may be hidden or hold other guests' work" * whole_devices
        found.append(f"under a hypervisor ({guest}){beside}")
    return tuple(found)


def gpu_notes(states: Iterable[GpuState], gpus: Sequence[int]) -> list[str]:
    """Return a sentence for each way in which a GPU's sensor holds more than our own work."""
    found = []
    for state in states:
        if state.index not in gpus:
            continue
        if state.mig:
            found.append(
                f"GPU {state.index} is cut by MIG: its sensor is of all instances together"
            )
        if state.other_processes is None:
            found.append(f"GPU {state.index}: the driver does not tell who else uses it")
        elif state.other_processes:
            found.append(
                f"GPU {state.index} is shared: {state.other_processes} process(es) on it with "
                "another id than ours (in a container our own is seen with another id)"
            )
    return found
