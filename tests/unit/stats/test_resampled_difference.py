"""Bootstrapped differences: they agree with theory, pair what is paired, and repeat exactly."""

from __future__ import annotations

import numpy as np
import pytest

from slmbench.stats.paired import paired_difference, unpaired_difference
from slmbench.stats.resampled_difference import (
    paired_statistic_difference,
    unpaired_statistic_difference,
)


def mean(rows):
    return rows.mean(axis=-1)


def median(rows):
    return np.median(rows, axis=-1)


@pytest.fixture(scope="module")
def correlated():
    rng = np.random.default_rng(2)
    shared = rng.normal(10, 3, 120)
    return shared + rng.normal(0, 0.3, 120), shared + rng.normal(0.5, 0.3, 120)


def test_a_bootstrapped_mean_has_the_error_of_the_t_test(correlated):
    paired = paired_statistic_difference(correlated, mean)
    assert paired.standard_error == pytest.approx(
        paired_difference(*correlated).standard_error, rel=0.08
    )
    apart = unpaired_statistic_difference(*correlated, mean)
    assert apart.standard_error == pytest.approx(
        unpaired_difference(*correlated).standard_error, rel=0.08
    )


def test_pairing_is_what_sees_the_difference_of_medians(correlated):
    paired = paired_statistic_difference(correlated, median)
    apart = unpaired_statistic_difference(*correlated, median)
    assert paired.low > 0.0 > apart.low
    assert paired.p < 0.05 < apart.p
    assert (paired.paired, apart.paired) == (True, False)


def test_clusters_are_drawn_whole():
    rng = np.random.default_rng(4)
    labels = [str(i // 20) for i in range(200)]
    after = np.repeat(rng.normal(0, 1, 10), 20) + rng.normal(0, 0.1, 200)
    zero = np.zeros(200)
    clustered = paired_statistic_difference((zero, after), mean, labels)
    plain = paired_statistic_difference((zero, after), mean)
    assert clustered.clusters == 10
    assert clustered.standard_error > 3 * plain.standard_error


def test_the_same_seed_gives_the_same_answer(correlated):
    first = paired_statistic_difference(correlated, median, seed=1)
    assert first == paired_statistic_difference(correlated, median, seed=1)
    assert first != paired_statistic_difference(correlated, median, seed=2)


def test_a_statistic_without_a_number_leaves_the_spread_unknown():
    def sometimes(rows):
        return np.where(rows.max(axis=-1) < 3.0, np.nan, rows.mean(axis=-1))

    found = unpaired_statistic_difference([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], sometimes)
    assert (found.difference, found.low, found.p) == (0.0, None, None)


def test_an_a_a_comparison_of_medians_rarely_alarms():
    rng = np.random.default_rng(6)
    alarms = 0
    for _ in range(150):
        found = unpaired_statistic_difference(
            rng.lognormal(0, 0.3, 40), rng.lognormal(0, 0.3, 40), median
        )
        alarms += found.low > 0 or found.high < 0
    assert alarms / 150 <= 0.09
