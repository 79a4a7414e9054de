"""When requests arrive, and which of them count."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from slmbench.suites.load.schedule import arrival_times, steady_window, user_starts

RATES = st.floats(min_value=0.5, max_value=200)
RAMPS = st.floats(min_value=0, max_value=5)
ARRIVALS = st.sampled_from(["poisson", "constant"])


@given(ARRIVALS, RATES, RAMPS, st.integers())
@settings(deadline=None)
def test_times_rise_within_the_stage_and_repeat(
    arrival: str, rate: float, ramp: float, seed: int
) -> None:
    times = arrival_times(arrival, rate, 10.0, ramp, seed)
    assert times == arrival_times(arrival, rate, 10.0, ramp, seed)
    assert all(0 <= time < 10.0 for time in times)
    assert all(sooner < later for sooner, later in pairwise(times))


@given(RATES, RAMPS)
def test_constant_arrivals_are_as_many_as_the_rate_says(rate: float, ramp: float) -> None:
    times = arrival_times("constant", rate, 10.0, ramp, 0)
    assert abs(len(times) - rate * (10.0 - ramp / 2)) <= 0.5 + 1e-6
    after = [time for time in times if time >= ramp]
    gaps = [later - sooner for sooner, later in pairwise(after)]
    assert gaps == pytest.approx([1 / rate] * len(gaps), rel=1e-6)


def test_the_ramp_is_the_parabola_it_should_be() -> None:
    """Rate 10, ramp 2 s: 10 arrivals in it, the k-th where 10 t^2 / 4 = k - 1/2."""
    times = arrival_times("constant", 10.0, 3.0, 2.0, 0)
    expected = [math.sqrt(0.4 * (k + 0.5)) for k in range(10)]
    assert times[:10] == pytest.approx(expected)
    assert times[10:] == pytest.approx([2.05 + 0.1 * k for k in range(10)])


@pytest.mark.parametrize("seed", range(5))
def test_poisson_arrivals_have_the_mean_and_the_gaps_of_their_rate(seed: int) -> None:
    times = arrival_times("poisson", 50.0, 200.0, 0.0, seed)
    # 10,000 are due, with a standard deviation of 100.
    assert abs(len(times) - 10_000) < 400
    gaps = np.diff(times)
    assert stats.kstest(gaps, stats.expon(scale=1 / 50).cdf).pvalue > 1e-4
    assert times != arrival_times("poisson", 50.0, 200.0, 0.0, seed + 1)


def test_poisson_arrivals_of_the_ramp_are_half_as_many() -> None:
    counts = [sum(t < 10 for t in arrival_times("poisson", 50.0, 20.0, 10.0, s)) for s in range(40)]
    # 250 each, 10,000 in all.
    assert abs(sum(counts) - 10_000) < 400


@given(st.integers(min_value=1, max_value=100), RAMPS)
def test_users_begin_within_the_ramp(users: int, ramp: float) -> None:
    starts = user_starts(users, ramp)
    assert len(starts) == users and starts[0] == 0.0 and starts == sorted(starts)
    assert all(start <= ramp for start in starts)


def test_both_ends_of_a_stage_are_left_out() -> None:
    assert steady_window(20.0, 2.0) == (2.0, 18.0)
    assert steady_window(20.0, 0.0) == (0.0, 20.0)
