"""Joules worked out by hand: wraps, gaps, a sensor's tick, and laws that hold for any readings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmbench.meters.joules import (
    Counter,
    counted_j,
    integrated_j,
    shown,
    tick_s,
    too_short,
)
from slmbench.schema.base import Absent

RAPL = Counter(j_per_unit=1e-6, wraps_at=262_143_328_850.0, most_w=1000.0)
NVML = Counter(j_per_unit=1e-3)


def reason(found: object) -> str:
    assert isinstance(found, Absent), found
    return found.reason


def test_a_counter_is_its_difference() -> None:
    assert counted_j(NVML, [(0.0, 1_000_000.0), (1.0, 1_300_000.0)]) == pytest.approx(300.0)
    # What lies between the ends changes nothing.
    readings = [(0.0, 1_000_000.0), (0.4, 1_000_500.0), (1.0, 1_300_000.0)]
    assert counted_j(NVML, readings) == pytest.approx(300.0)


def test_one_wrap() -> None:
    # 28,850 uJ to the end of the range and 1,000,000 uJ after it.
    found = counted_j(RAPL, [(0.0, 262_143_300_000.0), (1.0, 1_000_000.0)])
    assert found == pytest.approx(1.02885)


def test_two_wraps_are_told_apart_by_readings_between_them() -> None:
    small = Counter(j_per_unit=1.0, wraps_at=100.0, most_w=50.0)
    readings = [(0.0, 90.0), (1.0, 30.0), (2.0, 75.0), (3.0, 20.0)]
    # 90 -> 30: 40; 30 -> 75: 45; 75 -> 20: 45.
    assert counted_j(small, readings) == pytest.approx(130.0)
    # Without them they can't be: 100 J fit into 2 s at 50 W.
    assert "how often it did is unknown" in reason(counted_j(small, [(0.0, 90.0), (3.0, 20.0)]))
    # Where the most power is not known, one wrap is taken.
    trusting = Counter(j_per_unit=1.0, wraps_at=100.0)
    assert counted_j(trusting, [(0.0, 90.0), (3.0, 20.0)]) == pytest.approx(30.0)


@pytest.mark.parametrize(
    ("counter", "readings", "why"),
    [
        (NVML, [], "fewer than twice"),
        (NVML, [(0.0, 5.0)], "fewer than twice"),
        (NVML, [(0.0, 5.0), (1.0, 5.0)], "did not move"),
        (NVML, [(0.0, 5.0), (1.0, 4.0)], "went back"),
        (NVML, [(1.0, 5.0), (0.0, 6.0)], "order of time"),
        (RAPL, [(0.0, 5.0), (1.0, 3e11)], "more than its range"),
        (RAPL, [(0.0, 5.0), (300.0, 6.0)], "can wrap once in 262 s"),
    ],
)
def test_what_can_not_be_known_is_absent(
    counter: Counter, readings: list[tuple[float, float]], why: str
) -> None:
    assert why in reason(counted_j(counter, readings))


def test_polled_power_is_a_trapezoid() -> None:
    # 100 W for 1 s, up to 300 W over 1 s, 300 W for 1 s: 100 + 200 + 300 J.
    samples = [(0.0, 100e3), (1.0, 100e3), (2.0, 300e3), (3.0, 300e3)]
    found = integrated_j(1e-3, samples, (0.0, 3.0), 1.5)
    assert found.joules == pytest.approx(600.0) and found.coverage == 1.0 and found.samples == 4
    # A window inside them: at 1.5 s the power is 200 W; 0.5 s at a mean of 250 W, 0.5 s at 300 W.
    found = integrated_j(1e-3, samples, (1.5, 2.5), 1.5)
    assert found.joules == pytest.approx(275.0) and found.samples == 1


def test_a_missing_sample_is_let_pass_and_a_gap_is_not() -> None:
    tenth = [(i / 10, 100e3) for i in range(11)]
    one_lost = [each for each in tenth if each[0] != 0.5]
    assert integrated_j(1e-3, one_lost, (0.0, 1.0), 0.25).joules == pytest.approx(100.0)
    three_lost = [each for each in tenth if not 0.35 < each[0] < 0.65]
    found = integrated_j(1e-3, three_lost, (0.0, 1.0), 0.25)
    # 0.3 to 0.7 s has no sample: 0.6 of 1 s is covered.
    assert found.coverage == pytest.approx(0.6)
    assert "cover 60.0% of the window" in reason(found.joules)


def test_a_window_beyond_the_samples_is_not_covered() -> None:
    samples = [(0.0, 1.0), (1.0, 1.0)]
    assert integrated_j(1.0, samples, (0.5, 2.0), 2.0).coverage == pytest.approx(1 / 3)
    assert "0.0%" in reason(integrated_j(1.0, [], (0.0, 1.0), 1.0).joules)
    assert "no length" in reason(integrated_j(1.0, samples, (1.0, 1.0), 1.0).joules)
    assert "0 W" in reason(integrated_j(1.0, [(0.0, 0.0), (1.0, 0.0)], (0.0, 1.0), 2.0).joules)


def test_the_tick_is_the_time_between_changes() -> None:
    # Read every 10 ms, moves every 100 ms.
    readings = [(i / 100, float(i // 10)) for i in range(100)]
    assert tick_s(readings) == pytest.approx(0.1)
    assert tick_s(readings[:25]) is None and tick_s([]) is None


def test_ten_ticks_are_needed() -> None:
    assert too_short(1.0, 0.1) is None and too_short(0.01, None) is None
    found = reason(too_short(0.5, 0.1))
    assert "ticks every 0.1 s" in found and "at least 1 s" in found


def test_a_recorded_counter_shows_its_last_reading() -> None:
    log = [(1.0, 10.0), (2.0, 20.0)]
    assert shown(log, 1.9) == (1.0, 10.0) and shown(log, 2.0) == (2.0, 20.0)
    assert shown(log, 0.9) is None


steps = st.lists(st.floats(0.0, 49.0), min_size=1, max_size=30)


@given(start=st.floats(0.0, 99.0), steps=steps)
def test_a_counter_that_wraps_counts_what_was_drawn(start: float, steps: list[float]) -> None:
    """However often it wraps: read often enough, nothing is lost."""
    counter = Counter(j_per_unit=1.0, wraps_at=100.0, most_w=50.0)
    total, readings = start, [(0.0, start)]
    for number, step in enumerate(steps, start=1):
        total += step
        readings.append((float(number), total % 100.0))
    found = counted_j(counter, readings)
    if sum(steps) > 1e-6:
        assert found == pytest.approx(sum(steps), abs=1e-6)


@given(
    power=st.lists(st.floats(0.1, 1000.0), min_size=3, max_size=30),
    lost=st.sets(st.integers(0, 29)),
)
def test_power_is_refused_exactly_where_samples_lack(power: list[float], lost: set[int]) -> None:
    samples = [(float(i), watts) for i, watts in enumerate(power) if i not in lost]
    found = integrated_j(1.0, samples, (0.0, float(len(power) - 1)), 1.5)
    gone = lost & set(range(len(power)))
    assert 0.0 <= found.coverage <= 1.0
    assert isinstance(found.joules, Absent) == bool(gone)
    if not gone:
        whole = sum(power) - (power[0] + power[-1]) / 2.0
        assert found.joules == pytest.approx(whole)


@given(
    power=st.lists(st.floats(0.1, 1000.0), min_size=3, max_size=20),
    cut=st.floats(0.05, 0.95),
)
def test_two_halves_of_a_window_make_the_whole(power: list[float], cut: float) -> None:
    samples = [(float(i), watts) for i, watts in enumerate(power)]
    end = float(len(power) - 1)
    parts = [(0.0, cut * end), (cut * end, end), (0.0, end)]
    first, second, whole = (integrated_j(1.0, samples, each, 1.5).joules for each in parts)
    assert not any(isinstance(each, Absent) for each in (first, second, whole))
    assert first + second == pytest.approx(whole)  # type: ignore[operator]
