"""Check that memory windows see their own peak, on the kernel's mark and with the poller."""

from __future__ import annotations

import mmap
import os
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest

from slmbench.meters import memory
from slmbench.meters.memory import PeakResident
from slmbench.schema.base import Absent, Measured

MIB = 2**20
needs_mark = pytest.mark.skipif(
    memory._status_bytes("VmHWM") is None, reason="no VmHWM on this system"
)


def hold(mib: int, hold_s: float = 0.0) -> None:
    """Make ``mib`` MiB resident and give them back to the system at once."""
    block = mmap.mmap(-1, mib * MIB)
    for offset in range(0, mib * MIB, 4096):
        block[offset] = 1
    time.sleep(hold_s)
    block.close()


def growth(meter: PeakResident, readings: dict[str, Measured | Absent] | None = None) -> float:
    readings = meter.close() if readings is None else readings
    peak, baseline = readings["peak_resident_bytes"], readings["baseline_resident_bytes"]
    assert isinstance(peak, Measured) and isinstance(baseline, Measured)
    assert peak.how == meter.how and peak.unit == "bytes"
    assert peak.value >= baseline.value > 0
    return (peak.value - baseline.value) / MIB


@needs_mark
def test_kernel_mark_sees_a_short_peak_and_forgets_the_last_window() -> None:
    meter = PeakResident()
    assert meter.how == "counter"
    meter.open()
    hold(64)
    assert growth(meter) == pytest.approx(64, abs=16)
    meter.open()
    hold(8)
    assert growth(meter) < 32


@needs_mark
def test_an_inner_window_does_not_hide_the_outer_peak() -> None:
    outer, inner = PeakResident(), PeakResident()
    outer.open()
    hold(64)
    inner.open()
    hold(8)
    assert growth(inner) < 32
    assert growth(outer) == pytest.approx(64, abs=16)
    assert not PeakResident._windows


def test_poller_where_the_mark_cannot_be_reset(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(memory, "_CLEAR_REFS", tmp_path)  # a folder can't be written to
    meter = PeakResident()
    meter.open()
    assert meter.how == "polled"
    hold(64, hold_s=0.1)
    readings = meter.close()
    assert growth(meter, readings) == pytest.approx(64, abs=16)
    peak = readings["peak_resident_bytes"]
    assert isinstance(peak, Measured) and peak.n > 3


def test_poller_without_proc(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "none")
    meter = PeakResident()
    meter.open()
    hold(32, hold_s=0.05)
    meter.open()  # drops the first window and its thread
    assert growth(meter) < 24
    assert not [t for t in __import__("threading").enumerate() if t.name == "slmbench-memory"]


def fake_torch(available: bool) -> Any:
    cuda = SimpleNamespace(
        is_available=lambda: available,
        is_initialized=lambda: available,
        device_count=lambda: 2,
        reset_peak_memory_stats=lambda device: None,
        max_memory_allocated=lambda device: 100 * (device + 1),
        max_memory_reserved=lambda device: 1000,
    )
    return SimpleNamespace(cuda=cuda)


def test_device_peak_is_that_of_torch_or_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    def reading() -> Measured | Absent:
        meter = PeakResident()
        meter.open()
        return meter.close()["peak_device_bytes"]

    monkeypatch.setitem(sys.modules, "torch", None)
    assert isinstance(reading(), Absent)
    monkeypatch.setitem(sys.modules, "torch", fake_torch(False))
    absent = reading()
    assert isinstance(absent, Absent) and "no CUDA GPU on this host" in absent.reason
    monkeypatch.setitem(sys.modules, "torch", fake_torch(True))
    peak = reading()
    assert (
        isinstance(peak, Measured) and peak.value == 300.0 and "2000 bytes" in (peak.source or "")
    )


def fake_nvml(*held: tuple[int, int | None], error: bool = False) -> Any:
    """Return an NVML of one GPU with (process, bytes) on it."""

    class NVMLError(Exception):
        pass

    def processes(handle: int) -> list[Any]:
        if error:
            raise NVMLError("Not Supported")
        return [SimpleNamespace(pid=pid, usedGpuMemory=used) for pid, used in held]

    return SimpleNamespace(
        NVMLError=NVMLError,
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 1,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetComputeRunningProcesses=processes,
    )


def test_reserved_and_process_memory_are_told_or_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    def readings() -> dict[str, Measured | Absent]:
        meter = PeakResident()
        meter.open()
        return meter.close()

    monkeypatch.setitem(sys.modules, "torch", None)
    for name in ("peak_device_reserved_bytes", "process_device_bytes"):
        assert isinstance(readings()[name], Absent)
    monkeypatch.setitem(sys.modules, "torch", fake_torch(True))
    own = os.getpid()
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml((own, 5000), (own + 1, 7)))
    found = readings()
    reserved, process = found["peak_device_reserved_bytes"], found["process_device_bytes"]
    assert isinstance(reserved, Measured) and reserved.value == 2000.0
    assert isinstance(process, Measured) and process.value == 5000.0
    # In a container the driver numbers processes otherwise, or tells no size.
    for nvml, why in (
        (fake_nvml((own + 1, 7)), "doesn't list this process"),
        (fake_nvml((own, None)), "doesn't list this process"),
        (fake_nvml(error=True), "Not Supported"),
    ):
        monkeypatch.setitem(sys.modules, "pynvml", nvml)
        absent = readings()["process_device_bytes"]
        assert isinstance(absent, Absent) and why in absent.reason
    # llama.cpp uses a GPU without torch; where nothing does, the reason is torch's.
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml((own, 5000)))
    monkeypatch.setitem(sys.modules, "torch", None)
    process = readings()["process_device_bytes"]
    assert isinstance(process, Measured) and process.value == 5000.0
    monkeypatch.setitem(sys.modules, "torch", fake_torch(True))
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert "pip install" in str(readings()["process_device_bytes"])
