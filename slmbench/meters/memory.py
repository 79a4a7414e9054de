"""Measure the most memory this process held between two moments, on the host and on its GPUs."""

from __future__ import annotations

import os
import re
import sys
import threading
from pathlib import Path
from typing import Any, ClassVar

import psutil

from slmbench.errors import SlmbenchError
from slmbench.schema.base import Absent, Measured

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")
_POLL_S = 0.01


class PeakResident:
    """Peak resident memory of this process over a window; its children aren't counted.

    On Linux the kernel keeps the high-water mark (VmHWM) and no peak is missed: ``how`` is
    ``counter``. Elsewhere, or where the mark can't be reset, a thread samples every 10 ms and
    ``how`` is ``polled``: a shorter peak is missed. Windows may overlap.
    """

    # The mark is one for the whole process, so a window that resets it must save it for the others.
    _windows: ClassVar[list[PeakResident]] = []

    def __init__(self, *, whole_process: bool = False) -> None:
        """Choose the kernel's mark where there is one, else the sampling thread.

        ``whole_process`` leaves the mark as it is, so that the peak counts from the start of the
        process: loading the weights may need more than running them.
        """
        self._whole_process = whole_process
        self.how = "counter" if _status_bytes("VmHWM") is not None else "polled"
        self._peak_bytes = 0
        self._baseline_bytes: int | None = None
        self._poller: _Poller | None = None

    def open(self) -> None:
        """Start the window and note the memory held already; an open one is dropped."""
        self._stop()
        if self.how == "counter" and not self._whole_process and not self._reset_mark():
            self.how = "polled"
        if self.how == "polled":
            self._poller = _Poller()
        else:
            PeakResident._windows.append(self)
        self._baseline_bytes = self._peak_bytes = _resident_bytes()
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_initialized():
            for device in range(torch.cuda.device_count()):
                torch.cuda.reset_peak_memory_stats(device)

    def close(self) -> dict[str, Measured | Absent]:
        """Return the readings of the window, and what this process holds on its GPUs now.

        ``peak_resident_bytes`` and ``baseline_resident_bytes`` (when the window began) are of the
        host; ``peak_device_bytes`` of tensors and ``peak_device_reserved_bytes`` of what torch
        holds back with them; ``process_device_bytes`` is what NVML says of the whole process.
        """
        if self._baseline_bytes is None:
            raise SlmbenchError("PeakResident.close() was called without open().")
        baseline, samples = self._baseline_bytes, 1
        self._raise_to(_status_bytes("VmHWM") if self.how == "counter" else _resident_bytes())
        if self._poller is not None:
            peak_bytes, samples = self._poller.stop()
            self._raise_to(peak_bytes)
        self._stop()
        source = "VmHWM" if self.how == "counter" else f"sampled every {_POLL_S:g} s"
        return {
            "peak_resident_bytes": self._measured(self._peak_bytes, samples, source),
            "baseline_resident_bytes": self._measured(baseline, 1, "resident when it began"),
            "peak_device_bytes": _peak_device(),
            "peak_device_reserved_bytes": _reserved_device(),
            "process_device_bytes": _process_device(),
        }

    def _measured(self, value: int, n: int, source: str) -> Measured:
        return Measured(
            value=float(value), unit="bytes", n=n, interval=None, how=self.how, source=source
        )

    def _raise_to(self, value: int | None) -> None:
        self._peak_bytes = max(self._peak_bytes, value or 0)

    def _reset_mark(self) -> bool:
        """Reset the kernel's high-water mark, and hand the old one to the windows still open."""
        mark = _status_bytes("VmHWM")
        try:
            _CLEAR_REFS.write_text("5", encoding="ascii")
        except OSError:
            return False
        for window in PeakResident._windows:
            window._raise_to(mark)
        return True

    def _stop(self) -> None:
        if self._poller is not None:
            self._poller.stop()
            self._poller = None
        if self in PeakResident._windows:
            PeakResident._windows.remove(self)
        self._baseline_bytes = None


class _Poller:
    """A thread that keeps the largest resident size it has seen."""

    def __init__(self) -> None:
        self._peak_bytes = _resident_bytes()
        self._samples = 1
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="slmbench-memory", daemon=True)
        self._thread.start()

    def _poll(self) -> None:
        while not self._end.wait(_POLL_S):
            self._peak_bytes = max(self._peak_bytes, _resident_bytes())
            self._samples += 1

    def stop(self) -> tuple[int, int]:
        """End the thread; return the peak and the number of samples."""
        self._end.set()
        self._thread.join()
        return self._peak_bytes, self._samples


def _status_bytes(field: str) -> int | None:
    """Return a size of /proc/self/status, or None where the kernel doesn't tell."""
    try:
        text = _STATUS.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = re.search(rf"^{field}:\s+(\d+) kB$", text, re.MULTILINE)
    return int(found.group(1)) * 1024 if found else None


def _resident_bytes() -> int:
    """Return what is resident now, from the same file as the mark where there is one."""
    resident = _status_bytes("VmRSS")
    return int(psutil.Process().memory_info().rss) if resident is None else resident


def _cuda() -> Any | Absent:
    """Return ``torch.cuda`` where it can be used; torch is never imported."""
    torch = sys.modules.get("torch")
    if torch is None:
        return Absent(reason="no tensors of torch on a GPU: it isn't loaded in this process")
    if not torch.cuda.is_available():
        return Absent(reason="no CUDA GPU on this host that torch can use")
    return torch.cuda


def _peak_device() -> Measured | Absent:
    """Return the peak of tensors on all CUDA devices of this process."""
    cuda = _cuda()
    if isinstance(cuda, Absent):
        return cuda
    devices = range(cuda.device_count())
    held = sum(int(cuda.max_memory_reserved(device)) for device in devices)
    return Measured(
        value=float(sum(int(cuda.max_memory_allocated(device)) for device in devices)),
        unit="bytes",
        n=1,
        interval=None,
        how="counter",
        source=f"torch.cuda peak of tensors, {len(devices)} GPU(s); its cache held {held} bytes",
    )


def _reserved_device() -> Measured | Absent:
    """Return the peak of what torch's allocator held on all CUDA devices, tensors included."""
    cuda = _cuda()
    if isinstance(cuda, Absent):
        return cuda
    devices = range(cuda.device_count())
    return Measured(
        value=float(sum(int(cuda.max_memory_reserved(device)) for device in devices)),
        unit="bytes",
        n=1,
        interval=None,
        how="counter",
        source=f"torch.cuda peak of its allocator, {len(devices)} GPU(s)",
    )


def _process_device() -> Measured | Absent:
    """Return what this process holds on all GPUs now, by NVML: CUDA's context and libraries too."""
    cuda, found = _cuda(), _listed_by_nvml()
    # llama.cpp holds memory on a GPU where torch isn't even loaded.
    return cuda if isinstance(cuda, Absent) and isinstance(found, Absent) else found


def _listed_by_nvml() -> Measured | Absent:
    try:
        import pynvml
    except ImportError:
        return Absent(reason="NVML needs nvidia-ml-py: pip install 'slmbench[energy]'")
    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
        listed = [
            process.usedGpuMemory
            for handle in handles
            for process in pynvml.nvmlDeviceGetComputeRunningProcesses(handle)
            if process.pid == os.getpid()
        ]
    except pynvml.NVMLError as error:
        return Absent(reason=f"NVML doesn't tell the memory of processes: {error}")
    if not listed or None in listed:
        # In a container the driver sees other numbers of processes than the process itself.
        return Absent(reason="NVML doesn't list this process, or not its memory")
    return Measured(
        value=float(sum(listed)),
        unit="bytes",
        n=1,
        interval=None,
        how="counter",
        source=f"NVML, this process on {len(listed)} GPU(s), at the end of the window",
    )
