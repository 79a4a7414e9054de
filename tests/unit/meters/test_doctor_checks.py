"""What the doctor reads of a host, fed with files as real hosts write them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from slmbench.meters import host
from slmbench.meters.extra_checks import extra_checks
from slmbench.meters.gpus import GpuState, gpu_states
from slmbench.meters.host_checks import counters, held_back, host_checks
from slmbench.meters.sensor_checks import gpu_checks, sensor_checks
from slmbench.schema.base import Absent
from slmbench.schema.checkup import Check

NO_GPU = Absent(reason="NVML can't be opened: no driver")
GIB = 2**30
Write = Callable[[dict[str, str]], Path]

#: A pod on a virtual machine: cgroup v2, its own group at the top of the mount.
POD = {
    "proc/self/cgroup": "0::/../kubepods.slice/pod1/container2\n",
    "proc/1/cgroup": "0::/kubepods.slice/pod1\n",
    "sys/fs/cgroup/cpu.max": "150000 100000\n",
    "sys/fs/cgroup/memory.max": "2147483648\n",
    "sys/fs/cgroup/cpu.stat": "usage_usec 1\nnr_throttled 7\nthrottled_usec 2500000\n",
    "proc/cpuinfo": "model name\t: A CPU\nflags\t\t: fpu vme hypervisor lm\n",
    "proc/pressure/cpu": "some avg10=12.50 avg60=1.00 avg300=0.00 total=9\n",
}
#: An old host: cgroup v1, the limit set one level up.
OLD = {
    "proc/self/cgroup": "4:cpu,cpuacct:/users/one\n3:memory:/users/one\n1:name=systemd:/\n",
    "sys/fs/cgroup/cpu,cpuacct/users/one/cpu.cfs_quota_us": "-1\n",
    "sys/fs/cgroup/cpu,cpuacct/users/one/cpu.cfs_period_us": "100000\n",
    "sys/fs/cgroup/cpu,cpuacct/users/cpu.cfs_quota_us": "400000\n",
    "sys/fs/cgroup/cpu,cpuacct/users/cpu.cfs_period_us": "100000\n",
    "sys/fs/cgroup/cpu,cpuacct/users/one/cpu.stat": "nr_periods 4\nthrottled_time 3000000000\n",
    "sys/fs/cgroup/memory/users/one/memory.limit_in_bytes": "1073741824\n",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
}
#: A workstation.
BARE = {
    "proc/self/cgroup": "0::/user.slice/session.scope\n",
    "proc/cpuinfo": "model name\t: A CPU\nflags\t\t: fpu vme lm\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave\n",
    "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "powersave\n",
    "sys/devices/system/cpu/intel_pstate/no_turbo": "0\n",
    "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": "3\n",
    "sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count": "4\n",
    "sys/class/thermal/thermal_zone0/temp": "41000\n",
    "sys/class/thermal/thermal_zone1/temp": "88000\n",
    "sys/class/powercap/intel-rapl:0/energy_uj": "123\n",
    "sys/class/powercap/intel-rapl:0:0/energy_uj": "12\n",
}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def lay_out(files: dict[str, str]) -> Path:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return tmp_path

    return lay_out


def by_name(checks: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def test_a_pod_on_a_virtual_machine(write: Write) -> None:
    root = write(POD)
    assert host.container(root) == "kubepods" and host.hypervisor(root) == "virtual machine"
    assert host.cpu_quota(root) == 1.5 and host.memory_limit_bytes(root) == 2 * GIB
    assert host.throttled_s(root) == 2.5 and host.cpu_pressure_pct(root) == 12.5
    found = by_name(host_checks({"load_pct": 80.0, "steal_pct": 0.2}, GIB, 100 * GIB, root))
    assert found["quota"].status == "warn" and "1.5 CPUs" in found["quota"].text
    assert found["container"].status == found["hypervisor"].status == "note"
    assert found["load"].status == "warn" and found["load"].cure
    assert found["steal"].status == "ok" and found["steal"].cure is None
    assert found["pressure"].status == "warn"
    assert found["memory"].status == "warn" and found["disk"].status == "ok"


def test_limits_of_the_first_cgroups_are_found_on_every_level(write: Write) -> None:
    root = write(OLD)
    assert host.cpu_quota(root) == 4.0 and host.memory_limit_bytes(root) == GIB
    assert host.throttled_s(root) == 3.0
    assert host.container(root) is None and host.hypervisor(root) is None


def test_a_workstation(write: Write) -> None:
    root = write(BARE)
    assert host.cpu_quota(root) is None and host.memory_limit_bytes(root) is None
    assert host.governors(root) == ("powersave",) and host.turbo(root) is True
    assert host.thermal_throttles(root) == 7 and host.cpu_temperature_c(root) == 88.0
    found = by_name(host_checks({"timer_jitter_s": 0.01}, 100 * GIB, GIB, root))
    assert found["walls"].status == "ok"
    assert found["governor"].status == "note" and "cpupower" in (found["governor"].cure or "")
    assert found["turbo"].status == "note" and found["heat"].status == "warn"
    assert found["timer"].status == "warn" and found["disk"].status == "warn"
    write({"sys/devices/system/cpu/intel_pstate/no_turbo": "1",
           "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "performance",
           "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "performance"})  # fmt: skip
    calm = by_name(host_checks({}, 100 * GIB, 100 * GIB, root))
    assert calm["governor"].status == calm["turbo"].status == "ok"


def test_a_host_that_tells_nothing_is_not_guessed_at(tmp_path: Path) -> None:
    readers = (
        host.container, host.hypervisor, host.cpu_quota, host.memory_limit_bytes, host.throttled_s,
        host.cpu_pressure_pct, host.turbo, host.thermal_throttles, host.cpu_temperature_c,
        host.board,
    )  # fmt: skip
    assert [read(tmp_path) for read in readers] == [None] * len(readers)
    assert host.governors(tmp_path) == () and host.rapl_counters(tmp_path) == ()
    found = host_checks({}, 100 * GIB, 100 * GIB, tmp_path)
    assert {check.status for check in found} <= {"ok", "note"}


def test_windows_subsystem_and_other_containers(write: Write) -> None:
    root = write({"proc/version": "Linux version 5.15 microsoft-standard-WSL2"})
    assert host.hypervisor(root) == "WSL" and host.container(root) is None
    write({"run/.containerenv": ""})
    assert host.container(root) == "podman"
    write({".dockerenv": ""})
    assert host.container(root) == "docker"


def test_what_held_the_calibration_back_is_told(write: Write) -> None:
    root = write({**POD, **{name: text for name, text in BARE.items() if "thermal" in name}})
    before = counters(root)
    assert before == (2.5, 7) and held_back(before, root) == []
    write({
        "sys/fs/cgroup/cpu.stat": "throttled_usec 3000000\n",
        "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": "5\n",
    })  # fmt: skip
    found = by_name(held_back(before, root))
    assert "0.5 s" in found["quota"].text and "2 times" in found["heat"].text
    assert held_back((None, None), root) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_locked_counter_is_really_refused(write: Write) -> None:
    root = write(BARE)
    (root / "sys/class/powercap/intel-rapl:0/energy_uj").chmod(0)
    check = by_name(sensor_checks(NO_GPU, root))["RAPL"]
    assert check.status == "warn" and "intel-rapl:0" in check.text


def test_counters_of_the_cpu_and_the_cure_where_they_are_locked(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write(BARE)
    found = by_name(sensor_checks(NO_GPU, root))
    assert found["RAPL"].status == "ok" and "2 counters" in found["RAPL"].text
    assert found["NVML"].status == "note" and "energy" not in found
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    locked = by_name(sensor_checks(NO_GPU, root))
    assert locked["RAPL"].status == "warn" and "sudo chmod a+r" in (locked["RAPL"].cure or "")
    assert locked["energy"].status == "note"
    hidden = by_name(sensor_checks(NO_GPU, write({**POD, "dev/nvidia0": ""}) / "none"))
    assert hidden["RAPL"].status == "note"


def test_drivers_without_a_way_in(write: Write) -> None:
    root = write({
        "dev/nvidia0": "", "dev/kfd": "",
        "proc/device-tree/model": "NVIDIA Jetson Orin Nano\0",
        "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon3/curr1_input": "5",
    })  # fmt: skip
    found = by_name(sensor_checks(NO_GPU, root))
    assert found["NVML"].status == "warn" and "--gpus all" in (found["NVML"].cure or "")
    assert found["Jetson"].status == "ok" and "Orin" in found["Jetson"].text
    assert "amdsmi" in (found["AMD"].text + (found["AMD"].cure or ""))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "access", lambda path, mode: False)
        locked = by_name(sensor_checks(NO_GPU, root))
    assert locked["AMD"].status == "warn" and "render,video" in (locked["AMD"].cure or "")
    assert locked["Jetson"].status == "warn" and "chmod" in (locked["Jetson"].cure or "")
    lacking = Absent(reason="NVML needs nvidia-ml-py: pip install 'slmbench[energy]'")
    assert by_name(sensor_checks(lacking, root))["NVML"].cure == "pip install 'slmbench[energy]'"


def gpu(**changes: Any) -> GpuState:
    calm: dict[str, Any] = {
        "index": 0, "name": "A GPU", "mig": False, "other_processes": 0, "busy_pct": 0.0,
        "throttled": (), "temperature_c": 30.0, "persistence": True, "has_energy_counter": True,
    }  # fmt: skip
    return GpuState(**{**calm, **changes})


def test_what_disturbs_a_gpu_is_told() -> None:
    assert [check.status for check in gpu_checks([gpu()])] == ["ok"] and not gpu().is_shared
    busy = gpu(mig=True, other_processes=2, busy_pct=60.0, throttled=("power limit",))
    texts = " ".join(check.text for check in gpu_checks([busy]))
    assert busy.is_shared and len(gpu_checks([busy])) == 4
    assert "MIG" in texts and "2 other processes" in texts and "power limit" in texts
    assert gpu_checks(NO_GPU) == []
    polled = by_name(sensor_checks([gpu(has_energy_counter=False)], Path("/nowhere")))
    assert polled["NVML"].status == "note" and "polled" in polled["NVML"].text


def test_nvml_is_asked_gently_and_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[bool] = []

    def refuse(handle: int) -> None:
        raise OSError("not supported")

    nvml = SimpleNamespace(
        NVMLError=OSError, NVML_TEMPERATURE_GPU=0,
        nvmlInit=lambda: None, nvmlShutdown=lambda: ended.append(True),
        nvmlDeviceGetCount=lambda: 1, nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetName=lambda handle: b"Old GPU", nvmlDeviceGetMigMode=refuse,
        nvmlDeviceGetComputeRunningProcesses=lambda handle: [
            SimpleNamespace(pid=os.getpid()), SimpleNamespace(pid=-5)
        ],
        nvmlDeviceGetUtilizationRates=lambda handle: SimpleNamespace(gpu=40),
        nvmlDeviceGetCurrentClocksThrottleReasons=lambda handle: 0x1 | 0x4 | 0x40,
        nvmlDeviceGetTemperature=lambda handle, sensor: 70,
        nvmlDeviceGetPersistenceMode=refuse, nvmlDeviceGetTotalEnergyConsumption=refuse,
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    states = gpu_states()
    assert not isinstance(states, Absent) and ended == [True]
    assert states == [
        gpu(name="Old GPU", mig=None, other_processes=1, busy_pct=40.0, temperature_c=70.0,
            throttled=("power limit", "heat (hardware)"), persistence=None,
            has_energy_counter=False)
    ]  # fmt: skip
    monkeypatch.setattr(nvml, "nvmlInit", lambda: refuse(0))
    failed = gpu_states()
    assert isinstance(failed, Absent) and "not supported" in failed.reason


def test_extras_are_told_by_their_metadata() -> None:
    def version(name: str) -> str:
        if name == "absent-thing":
            raise metadata.PackageNotFoundError(name)
        return "1.0"

    lines = [
        "numpy>=1.26", "torch>=2.4; extra == 'hf'", 'absent-thing[x]>=1; extra == "energy"',
        "zeus; extra == 'energy'", "torch; extra == 'all'", "slmbench[hf]; extra == 'accuracy'",
        "lm-eval[hf]>=0.4; extra == 'accuracy'",
    ]  # fmt: skip
    found = by_name(extra_checks(lines, version))
    assert set(found) == {"hf", "energy", "accuracy"}
    assert found["hf"].status == "ok" and found["hf"].text == "torch 1.0"
    assert found["energy"].text == "not installed: absent-thing"
    assert found["energy"].cure == "pip install 'slmbench[energy]'"
    assert found["accuracy"].text == "lm-eval 1.0"
    assert {check.area for check in extra_checks()} == {"extras"}
