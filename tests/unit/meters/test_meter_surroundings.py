"""A container, a hypervisor, MIG and other processes on a GPU are told of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from slmbench.meters.gpus import GpuState
from slmbench.meters.surroundings import gpu_notes, host_notes, notes_on_devices

GPU = GpuState(
    index=0, name="a GPU", mig=False, other_processes=0, busy_pct=0.0, throttled=(),
    temperature_c=40.0, persistence=True, has_energy_counter=True,
)  # fmt: skip


def test_a_bare_host_has_nothing_to_tell(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text("flags\t\t: fpu sse\n")
    assert host_notes(tmp_path, whole_devices=True) == ()
    assert notes_on_devices((), tmp_path) == ()


def test_a_container_in_a_virtual_machine(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / ".dockerenv").touch()
    (tmp_path / "proc/cpuinfo").write_text("flags\t\t: fpu hypervisor sse\n")
    container, guest = host_notes(tmp_path, whole_devices=True)
    assert container == (
        "in a container (docker): the devices' sensors also count what other containers do"
    )
    assert guest.startswith("under a hypervisor (virtual machine): the sensors may be hidden")
    assert host_notes(tmp_path, whole_devices=False) == (
        "in a container (docker)", "under a hypervisor (virtual machine)",
    )  # fmt: skip


def test_mig_and_other_processes_are_told_of_the_gpus_that_are_counted() -> None:
    assert gpu_notes([GPU], [0]) == []
    shared = replace(GPU, mig=True, other_processes=2)
    mig, others = gpu_notes([shared, replace(shared, index=1)], [0])
    assert "cut by MIG" in mig and "2 process(es)" in others
    (unknown,) = gpu_notes([replace(GPU, other_processes=None)], [0])
    assert "does not tell" in unknown
