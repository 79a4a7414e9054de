"""Warm-up on simulated series: where it ends is known, because it was put there."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmbench.stats.warm_up import WarmUp, change_points, warm_up

ROUNDS = 22


def simulated(seed: int, noise: float = 0.02) -> np.ndarray:
    return np.random.default_rng(seed).normal(1.0, noise, ROUNDS)


def shares(shape: str) -> list[WarmUp]:
    found = []
    for seed in range(100):
        series = simulated(seed)
        if shape == "one slow round":
            series[0] += 0.5
        elif shape == "four, ever less slow":
            series[:4] += [1.0, 0.6, 0.4, 0.25]
        elif shape == "eight at another level":
            series[:8] += 0.3
        elif shape == "one slow round in the middle":
            series[9] += 2.0
        elif shape == "heavy tail":
            series = np.exp(np.random.default_rng(seed).normal(0.0, 0.3, ROUNDS))
        elif shape == "drift":
            series += np.linspace(1.0, 0.0, ROUNDS)
        found.append(warm_up(series.tolist()))
    return found


@pytest.mark.parametrize(
    ("shape", "least", "most"),
    [
        ("flat", 0, 0),
        ("one slow round", 1, 1),
        ("four, ever less slow", 3, 4),
        ("eight at another level", 8, 8),
        ("one slow round in the middle", 0, 0),
        ("heavy tail", 0, 0),
    ],
)
def test_the_warm_up_is_found(shape: str, least: int, most: int) -> None:
    found = shares(shape)
    assert sum(least <= each.dropped_count <= most for each in found) >= 97
    assert sum(each.is_settled is True for each in found) >= 97


def test_a_drift_has_hardly_settled() -> None:
    """A series that falls to its end keeps at most its last third."""
    assert min(each.dropped_count for each in shares("drift")) >= ROUNDS // 2


def test_a_late_change_is_not_settled() -> None:
    series = simulated(1)
    series[-3:] += 1.0
    assert warm_up(series.tolist()) == WarmUp(ROUNDS - 3, False)


def test_equal_values_have_no_warm_up_and_three_say_nothing() -> None:
    assert warm_up([0.5] * 10) == WarmUp(0, True)
    assert warm_up([3.0, 1.0, 1.0]) == WarmUp(0, None)
    assert warm_up([2.0] * 3 + [1.0] * 12) == WarmUp(3, True)


def test_the_cuts_are_the_best_there_are() -> None:
    """Against trying every set of at most two cuts."""
    for seed in range(20):
        draw = np.random.default_rng(seed)
        series = np.concatenate([draw.normal(level, 1.0, 4) for level in draw.normal(0, 9, 3)])
        found = change_points(series, 1.0)
        if len(found) <= 2:
            n = series.size
            tries = [[], *([a] for a in range(1, n))]
            tries += [[a, b] for a in range(1, n) for b in range(a + 1, n)]
            best = min(tries, key=lambda cuts: cost(series, cuts))
            assert cost(series, found) == pytest.approx(cost(series, best))


def cost(series: np.ndarray, cuts: list[int]) -> float:
    edges = [0, *cuts, series.size]
    parts = [series[a:b] for a, b in pairwise(edges)]
    return sum(float(((p - p.mean()) ** 2).sum()) for p in parts) + len(cuts) * 15 * float(
        np.log(series.size)
    )


@given(st.lists(st.floats(min_value=1e-6, max_value=1e3), max_size=40),
       st.floats(min_value=1e-3, max_value=1e3))  # fmt: skip
def test_the_unit_makes_no_difference(series: list[float], unit: float) -> None:
    found = warm_up(series)
    assert 0 <= found.dropped_count < max(1, len(series))
    if found.is_settled is not None:
        share = (len(series) - found.dropped_count) / len(series)
        assert found.is_settled == (share >= 0.25)
    # A power of two scales exactly, so no rounding can move a cut.
    scaled = [value * 2.0 ** round(np.log2(unit)) for value in series]
    assert warm_up(scaled) == found
