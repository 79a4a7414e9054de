"""Check the noise probe and the description of the host."""

from __future__ import annotations

import getpass
import json
import os
import re
import socket
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

import slmbench
from slmbench.meters import environment as environment_module
from slmbench.meters import noise as noise_module
from slmbench.meters.environment import environment
from slmbench.meters.noise import host_noise
from slmbench.units import SUFFIXES, clock


def test_noise_is_finite_named_by_unit_and_takes_its_time() -> None:
    start = clock()
    noise = host_noise(0.05)
    assert 0.05 <= clock() - start < 2.0
    assert "timer_jitter_s" in noise
    for name, value in noise.items():
        assert name.endswith(SUFFIXES) and value >= 0 and value == value


def test_shares_are_of_the_ticks_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([[0] * 8, [10, 0, 5, 70, 10, 0, 0, 5]])
    monkeypatch.setattr(noise_module, "_cpu_ticks", lambda: next(ticks))
    noise = host_noise(0.0)
    assert noise["busy_pct"] == pytest.approx(20.0)
    assert noise["steal_pct"] == pytest.approx(5.0)


def test_what_cannot_be_read_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def no_load() -> Any:
        raise OSError

    monkeypatch.setattr(noise_module, "_STAT", tmp_path / "none")
    monkeypatch.setattr(os, "getloadavg", no_load)
    monkeypatch.setattr("psutil.cpu_freq", lambda percpu: [])
    assert set(host_noise(0.0)) == {"timer_jitter_s"}


def test_environment_tells_versions_without_importing() -> None:
    found = environment({"load_pct": 3.0})
    assert found.software["slmbench"] == slmbench.__version__
    assert found.software["torch"] == metadata.version("torch")
    assert found.hardware["cpu_threads"] == str(os.cpu_count())
    assert found.noise == {"load_pct": 3.0}
    assert found.hardware["gpu_count"].isdigit()


def test_hashes_follow_the_content(monkeypatch: pytest.MonkeyPatch) -> None:
    first, again = environment(), environment()
    assert first == again
    assert re.fullmatch(r"[0-9a-f]{64}", first.hardware_hash)
    monkeypatch.setattr(environment_module, "_gpus", lambda: (["Some GPU 80 GiB"] * 2, "1.2"))
    other = environment()
    assert other.hardware["gpu"] == "Some GPU 80 GiB" and other.hardware["gpu_count"] == "2"
    assert other.hardware_hash != first.hardware_hash
    assert other.software["nvidia_driver"] == "1.2"
    assert other.software_hash != first.software_hash


def test_no_user_host_or_path_is_in_it() -> None:
    text = json.dumps(environment().model_dump())
    words = set(re.findall(r"[\w.-]+", text))
    for private in (socket.gethostname(), getpass.getuser()):
        assert private not in words
    for path in (str(Path.home()), str(Path.cwd()), sys.prefix, "/proc", "/sys"):
        assert path not in text


def test_container_limits_and_virtual_machines(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    files = {
        "sys/fs/cgroup/cpu.max": "150000 100000\n",
        "sys/fs/cgroup/memory.max": str(2**31),
        "proc/1/cgroup": "0::/kubepods/burstable/pod1\n",
        "proc/cpuinfo": "model name\t: A CPU\nflags\t\t: fpu vme hypervisor lm\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(environment_module, "_ROOT", tmp_path)
    hardware = environment().hardware
    assert hardware["cpu_quota"] == "1.5 CPUs" and hardware["memory_limit"] == "2.0 GiB"
    assert hardware["cpu"] == "A CPU"
    if sys.platform.startswith("linux"):
        assert hardware["virtualisation"] == "kubepods in virtual machine"
    for name in ("cpu.max", "memory.max"):
        (tmp_path / "sys/fs/cgroup" / name).write_text("max 100000\n")
    assert not {"cpu_quota", "memory_limit"} & set(environment().hardware)


def test_gpus_through_nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    class Memory:
        total = 80 * 2**30

    class Nvml:
        NVMLError = OSError
        ended = 0
        nvmlInit = staticmethod(lambda: None)
        nvmlSystemGetDriverVersion = staticmethod(lambda: b"580.1")
        nvmlDeviceGetCount = staticmethod(lambda: 2)
        nvmlDeviceGetHandleByIndex = staticmethod(lambda index: index)
        nvmlDeviceGetMemoryInfo = staticmethod(lambda handle: Memory())
        nvmlDeviceGetName = staticmethod(lambda handle: "Some GPU")

        @classmethod
        def nvmlShutdown(cls) -> None:
            cls.ended += 1

    monkeypatch.setitem(sys.modules, "pynvml", Nvml)
    found = environment()
    assert found.hardware["gpu"] == "Some GPU 80 GiB" and found.hardware["gpu_count"] == "2"
    assert found.software["nvidia_driver"] == "580.1" and Nvml.ended == 1
