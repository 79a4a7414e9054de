"""Intervals: published values, coverage by simulation, and laws that hold for any data."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from slmbench.schema.base import Absent, Measured
from slmbench.schema.record import Aggregation, Sample
from slmbench.stats.interval import (
    aggregate,
    aggregate_interval,
    clustered_standard_error,
    mean_interval,
    measured,
    wilson,
)
from slmbench.stats.quantiles import quantile_interval
from slmbench.stats.resample import bootstrap_interval

reals = st.floats(-1e6, 1e6, allow_nan=False, allow_infinity=False)
samples_of_reals = st.lists(reals, min_size=2, max_size=60)


def make_samples(scores, weights=None, clusters=None):
    return [
        Sample(
            sample_id=str(i),
            content_hash=f"h{i}",
            cluster=clusters[i] if clusters else None,
            scores={"s": score} | ({"w": weights[i]} if weights else {}),
        )
        for i, score in enumerate(scores)
    ]


@pytest.mark.parametrize(("k", "n"), [(0, 10), (3, 10), (50, 100), (100, 100), (1, 2)])
def test_wilson_equals_statsmodels(k, n):
    interval = wilson(k, n)
    assert (interval.low, interval.high) == pytest.approx(
        proportion_confint(k, n, method="wilson"), abs=1e-12
    )


@pytest.mark.parametrize(("k", "n"), [(-1, 5), (6, 5), (0, 0)])
def test_wilson_refuses_what_is_no_proportion(k, n):
    with pytest.raises(ValueError, match="not a proportion"):
        wilson(k, n)


@given(st.integers(1, 500), st.data(), st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_holds_the_share_and_has_width(n, data, level):
    k = data.draw(st.integers(0, n))
    interval = wilson(k, n, level)
    assert 0.0 <= interval.low <= k / n <= interval.high <= 1.0
    assert interval.high > interval.low


def test_clustered_error_is_the_double_sum_of_the_paper():
    values = [0.2, 0.9, 0.4, 0.7, 0.1, 0.5]
    clusters = ["a", "a", "b", "b", "b", None]
    n, mean = len(values), sum(values) / len(values)
    cross = sum(
        (values[i] - mean) * (values[j] - mean)
        for i in range(n)
        for j in range(n)
        if i != j and clusters[i] is not None and clusters[i] == clusters[j]
    )
    expected = math.sqrt(np.var(values, ddof=1) / n + cross / n**2)
    assert clustered_standard_error(values, clusters) == pytest.approx(expected, rel=1e-12)


def test_items_that_copy_each_other_carry_no_more_than_their_clusters():
    base = [0.1, 0.4, 0.3, 0.9, 0.6]
    copied = [value for value in base for _ in range(20)]
    labels = [str(i) for i in range(5) for _ in range(20)]
    plain = mean_interval(base)
    clustered = mean_interval(copied, labels)
    naive = mean_interval(copied)
    assert clustered.high - clustered.low == pytest.approx(plain.high - plain.low, rel=0.15)
    assert naive.high - naive.low < 0.3 * (clustered.high - clustered.low)


def test_one_value_has_no_interval():
    assert mean_interval([0.5]) is None
    assert mean_interval([]) is None
    assert quantile_interval([0.5], 0.5) is None
    assert bootstrap_interval([0.5], np.mean) is None


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_equal_outcomes_are_not_certainty(value):
    alone = mean_interval([value] * 8)
    clustered = mean_interval([value] * 8, ["a", "a", "b", "b", "c", "c", "d", "d"])
    assert alone.method == "wilson"
    assert clustered.method == "wilson on 4 clusters"
    assert 0 < alone.high - alone.low < clustered.high - clustered.low


@pytest.mark.parametrize("clusters", [["a"] * 5, list("abcde"), [None] * 5])
def test_clusters_that_say_nothing_change_nothing(clusters):
    values = [1, 0, 1, 1, 0]
    assert mean_interval(values, clusters) == mean_interval(values)


@given(samples_of_reals, st.data())
def test_a_mean_interval_holds_its_mean(values, data):
    labels = data.draw(
        st.lists(st.sampled_from(["a", "b", "c", None]), min_size=len(values), max_size=len(values))
    )
    for clusters in (None, labels):
        interval = mean_interval(values, clusters)
        slack = 1e-9 * max(1.0, abs(interval.low), abs(interval.high))
        assert interval.low - slack <= np.mean(values) <= interval.high + slack


@given(samples_of_reals, st.floats(0.01, 0.99))
def test_a_quantile_interval_holds_its_quantile_and_stays_in_the_data(values, q):
    interval = quantile_interval(values, q)
    if interval is not None:
        assert min(values) <= interval.low <= np.quantile(values, q) <= interval.high
        assert interval.high <= max(values)


@pytest.mark.parametrize(
    ("n", "q", "exists"),
    [(5, 0.5, False), (6, 0.5, True), (8, 0.99, False), (71, 0.95, False), (72, 0.95, True)],
)
def test_a_quantile_needs_enough_values(n, q, exists):
    assert (quantile_interval(list(range(n)), q) is not None) is exists


def test_quantile_ranks_are_those_of_the_textbook_table():
    """For n = 100 the 95 % interval of the median is X(40) to X(61)."""
    interval = quantile_interval(list(range(1, 101)), 0.5)
    assert (interval.low, interval.high) == (40.0, 61.0)


@pytest.mark.parametrize("clustered", [False, True])
def test_coverage_of_the_mean_is_close_to_its_level(clustered):
    rng = np.random.default_rng(7)
    hits, runs = 0, 600
    for _ in range(runs):
        shift = np.repeat(rng.normal(0, 1, 20), 5) if clustered else 0.0
        values = rng.normal(3.0, 1.0, 100) + shift
        labels = [str(i // 5) for i in range(100)] if clustered else None
        interval = mean_interval(values.tolist(), labels)
        hits += interval.low <= 3.0 <= interval.high
    assert 0.925 <= hits / runs <= 0.975


def test_coverage_of_the_p90_is_at_least_its_level():
    rng = np.random.default_rng(11)
    truth, runs = -math.log(0.1), 600
    hits = 0
    for _ in range(runs):
        interval = quantile_interval(rng.exponential(1.0, 80).tolist(), 0.9)
        hits += interval.low <= truth <= interval.high
    assert hits / runs >= 0.935


def test_the_bootstrap_is_bca_deterministic_and_skewed_like_the_data():
    values = [1.0, 1.1, 1.2, 1.3, 1.5, 2.0, 9.0]
    first = bootstrap_interval(values, np.mean, seed=3)
    assert first == bootstrap_interval(values, np.mean, seed=3)
    assert first != bootstrap_interval(values, np.mean, seed=4)
    assert first.method == "bootstrap BCa"
    assert first.high - np.mean(values) > np.mean(values) - first.low


def test_a_degenerate_bootstrap_falls_back_to_percentiles():
    interval = bootstrap_interval([2.0, 2.0, 2.0], np.mean)
    assert (interval.low, interval.high, interval.method) == (2.0, 2.0, "bootstrap percentile")


def test_values_that_are_not_numbers_are_refused():
    with pytest.raises(ValueError, match="NaN"):
        mean_interval([0.1, math.nan])


def test_each_aggregation_follows_its_definition():
    scores, weights = [-1.0, -2.0, -6.0], [2.0, 3.0, 5.0]
    samples = make_samples(scores, weights)

    def value(kind, **more):
        return aggregate(Aggregation(kind=kind, score="s", **more), samples)

    assert value("mean") == pytest.approx(-3.0)
    assert value("median") == pytest.approx(-2.0)
    assert value("quantile", q=0.25) == pytest.approx(-4.0)
    assert value("perplexity") == pytest.approx(math.exp(3.0))
    assert value("weighted_perplexity", weight="w") == pytest.approx(math.exp(0.9))
    assert value("bits_per_byte", weight="w") == pytest.approx(0.9 / math.log(2))
    assert value("other") is None
    assert aggregate(Aggregation(kind="mean", score="absent"), samples) is None


def test_an_overflowing_perplexity_is_no_number():
    samples = make_samples([-1e6, -1e6])
    assert aggregate(Aggregation(kind="perplexity", score="s"), samples) is None
    answer = measured(Aggregation(kind="perplexity", score="s"), samples, "", "test")
    assert isinstance(answer, Absent)


def test_the_ratio_interval_agrees_with_the_bootstrap():
    rng = np.random.default_rng(5)
    weights = rng.integers(20, 60, 300).astype(float)
    scores = -weights * rng.normal(2.0, 0.3, 300)
    aggregation = Aggregation(kind="weighted_perplexity", score="s", weight="w")
    delta = aggregate_interval(aggregation, make_samples(scores.tolist(), weights.tolist()))
    rows = np.column_stack([scores, weights])
    boot = bootstrap_interval(rows, lambda r: math.exp(-r[:, 0].sum() / r[:, 1].sum()))
    assert (delta.low, delta.high) == pytest.approx((boot.low, boot.high), rel=0.01)


def test_the_perplexity_interval_is_the_mean_interval_through_exp():
    scores, clusters = [-1.0, -1.5, -2.0, -3.0], ["a", "a", "b", "b"]
    aggregation = Aggregation(kind="perplexity", score="s")
    interval = aggregate_interval(aggregation, make_samples(scores, clusters=clusters))
    mean = mean_interval(scores, clusters)
    assert interval.low == pytest.approx(math.exp(-mean.high))
    assert interval.high == pytest.approx(math.exp(-mean.low))


def test_measured_counts_only_samples_with_the_score():
    samples = make_samples([1.0, 0.0, 1.0])
    samples.append(Sample(sample_id="x", content_hash="x", unscored={"s": "empty output"}))
    answer = measured(Aggregation(kind="mean", score="s"), samples, "", "test", source="here")
    assert isinstance(answer, Measured)
    assert (answer.n, answer.how, answer.source) == (3, "test", "here")
    assert answer.value == pytest.approx(2 / 3)
    assert answer.interval == wilson(2, 3)


def test_absent_says_why_no_item_was_scored():
    samples = [
        Sample(sample_id=str(i), content_hash="h", unscored={"s": "empty output"}) for i in range(4)
    ]
    answer = measured(Aggregation(kind="mean", score="s"), samples, "", "test")
    assert isinstance(answer, Absent)
    assert "4" in answer.reason and "empty output" in answer.reason
    nothing = measured(Aggregation(kind="mean", score="s"), [], "", "test")
    assert nothing == Absent(reason="the task has no items")


def test_the_task_s_own_rule_gives_a_value_without_interval():
    answer = measured(
        Aggregation(kind="other", score="s"), make_samples([1.0, 2.0]), "", "test", value=0.7
    )
    assert (answer.value, answer.interval) == (0.7, None)
