"""Quantiles and rates of readings that come in groups."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slmbench.stats.grouped import grouped_quantile_interval, rate_interval, readings_needed
from slmbench.stats.quantiles import quantile_interval

TIMES = st.floats(min_value=0, max_value=1e3)


@pytest.mark.parametrize(("q", "needed"), [(0.5, 6), (0.9, 36), (0.95, 72), (0.99, 368)])
def test_so_many_readings_have_an_interval_and_one_less_has_none(q: float, needed: int) -> None:
    assert readings_needed(q) == readings_needed(1 - q) == needed
    values = [float(i) for i in range(needed)]
    assert quantile_interval(values, q) is not None
    assert quantile_interval(values[1:], q) is None


@given(st.lists(st.lists(TIMES, min_size=1, max_size=20), min_size=5, max_size=12),
       st.sampled_from([0.5, 0.9, 0.99]))  # fmt: skip
@settings(max_examples=30, deadline=None)
def test_an_interval_holds_the_quantile_and_repeats(groups: list[list[float]], q: float) -> None:
    found = grouped_quantile_interval(groups, q)
    assert found is not None and found == grouped_quantile_interval(groups, q)
    readings = [value for group in groups for value in group]
    assert found.low <= np.quantile(readings, q) <= found.high
    assert min(readings) <= found.low and found.high <= max(readings)


def test_readings_that_move_together_say_less() -> None:
    """Forty copies of ten readings know no more than ten, and the interval must say so."""
    draw = np.random.default_rng(3)
    levels = draw.normal(1.0, 0.2, 10)
    together = grouped_quantile_interval([[level] * 40 for level in levels], 0.5)
    alone = quantile_interval([level for level in levels for _ in range(40)], 0.5)
    assert together is not None and alone is not None
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_the_interval_covers_as_often_as_it_says() -> None:
    """The median of groups whose levels differ: 95 % of 200 draws, less what ten groups cost."""
    draw = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        levels = draw.normal(0.0, 1.0, (12, 1)) + draw.normal(0.0, 0.3, (12, 20))
        found = grouped_quantile_interval(levels.tolist(), 0.5)
        assert found is not None
        held += found.low <= 0.0 <= found.high
    assert 170 <= held < 200


def test_too_few_groups_have_no_interval() -> None:
    assert grouped_quantile_interval([[1.0, 2.0]] * 4, 0.5) is None
    assert grouped_quantile_interval([[1.0], [], [2.0], [3.0], [4.0]], 0.5) is None


def test_what_failed_is_later_than_all_else() -> None:
    groups = [[1.0, 2.0, 3.0, math.inf]] * 6
    low = grouped_quantile_interval(groups, 0.5)
    assert low is not None and math.isfinite(low.high)
    assert grouped_quantile_interval(groups, 0.9) is None


def test_a_rate_is_the_mean_of_its_slices() -> None:
    found = rate_interval([9.0, 11.0, 10.0, 10.0])
    assert found is not None
    # s = 0.8165, t(3) = 3.1824: 10 +- 3.1824 * 0.8165 / 2.
    assert (found.low, found.high) == pytest.approx((8.7007, 11.2993), abs=1e-3)
    assert rate_interval([1.0]) is None
    never = rate_interval([0.0, 0.0, 0.0, 1.0])
    assert never is not None and never.low == 0.0
