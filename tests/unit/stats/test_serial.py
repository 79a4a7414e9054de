"""Readings that are alike for a while: found, and counted as fewer than they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from slmbench.stats.paired import unpaired_difference
from slmbench.stats.resampled_difference import unpaired_statistic_difference
from slmbench.stats.serial import batch_means, block_length


def wandering(rng: np.random.Generator, n: int, kept: float) -> np.ndarray:
    """Return n readings, each keeping a share of the one before it (AR(1), variance 1)."""
    shocks = rng.standard_normal(n + 50) * np.sqrt(1.0 - kept**2)
    found = np.zeros(n + 50)
    for i in range(1, n + 50):
        found[i] = kept * found[i - 1] + shocks[i]
    return found[50:]


def test_independent_readings_stand_alone() -> None:
    rng = np.random.default_rng(0)
    lengths = [block_length(rng.standard_normal(100)) for _ in range(200)]
    assert np.mean(np.array(lengths) == 1) > 0.85


def test_longer_memory_makes_longer_blocks() -> None:
    rng = np.random.default_rng(1)
    medians = [
        np.median([block_length(wandering(rng, 400, kept)) for _ in range(60)])
        for kept in (0.0, 0.4, 0.7, 0.9)
    ]
    assert medians[0] == 1 and all(np.diff(medians) > 3)


def test_neighbours_that_repel_each_other_are_no_reason_for_blocks() -> None:
    assert block_length(np.tile([1.0, 2.0], 50)) == 1


@given(arrays(float, st.integers(0, 120), elements=st.floats(0, 1e6)))
def test_any_series_has_at_least_five_blocks_or_stands_alone(series: np.ndarray) -> None:
    length = block_length(series)
    assert length == 1 or len(series) // length >= 5


@given(st.integers(1, 200), st.integers(1, 40))
def test_batches_cover_every_reading_once(n: int, length: int) -> None:
    means = batch_means(np.arange(n, dtype=float), length)
    assert len(means) == max(1, n // length)
    if n % len(means) == 0:
        assert means.mean() == pytest.approx((n - 1) / 2)


@pytest.mark.parametrize("kind", ["mean", "median"])
def test_a_host_that_is_slow_for_a_while_makes_few_false_differences(kind: str) -> None:
    """Two runs of one law: without blocks some 40 % of the 95 % intervals miss the zero."""
    rng = np.random.default_rng(2)
    missed = {"alone": 0, "blocks": 0}
    trials = 250 if kind == "mean" else 60
    for _ in range(trials):
        sides = wandering(rng, 150, 0.7), wandering(rng, 150, 0.7)
        lengths = block_length(sides[0]), block_length(sides[1])
        for name, blocks in (("alone", (1, 1)), ("blocks", lengths)):
            if kind == "mean":
                found = unpaired_difference(*sides, blocks=blocks)
            else:
                found = unpaired_statistic_difference(
                    *sides, lambda rows: np.median(rows, axis=-1), blocks=blocks
                )
            missed[name] += not found.low <= 0.0 <= found.high
    assert missed["alone"] / trials > 0.2
    assert missed["blocks"] / trials < 0.12


def test_a_difference_of_batches_is_that_of_all_readings() -> None:
    rng = np.random.default_rng(3)
    before, after = rng.random(103), rng.random(97)
    found = unpaired_difference(before, after, blocks=(10, 9))
    assert found.difference == pytest.approx(after.mean() - before.mean())
    assert found.method == "welch t, 10 and 10 batch means"
    parts = [
        batch_means(side, size).var(ddof=1) / 10
        for side, size in ((before, 10), (after, 9))
    ]  # fmt: skip
    assert found.standard_error == pytest.approx(np.sqrt(sum(parts)))


def test_blocks_of_a_whole_turn_draw_the_readings_themselves() -> None:
    """A block as long as the series is the series, turned: no statistic of all of it can vary."""
    before, after = np.arange(20.0), np.arange(20.0) + 1.0
    found = unpaired_statistic_difference(
        before, after, lambda rows: rows.mean(axis=-1), blocks=(20, 20)
    )
    assert found.difference == found.low == found.high == 1.0
    assert found.method == "bootstrap of blocks"
