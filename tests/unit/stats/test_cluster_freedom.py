"""Degrees of freedom of clustered errors: Bell and McCaffrey's by matrices, and what uses them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slmbench.gate.absolute import judge_limit
from slmbench.schema.base import Measured
from slmbench.schema.policy import parse_policy
from slmbench.stats.clusters import jackknife_freedom
from slmbench.stats.interval import degrees_of_freedom, mean_interval

SIZES = st.lists(st.integers(1, 30), min_size=3, max_size=12).filter(lambda each: max(each) > 1)


def labels_of(sizes):
    return [str(place) for place, size in enumerate(sizes) for _ in range(size)]


def spread_of(sizes):
    """Return O, how the shifts of the mean without each cluster vary where items don't depend."""
    sizes = np.asarray(sizes, dtype=float)
    n = sizes.sum()
    centred = np.eye(sizes.size) - np.outer(sizes, np.ones(sizes.size)) / n
    shift = np.diag(1.0 / (n - sizes)) @ centred
    return shift @ np.diag(sizes) @ shift.T


def by_matrices(sizes, excess=0.0):
    """Return tr(O)^2 / (tr(O^2) + e / 2 sum O_cc^2)."""
    spread = spread_of(sizes)
    own = np.diag(spread)
    found = own.sum() ** 2 / (np.trace(spread @ spread) + excess / 2.0 * own @ own)
    return float(np.clip(found, 1.0, len(sizes) - 1.0))


@given(SIZES, st.integers(0, 2**32 - 1))
def test_they_are_bell_and_mccaffrey_s_with_the_kurtosis_of_the_shifts(sizes, seed):
    values, labels = np.random.default_rng(seed).standard_t(3, sum(sizes)), labels_of(sizes)
    ends = np.cumsum(sizes)
    shifts = [
        values.mean() - np.delete(values, slice(end - size, end)).mean()
        for size, end in zip(sizes, ends, strict=True)
    ]
    alike = np.array(shifts) / np.sqrt(np.diag(spread_of(sizes)))
    count = len(sizes)
    excess = (alike**4).mean() / (alike**2).mean() ** 2 - 3.0 * (count - 1) / (count + 1)
    expected = by_matrices(sizes, max(0.0, excess))
    assert jackknife_freedom(values, labels) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("count", [3, 20, 57])
def test_equal_clusters_that_fare_alike_leave_one_less_than_there_are(count):
    values = np.repeat(np.where(np.arange(count) % 2, 1.0, -1.0), 4)
    sizes = [4] * count
    assert by_matrices(sizes) == pytest.approx(count - 1)
    assert jackknife_freedom(values, labels_of(sizes)) == pytest.approx(count - 1)


def test_a_large_cluster_and_one_that_is_far_off_leave_fewer():
    rng = np.random.default_rng(0)
    even, uneven = [10] * 20, [200] + [10] * 19
    values = rng.normal(0.0, 1.0, 200)
    assert 10 < jackknife_freedom(values, labels_of(even)) <= 19
    many = rng.normal(0.0, 1.0, sum(uneven))
    assert jackknife_freedom(many, labels_of(uneven)) <= by_matrices(uneven) < 5
    values[:10] += 10.0
    assert jackknife_freedom(values, labels_of(even)) < 4


@settings(max_examples=50)
@given(SIZES, st.integers(0, 2**32 - 1), st.booleans())
def test_an_interval_tells_those_it_rests_on(sizes, seed, binary):
    values = np.random.default_rng(seed).random(sum(sizes))
    values = (values < 0.5).astype(float) if binary else values
    labels = labels_of(sizes)
    found = mean_interval(values.tolist(), labels)
    if binary and len(set(values.tolist())) == 1:
        return
    expected = max(1.0, round(jackknife_freedom(values, labels), 1))
    assert degrees_of_freedom(found, len(values)) == pytest.approx(expected, abs=0.051)


@given(st.integers(0, 2**32 - 1), st.floats(0.2, 0.8))
def test_a_limit_at_an_end_of_a_clustered_interval_is_at_its_alpha(seed, share):
    rng = np.random.default_rng(seed)
    values = (rng.random(200) < np.repeat(rng.beta(4 * share, 4 - 4 * share, 20), 10)).astype(float)
    interval = mean_interval(values.tolist(), labels_of([10] * 20))
    if not interval.method.startswith("wilson, clustered"):
        return
    value = Measured(value=float(values.mean()), unit="", n=200, interval=interval, how="test")
    for side, bound in (("min", interval.low), ("max", interval.high)):
        policy = parse_policy({"rules": [{"metric": "a/b/c", side: bound}]}, "test")
        found = judge_limit(policy.rules[0], "a/b/c", value)
        assert found.p_kept == pytest.approx(0.05, rel=2e-2)
        assert found.p_broken == 1.0
