"""Power is polled on a thread that begins, covers a window and ends."""

from __future__ import annotations

import threading
import time

import pytest

from slmbench.meters.sampler import PowerSampler
from slmbench.schema.base import Absent
from slmbench.units import clock


def test_steady_power_gives_power_times_time() -> None:
    sampler = PowerSampler(lambda: 50_000.0, 1e-3, period_s=0.02)
    sampler.start()
    start_s = clock()
    time.sleep(0.2)
    found, end_s = sampler.energy(start_s)
    sampler.stop()
    if isinstance(found.joules, Absent):
        pytest.skip(f"this host was too busy to poll: {found.joules.reason}")
    assert found.joules == pytest.approx(50.0 * (end_s - start_s)) and found.coverage == 1.0


def test_its_thread_ends_and_it_begins_anew() -> None:
    before = threading.active_count()
    sampler = PowerSampler(lambda: 1.0, 1.0, period_s=0.01)
    sampler.start()
    sampler.start()
    assert threading.active_count() == before + 1 and len(sampler.samples) >= 1
    sampler.stop()
    sampler.stop()
    assert threading.active_count() == before


def test_a_reading_that_fails_is_a_gap() -> None:
    def broken() -> float:
        raise OSError("gone")

    sampler = PowerSampler(broken, 1.0, period_s=0.01)
    sampler.start()
    time.sleep(0.03)
    found, _ = sampler.energy(clock() - 0.02)
    sampler.stop()
    assert isinstance(found.joules, Absent) and found.coverage == 0.0 and found.samples == 0
