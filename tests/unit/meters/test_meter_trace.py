"""Recorded counters and power come out as the joules that are worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slmbench.errors import InputError, SlmbenchError
from slmbench.meters.trace import RawTrace
from slmbench.schema.base import Absent, Measured

COUNTER = Path(__file__).parent / "data" / "nvml_counter_100ms.csv"
RANGE_UJ = 262_143_328_850


def row(at_s: float, sensor: str, quantity: str, raw: object = "", wraps_at: object = "") -> Any:
    return {"at_s": at_s, "sensor": sensor, "quantity": quantity, "raw": raw, "wraps_at": wraps_at}


def window(start_s: float, end_s: float, name: str = "w") -> list[Any]:
    return [row(start_s, name, "window_open"), row(end_s, name, "window_close")]


def play(meter: RawTrace) -> dict[str, Measured | Absent]:
    meter.open()
    return meter.close()


def value(reading: Measured | Absent) -> float:
    assert isinstance(reading, Measured), reading
    return reading.value


def reason(reading: Measured | Absent) -> str:
    assert isinstance(reading, Absent), reading
    return reading.reason


def test_a_sensor_that_ticks_ten_times_a_second() -> None:
    meter = RawTrace(trace=COUNTER)
    assert meter.tick_s == pytest.approx(0.1) and meter.how == "counter"
    quiet, work, again, short, over = (play(meter)["energy_j"] for _ in range(5))
    assert value(quiet) == pytest.approx(50.0) and value(again) == pytest.approx(50.0)
    assert value(work) == pytest.approx(300.0) and work.how == "counter"  # type: ignore[union-attr]
    assert "replay of nvml_counter_100ms.csv" in work.source  # type: ignore[operator, union-attr]
    assert "too short" in reason(short) and "at least 1 s are needed" in reason(short)
    assert "ended after 4 window(s)" in reason(over)


def test_rapl_wraps_in_a_window_and_memory_is_added() -> None:
    """28,850 uJ are left of the range; the package draws 1.02885 J and the memory 0.5 J."""
    log = [
        row(at_s, name, "rapl_energy_uj", raw, RANGE_UJ)
        for name, raws in (
            ("cpu0", [262_143_300_000, 500_000, 1_000_000]),
            ("dram0", [100, 200_100, 500_100]),
        )
        for at_s, raw in zip((0.0, 5.0, 10.0), raws, strict=True)
    ]
    readings = play(RawTrace(trace=[*log, *window(0.0, 10.0)]))
    assert value(readings["cpu_energy_j"]) == pytest.approx(1.02885)
    assert value(readings["dram_energy_j"]) == pytest.approx(0.5)
    assert value(readings["energy_j"]) == pytest.approx(1.52885)
    assert readings["energy_j"].how == "rapl"  # type: ignore[union-attr]
    assert "no such sensor" in reason(readings["gpu_energy_j"])


def test_two_wraps_with_a_reading_between_them_and_without() -> None:
    """A range of 262 J: at 1,000 W it could be filled in 262 ms."""
    small = 262_000_000
    log = [(0.0, 200_000_000), (0.2, 100_000_000), (0.4, 50_000_000)]
    rows = [row(at_s, "cpu0", "rapl_energy_uj", raw, small) for at_s, raw in log]
    # 200 -> 100: 162 J; 100 -> 50: 212 J.
    found = play(RawTrace(trace=[*rows, *window(0.0, 0.4)]))["energy_j"]
    assert value(found) == pytest.approx(374.0)
    found = play(RawTrace(trace=[rows[0], rows[2], *window(0.0, 0.4)]))["energy_j"]
    assert "how often it did is unknown" in reason(found)


def power(lost: frozenset[int] = frozenset(), end: int = 20) -> list[Any]:
    """100 W for a second, 200 W for the next, ten samples a second; a lost one is an empty row."""
    return [
        row(i / 10, "gpu0", "nvml_power_mw", "" if i in lost else (100e3 if i <= 10 else 200e3))
        for i in range(end + 1)
    ]


def test_polled_power_with_and_without_a_gap() -> None:
    whole = play(RawTrace(trace=[*power(), *window(0.0, 2.0)]))["energy_j"]
    # 1 s at 100 W, 0.1 s from 100 to 200 W, 0.9 s at 200 W.
    assert value(whole) == pytest.approx(100.0 + 15.0 + 180.0)
    assert whole.how == "polled"  # type: ignore[union-attr]
    assert "gpu0: 21 power samples cover 100.0%" in whole.source  # type: ignore[operator, union-attr]
    lost = play(RawTrace(trace=[*power(frozenset({5})), *window(0.0, 2.0)]))["energy_j"]
    assert value(lost) == pytest.approx(295.0)
    gap = play(RawTrace(trace=[*power(frozenset({4, 5, 6})), *window(0.0, 2.0)]))["energy_j"]
    assert "cover 80.0% of the window" in reason(gap)
    cut = play(RawTrace(trace=[*power(end=15), *window(0.0, 2.0)]))["energy_j"]
    assert "cover 75.0% of the window" in reason(cut)


def test_a_sum_lacks_no_part() -> None:
    still = [row(i / 10, "cpu0", "rapl_energy_uj", 7, RANGE_UJ) for i in range(21)]
    readings = play(RawTrace(trace=[*power(), *still, *window(0.0, 2.0)]))
    assert value(readings["gpu_energy_j"]) == pytest.approx(295.0)
    assert "cpu0: the counter did not move" in reason(readings["cpu_energy_j"])
    assert "so the sum is unknown" in reason(readings["energy_j"])


def test_a_recording_that_stops_or_begins_inside_a_window_is_refused() -> None:
    log = [row(i / 10, "gpu0", "nvml_energy_mj", 1000 * i) for i in range(21)]
    late = play(RawTrace(trace=[*log, *window(-1.0, 1.0)]))["energy_j"]
    assert "begin after the window does" in reason(late)
    early = play(RawTrace(trace=[*log, *window(1.0, 3.0)]))["energy_j"]
    assert "before the window's edge is 1 s old" in reason(early)


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ([], "needs readings of a sensor and a window"),
        (power(), "needs readings of a sensor and a window"),
        (window(0.0, 1.0), "needs readings of a sensor and a window"),
        ([*power(), row(0.0, "w", "window_open")], "needs one window_open and one"),
        ([*power(), *window(1.0, 1.0)], "opens once and then closes once"),
        ([*power(), row(0.0, "w", "window_close")], "opens once and then closes once"),
        ([row(0.0, "gpu0", "watts", 1)], "unknown quantity 'watts'"),
        ([row(0.0, "fan0", "nvml_power_mw", 1)], "not a gpu, cpu, dram or soc"),
        ([row(0.0, "gpu0", "nvml_power_mw", "x")], "raw 'x' isn't a number"),
        ([row(0.0, "gpu0", "nvml_power_mw", "nan")], "isn't finite"),
        ([*power(), row(0.0, "gpu0", "nvml_power_mw", 1)], "goes back in time"),
        ([*power(), row(9.0, "gpu0", "nvml_energy_mj", 1)], "two quantities"),
        ([{"at_s": 0.0, "sensor": "gpu0"}], "no quantity, raw, wraps_at"),
    ],
)
def test_a_damaged_trace_is_refused(rows: list[Any], what: str) -> None:
    with pytest.raises(InputError, match=what):
        RawTrace(trace=rows)


def test_files_and_windows_are_looked_after(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be read"):
        RawTrace(trace=tmp_path / "none.csv")
    meter = RawTrace(trace=COUNTER)
    with pytest.raises(SlmbenchError, match="without open"):
        meter.close()
    assert "not measured in this run" in meter.notes()[0]
