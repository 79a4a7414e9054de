"""Hold every meter of the catalogue to the port: a window, its readings, its errors."""

from __future__ import annotations

import math
from typing import Any

import pytest

from slmbench import catalog
from slmbench.errors import SlmbenchError
from slmbench.ports import Meter
from slmbench.schema.base import Absent, Measured

TRACE = [
    {"window": "a", "reading": "energy_j", "unit": "J", "value": "1.5", "how": "counter"},
    {"window": "b", "reading": "energy_j", "unit": "J", "value": "", "how": "counter"},
]
#: A counter read at both ends of a window: 1.5 J.
RAW = [
    {"at_s": 0.0, "sensor": "w", "quantity": "window_open", "raw": "", "wraps_at": ""},
    {"at_s": 0.0, "sensor": "gpu0", "quantity": "nvml_energy_mj", "raw": 500, "wraps_at": ""},
    {"at_s": 2.0, "sensor": "gpu0", "quantity": "nvml_energy_mj", "raw": 2000, "wraps_at": ""},
    {"at_s": 2.0, "sensor": "w", "quantity": "window_close", "raw": "", "wraps_at": ""},
]
OPTIONS: dict[str, dict[str, Any]] = {"replay": {"trace": TRACE}, "trace": {"trace": RAW}}
READING = {"zeus": "energy_j", "estimate": "energy_j", "memory": "peak_resident_bytes"}


@pytest.fixture(params=sorted(catalog.METERS))
def meter(request: pytest.FixtureRequest) -> Meter:
    kind = catalog.load("meters", request.param)
    lacking = kind.probe() if hasattr(kind, "probe") else None
    if lacking is not None:
        assert isinstance(lacking, Absent) and lacking.reason
        pytest.skip(f"this host has no such instrument: {lacking.reason}")
    made: Meter = kind(**OPTIONS.get(request.param, {}))
    return made


def test_a_window_gives_measured_or_absent(meter: Meter) -> None:
    meter.open()
    readings = meter.close()
    assert readings and meter.how
    for name, value in readings.items():
        assert name.endswith(("_j", "_bytes")), name
        if isinstance(value, Measured):
            assert math.isfinite(value.value) and value.value >= 0 and value.how and value.source
        else:
            assert isinstance(value, Absent) and value.reason


def test_every_window_has_the_same_readings(meter: Meter) -> None:
    names = []
    for _ in range(3):
        meter.open()
        names.append(set(meter.close()))
    assert names[0] == names[1] == names[2]


def test_a_window_that_is_not_open_cannot_be_closed(meter: Meter) -> None:
    with pytest.raises(SlmbenchError, match="without open"):
        meter.close()
    meter.open()
    meter.close()
    with pytest.raises(SlmbenchError, match="without open"):
        meter.close()


@pytest.mark.parametrize("name", ["estimate", "memory"])
def test_the_readings_a_suite_asks_for_are_there(name: str) -> None:
    meter = catalog.load("meters", name)()
    meter.open()
    held = bytearray(32 * 2**20)
    held[:: 2**12] = b"x" * len(held[:: 2**12])
    value = meter.close()[READING[name]]
    assert isinstance(value, Measured) and value.value > 0
    if name == "memory":
        assert value.value > 32 * 2**20 and value.unit == "bytes"
    else:
        assert value.how == "estimated" and value.unit == "J"


def test_a_meter_of_energy_says_what_its_number_rests_on(meter: Meter) -> None:
    """Live meters of energy tell their tick and who else may be in the number."""
    meter.open()
    if "energy_j" not in meter.close() or type(meter).__name__ == "Replay":
        pytest.skip("not a meter of energy, or a trace of finished windows")
    assert getattr(meter, "elapsed_s", 0.0) > 0.0
    tick_s = getattr(meter, "tick_s", None)
    assert tick_s is None or tick_s > 0.0
    assert all(note.strip() for note in getattr(meter, "notes", tuple)())


@pytest.mark.parametrize("name", ["zeus", "estimate"])
def test_live_meters_of_energy_can_be_read_while_the_window_is_open(name: str) -> None:
    kind = catalog.load("meters", name)
    lacking = kind.probe() if hasattr(kind, "probe") else None
    if lacking is not None:
        pytest.skip(f"this host has no such instrument: {lacking.reason}")
    meter = kind()
    meter.open()
    assert set(meter.lap()) == set(meter.lap()) == set(meter.close())


def test_raw_readings_are_played_back() -> None:
    meter = catalog.load("meters", "trace")(trace=RAW)
    meter.open()
    found = meter.close()["energy_j"]
    assert isinstance(found, Measured) and found.value == 1.5 and found.how == "counter"


def test_a_trace_is_played_back() -> None:
    meter = catalog.load("meters", "replay")(trace=TRACE)
    found = []
    for _ in range(3):
        meter.open()
        found.append(meter.close()["energy_j"])
    assert isinstance(found[0], Measured) and found[0].value == 1.5 and found[0].how == "counter"
    assert isinstance(found[1], Absent) and isinstance(found[2], Absent)
    assert "ended" in found[2].reason
