"""Check the energy estimate and the carbon factors against their stated formula and sources."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from slmbench.errors import InputError
from slmbench.meters import carbon, estimate
from slmbench.meters.carbon import gco2e_per_kwh
from slmbench.meters.estimate import EnergyEstimate, memory_energy_j
from slmbench.schema.base import Absent, Measured
from slmbench.units import clock

GIB = 2.0**30


def usages(monkeypatch: pytest.MonkeyPatch, *rows: tuple[float, float, float]) -> None:
    readings: Iterator[estimate._Usage] = iter([estimate._Usage(*row) for row in rows])
    monkeypatch.setattr(estimate, "_usage", lambda: next(readings))


def value(reading: Measured | Absent) -> float:
    assert isinstance(reading, Measured)
    return reading.value


def test_the_formula_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    usages(monkeypatch, (0.0, 5.0, 2 * GIB), (10.0, 8.0, 6 * GIB))
    meter = EnergyEstimate()
    meter.open()
    readings = meter.close()
    assert value(readings["cpu_energy_j"]) == pytest.approx(3.0 * 4.0)
    assert value(readings["dram_energy_j"]) == pytest.approx(4.0 * 0.375 * 10.0)
    assert value(readings["energy_j"]) == pytest.approx(12.0 + 15.0)
    for reading in readings.values():
        assert isinstance(reading, Measured)
        assert reading.how == "estimated" and "4 W per thread" in (reading.source or "")


def test_the_cpus_own_power_is_shared_among_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    usages(monkeypatch, (0.0, 0.0, 0.0), (1.0, 2.0, 0.0))
    meter = EnergyEstimate(cpu_power_w=64.0)
    meter.open()
    reading = meter.close()["cpu_energy_j"]
    assert value(reading) == pytest.approx(2.0 * 8.0)
    assert "64 W over 8 threads" in reading.source  # type: ignore[operator, union-attr]


def test_real_work_is_counted_and_sleep_is_not() -> None:
    meter = EnergyEstimate()
    meter.open()
    start = os.times()
    until = clock() + 0.3
    while clock() < until:
        sum(range(1000))
    end = os.times()
    cpu_s = end.user + end.system - start.user - start.system
    assert value(meter.close()["cpu_energy_j"]) == pytest.approx(4.0 * cpu_s, abs=4.0 * 0.1)


def test_a_child_that_ends_inside_the_window_counts() -> None:
    code = "import time\nt = time.process_time()\nwhile time.process_time() < t + 0.4: pass"
    meter = EnergyEstimate()
    meter.open()
    subprocess.run([sys.executable, "-c", code], check=True)
    assert value(meter.close()["cpu_energy_j"]) > 4.0 * 0.4


def test_memory_rule_is_3_w_for_8_gib() -> None:
    assert memory_energy_j(8 * GIB, 1.0) == pytest.approx(3.0)


def test_a_gpu_process_gets_no_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = SimpleNamespace(cuda=SimpleNamespace(is_initialized=lambda: True))
    monkeypatch.setitem(sys.modules, "torch", torch)
    meter = EnergyEstimate()
    meter.open()
    readings = meter.close()
    assert all(isinstance(r, Absent) and "GPU" in r.reason for r in readings.values())


def test_lost_cpu_time_is_absent_not_negative(monkeypatch: pytest.MonkeyPatch) -> None:
    usages(monkeypatch, (0.0, 5.0, GIB), (1.0, 4.0, GIB))
    meter = EnergyEstimate()
    meter.open()
    assert all(isinstance(reading, Absent) for reading in meter.close().values())


@pytest.mark.parametrize("power", [0.0, -3.0, float("nan")])
def test_impossible_power_is_refused(power: float) -> None:
    with pytest.raises(InputError, match="cpu_power_w"):
        EnergyEstimate(cpu_power_w=power)


def test_carbon_of_a_country_is_codecarbons() -> None:
    import importlib.util
    from pathlib import Path

    spec = importlib.util.find_spec("codecarbon")
    assert spec is not None and spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0])
    table = json.loads((folder / "data/private_infra/global_energy_mix.json").read_text())
    for name in ("FRA", "fr", "France", " france "):
        factor, source = gco2e_per_kwh(name)
        assert factor == table["FRA"]["carbon_intensity"]
        assert "France" in source and str(table["FRA"]["year"]) in source
        assert "codecarbon" in source
    assert all(code in table for code in carbon._SHORT.values())
    assert gco2e_per_kwh("SWE")[0] < gco2e_per_kwh("world")[0] < gco2e_per_kwh("IND")[0]


def test_world_is_built_in_and_equals_codecarbons() -> None:
    from pathlib import Path

    import codecarbon

    factor, source = gco2e_per_kwh()
    folder = Path(codecarbon.__file__).parent / "data" / "private_infra"
    shipped = json.loads((folder / "carbon_intensity_per_source.json").read_text())
    assert factor == shipped["world_average"] and "IEA" in source


def test_unknown_country_and_missing_codecarbon(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="Did you mean 'Germany'"):
        gco2e_per_kwh("Germny")
    with pytest.raises(InputError, match="'XQZ'"):
        gco2e_per_kwh("XQZ")
    carbon._countries.cache_clear()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"slmbench\[energy\]"):
        gco2e_per_kwh("FRA")
    assert gco2e_per_kwh("world")[0] == 475.0
    carbon._countries.cache_clear()
