"""Check the counter meter on zeus itself, with a RAPL tree of real files and a stand-in GPU."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from slmbench.errors import InputError, SlmbenchError
from slmbench.meters.zeus_meter import ZeusEnergy
from slmbench.meters.zeus_sensors import soc_mj
from slmbench.schema.base import Absent, Measured
from slmbench.units import clock

zeus_gpu = pytest.importorskip("zeus.device.gpu")


@pytest.fixture(autouse=True)
def no_devices(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Take away whatever counters this machine has; a test adds its own."""
    import zeus.device.cpu
    import zeus.device.soc
    from zeus.device.cpu import rapl

    rapl.rapl_is_available.cache_clear()
    monkeypatch.setattr(rapl, "RAPL_DIR", str(tmp_path / "no-rapl"))
    monkeypatch.setattr(rapl, "CONTAINER_RAPL_DIR", str(tmp_path / "no-rapl-either"))
    monkeypatch.setattr(zeus.device.gpu, "nvml_is_available", lambda: False)
    monkeypatch.setattr(zeus.device.gpu, "amdsmi_is_available", lambda: False)
    monkeypatch.setattr(zeus.device.soc, "apple_silicon_is_available", lambda: False)
    monkeypatch.setattr(zeus.device.soc, "jetson_is_available", lambda: False)
    for module, name in (
        (zeus.device.gpu, "_gpus"),
        (zeus.device.cpu, "_cpus"),
        (zeus.device.soc, "_soc"),
    ):
        monkeypatch.setattr(module, name, None)
    yield
    rapl.rapl_is_available.cache_clear()


class Zone:
    """A RAPL zone folder whose counter the test moves."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True)
        (folder / "name").write_text(f"{name}\n")
        (folder / "max_energy_range_uj").write_text("262143328850\n")
        self.counter = folder / "energy_uj"
        self.set_j(100.0)

    def set_j(self, joules: float) -> None:
        # Written aside and moved, so that zeus' overflow watcher never reads an empty file.
        aside = self.counter.with_suffix(".new")
        aside.write_text(f"{round(joules * 1e6)}\n")
        aside.rename(self.counter)


@pytest.fixture
def rapl_tree(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Zone]:
    from zeus.device.cpu import rapl

    root = tmp_path / "intel-rapl"
    zones = {
        "package": Zone(root / "intel-rapl:0", "package-0"),
        "dram": Zone(root / "intel-rapl:0" / "intel-rapl:0:0", "dram"),
        "psys": Zone(root / "intel-rapl:1", "psys"),
    }
    rapl.rapl_is_available.cache_clear()
    monkeypatch.setattr(rapl, "RAPL_DIR", str(root))
    # The overflow watcher is a spawned process; these counters don't overflow.
    still = SimpleNamespace(get_num_wraparounds=lambda: 0)
    monkeypatch.setattr(rapl, "RaplWraparoundTracker", lambda *args: still)
    return zones


class Gpus:
    """The part of zeus' GPU interface that a window uses."""

    def __init__(self, count: int) -> None:
        self.joules = [1000.0] * count
        self.fails = False
        self.counts = True

    def __len__(self) -> int:
        return len(self.joules)

    def supports_get_total_energy_consumption(self, index: int) -> bool:
        return self.counts

    def get_instant_power_usage(self, index: int) -> float:
        return self.get_total_energy_consumption(index)

    def get_total_energy_consumption(self, index: int) -> float:
        if self.fails:
            from zeus.device.gpu.common import ZeusGPUUnknownError

            raise ZeusGPUUnknownError("the driver went away")
        return self.joules[index] * 1000.0


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Gpus:
    found = Gpus(2)
    monkeypatch.setattr(zeus_gpu, "_gpus", found)
    return found


def value(reading: Measured | Absent) -> float:
    assert isinstance(reading, Measured), reading
    return reading.value


def test_a_host_without_counters_says_why() -> None:
    absent = ZeusEnergy.probe()
    assert isinstance(absent, Absent)
    assert "NVML" in absent.reason and "RAPL" in absent.reason and "estimate" in absent.reason
    with pytest.raises(InputError, match="no energy counter"):
        ZeusEnergy()


def test_rapl_counts_package_and_dram_and_not_psys(rapl_tree: dict[str, Zone]) -> None:
    assert ZeusEnergy.probe() is None
    meter = ZeusEnergy(tick_s=0.0)
    assert meter.how == "rapl"
    meter.open()
    rapl_tree["package"].set_j(107.5)
    rapl_tree["dram"].set_j(101.25)
    rapl_tree["psys"].set_j(150.0)
    readings = meter.close()
    assert value(readings["cpu_energy_j"]) == pytest.approx(7.5)
    assert value(readings["dram_energy_j"]) == pytest.approx(1.25)
    assert value(readings["energy_j"]) == pytest.approx(8.75)
    assert readings["energy_j"].how == "rapl"  # type: ignore[union-attr]
    assert "cpu + dram" in readings["energy_j"].source  # type: ignore[union-attr, operator]
    for name in ("gpu_energy_j", "soc_energy_j"):
        assert isinstance(readings[name], Absent)


def test_a_part_that_fails_makes_the_sum_absent(rapl_tree: dict[str, Zone]) -> None:
    meter = ZeusEnergy(tick_s=0.0)
    meter.open()
    rapl_tree["package"].set_j(107.5)  # the dram counter stands still
    readings = meter.close()
    assert value(readings["cpu_energy_j"]) == pytest.approx(7.5)
    assert isinstance(readings["dram_energy_j"], Absent)
    assert isinstance(readings["energy_j"], Absent)


def test_counters_that_go_away_or_are_forbidden(
    rapl_tree: dict[str, Zone], monkeypatch: pytest.MonkeyPatch
) -> None:
    meter = ZeusEnergy(tick_s=0.0)
    meter.open()
    rapl_tree["package"].counter.unlink()
    readings = meter.close()
    assert all(isinstance(reading, Absent) for reading in readings.values())
    meter.open()
    assert all(isinstance(reading, Absent) for reading in meter.close().values())

    from zeus.device.cpu import common, rapl

    def forbid(*args: Any) -> Any:
        raise common.ZeusCPUNoPermissionError("RAPL requires root privileges")

    monkeypatch.setattr("zeus.device.cpu._cpus", None)
    monkeypatch.setattr(rapl, "RAPLFile", forbid)
    absent = ZeusEnergy.probe()
    assert isinstance(absent, Absent) and "root" in absent.reason


def test_gpus_are_counters_and_their_sum_is_the_total(gpus: Gpus) -> None:
    meter = ZeusEnergy(tick_s=0.0)
    assert meter.how == "counter"
    meter.open()
    gpus.joules = [1003.0, 1004.5]
    readings = meter.close()
    assert value(readings["gpu_energy_j"]) == pytest.approx(7.5)
    assert value(readings["energy_j"]) == pytest.approx(7.5)
    assert readings["energy_j"].how == "counter"  # type: ignore[union-attr]
    assert isinstance(readings["cpu_energy_j"], Absent)


def test_a_sum_is_known_as_well_as_its_weakest_part(gpus: Gpus, rapl_tree: dict[str, Zone]) -> None:
    meter = ZeusEnergy(gpu_indices=[1], tick_s=0.0)
    assert meter.how == "rapl"
    meter.open()
    gpus.joules = [1003.0, 1004.5]
    rapl_tree["package"].set_j(101.0)
    rapl_tree["dram"].set_j(102.0)
    readings = meter.close()
    assert value(readings["energy_j"]) == pytest.approx(4.5 + 1.0 + 2.0)
    assert readings["energy_j"].how == "rapl"  # type: ignore[union-attr]
    assert readings["gpu_energy_j"].how == "counter"  # type: ignore[union-attr]


def test_a_gpu_that_did_not_tick_is_absent_not_zero(
    gpus: Gpus, recwarn: pytest.WarningsRecorder
) -> None:
    meter = ZeusEnergy(tick_s=0.0)
    meter.open()
    gpus.joules[0] += 3.0
    readings = meter.close()
    assert isinstance(readings["gpu_energy_j"], Absent)
    assert isinstance(readings["energy_j"], Absent)
    assert not recwarn.list


def test_windows_of_less_than_ten_ticks_are_absent(gpus: Gpus) -> None:
    meter = ZeusEnergy(tick_s=0.01)
    meter.open()
    gpus.joules = [1003.0, 1004.5]
    reading = meter.close()["energy_j"]
    assert isinstance(reading, Absent) and "at least 0.1 s are needed" in reading.reason
    meter.open()
    gpus.joules = [1013.0, 1014.5]
    time.sleep(0.11)
    assert value(meter.close()["energy_j"]) == pytest.approx(20.0)
    assert meter.elapsed_s >= 0.11


class TickingGpus(Gpus):
    """A counter that moves by 2 J once in 50 ms."""

    def get_total_energy_consumption(self, index: int) -> float:
        return float(int(clock() / 0.05)) * 2000.0


def test_the_tick_is_seen_and_a_still_counter_gets_the_usual_one(
    monkeypatch: pytest.MonkeyPatch, gpus: Gpus
) -> None:
    assert ZeusEnergy().tick_s == 0.1
    monkeypatch.setattr(zeus_gpu, "_gpus", TickingGpus(1))
    tick_s = ZeusEnergy().tick_s
    assert tick_s is not None and 0.03 < tick_s < 0.07


def test_a_lap_reads_and_leaves_the_window_open(gpus: Gpus) -> None:
    meter = ZeusEnergy(tick_s=0.0)
    with pytest.raises(SlmbenchError, match="without open"):
        meter.lap()
    meter.open()
    gpus.joules = [1001.0, 1002.0]
    assert value(meter.lap()["energy_j"]) == pytest.approx(3.0)
    gpus.joules = [1003.0, 1004.5]
    assert value(meter.close()["energy_j"]) == pytest.approx(7.5)


def test_a_gpu_without_a_counter_is_polled(gpus: Gpus) -> None:
    gpus.counts, gpus.joules = False, [40.0, 60.0]  # as watts
    meter = ZeusEnergy()
    assert meter.how == "polled" and meter.tick_s == 0.1
    meter = ZeusEnergy(tick_s=0.0)
    meter.open()
    time.sleep(0.3)
    reading = meter.close()["energy_j"]
    assert value(reading) == pytest.approx(100.0 * meter.elapsed_s, rel=0.05)
    assert reading.how == "polled"  # type: ignore[union-attr]
    assert "cover 100.0%" in reading.source  # type: ignore[union-attr, operator]


def test_power_that_can_not_be_read_for_a_while_is_refused(gpus: Gpus) -> None:
    gpus.counts, gpus.joules = False, [40.0, 60.0]
    meter = ZeusEnergy(tick_s=0.0)
    meter.open()
    gpus.fails = True
    time.sleep(0.5)
    gpus.fails = False
    reading = meter.close()["energy_j"]
    assert isinstance(reading, Absent) and "cover 0.0% of the window" in reading.reason


def test_a_driver_that_fails_is_absent(gpus: Gpus) -> None:
    meter = ZeusEnergy(tick_s=0.0)
    meter.open()
    gpus.fails = True
    reading = meter.close()["energy_j"]
    assert isinstance(reading, Absent) and "driver went away" in reading.reason
    meter.open()
    reading = meter.close()["energy_j"]
    assert isinstance(reading, Absent) and "when the window opened" in reading.reason
    gpus.fails = False
    meter.open()
    gpus.joules = [1003.0, 1004.5]
    assert value(meter.close()["energy_j"]) == pytest.approx(7.5)


def test_wrong_gpus_and_misuse_are_named(gpus: Gpus) -> None:
    with pytest.raises(InputError, match="gpu_indices"):
        ZeusEnergy(gpu_indices=[5])
    with pytest.raises(InputError, match="No counter is left"):
        ZeusEnergy(gpu_indices=[])
    with pytest.raises(SlmbenchError, match="without open"):
        ZeusEnergy().close()


def test_a_chips_total_or_the_sum_of_its_parts() -> None:
    jetson = SimpleNamespace(cpu_energy_mj=1.0, gpu_energy_mj=2.0, total_energy_mj=5000.0)
    assert soc_mj(jetson) == 5000.0
    apple = SimpleNamespace(cpu_total_mj=1000, gpu_mj=500, dram_mj=None, ane_mj=0)
    assert soc_mj(apple) == 1500.0
    with pytest.raises(ValueError, match="no energy"):
        soc_mj(SimpleNamespace())


def test_a_chip_is_read_by_its_running_total(monkeypatch: pytest.MonkeyPatch) -> None:
    import zeus.device.soc

    class Jetson:
        total = 1000.0

        def get_total_energy_consumption(self) -> SimpleNamespace:
            return SimpleNamespace(total_energy_mj=self.total)

    chip = Jetson()
    monkeypatch.setattr(zeus.device.soc, "_soc", chip)
    meter = ZeusEnergy(tick_s=0.0)
    meter.open()
    chip.total = 3500.0
    readings = meter.close()
    assert value(readings["energy_j"]) == value(readings["soc_energy_j"]) == 2.5
    assert readings["energy_j"].how == "polled"  # type: ignore[union-attr]


def test_without_zeus_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zeus.device", None)
    absent = ZeusEnergy.probe()
    assert isinstance(absent, Absent) and "slmbench[energy]" in absent.reason
