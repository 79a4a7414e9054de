"""Hold every meter to the port: windows, finite readings, Absent with a reason, own errors."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slmbench.errors import SlmbenchError
from slmbench.meters.estimate import EnergyEstimate
from slmbench.meters.memory import PeakResident
from slmbench.meters.replay import Replay
from slmbench.meters.trace import RawTrace
from slmbench.schema.base import Absent, Measured
from slmbench.units import SUFFIXES

TRACE = Path(__file__).parent / "data" / "synthetic_energy.csv"
RAW_TRACE = Path(__file__).parent / "data" / "nvml_counter_100ms.csv"
METERS: dict[str, Callable[[], Any]] = {
    "estimate": EnergyEstimate,
    "memory": PeakResident,
    "replay": lambda: Replay(trace=TRACE),
    "trace": lambda: RawTrace(trace=RAW_TRACE),
}


@pytest.fixture(params=METERS)
def meter(request: pytest.FixtureRequest) -> Any:
    return METERS[request.param]()


def test_readings_are_measured_or_absent(meter: Any) -> None:
    meter.open()
    readings = meter.close()
    assert readings and meter.how
    for name, value in readings.items():
        assert name.endswith(SUFFIXES)
        if isinstance(value, Measured):
            assert math.isfinite(value.value) and value.n >= 1 and value.source
            assert value.unit == {"j": "J", "bytes": "bytes"}[name.rsplit("_", 1)[-1]]
        else:
            assert isinstance(value, Absent) and value.reason


def test_windows_repeat_and_an_open_one_is_dropped(meter: Any) -> None:
    meter.open()
    first = meter.close()
    meter.open()
    meter.open()
    assert set(meter.close()) == set(first)


def test_close_without_open_is_our_own_fault(meter: Any) -> None:
    with pytest.raises(SlmbenchError, match="without open"):
        meter.close()
    meter.open()
    meter.close()
    with pytest.raises(SlmbenchError, match="without open"):
        meter.close()


def test_importing_the_meters_loads_nothing_heavy() -> None:
    code = (
        "import sys, pkgutil, importlib, slmbench.meters as s\n"
        "for m in pkgutil.iter_modules(s.__path__, 'slmbench.meters.'):\n"
        "    importlib.import_module(m.name)\n"
        "from slmbench.meters.environment import environment\n"
        "environment()\n"
        "heavy = {'torch', 'zeus', 'codecarbon', 'pandas', 'transformers'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
