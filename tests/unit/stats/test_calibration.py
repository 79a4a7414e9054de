"""Calibration: by hand, against scikit-learn, and blind to the order of items."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from slmbench.schema.base import Interval
from slmbench.stats.calibration import (
    BINS,
    Answers,
    _statistics,
    brier,
    calibration,
    choice_probabilities,
    reliability,
)
from slmbench.stats.interval import mean_interval
from slmbench.stats.weighted_bootstrap import weighted_bootstrap

NAMES = ["ece", "ece_equal_mass", "aurc", "selective_acc@50", "selective_acc@80"]


def answers(confidence, correct) -> Answers:
    return Answers(np.array(confidence, dtype=float), np.array(correct, dtype=float))


def values(given_answers: Answers) -> dict[str, float]:
    found = calibration(given_answers, None, "test")
    assert list(found) == NAMES
    return {name: each.value for name, each in found.items()}


outcomes = st.lists(
    st.tuples(st.sampled_from([0.25, 0.3, 0.31, 0.55, 0.8, 0.99, 1.0]), st.integers(0, 1)),
    min_size=2,
    max_size=30,
)


def test_by_hand():
    found = values(answers([0.95, 0.85, 0.65, 0.62, 0.35], [1, 1, 1, 0, 0]))
    # Bins hold 1, 1, 2 and 1 items: |1 - .95| + |1 - .85| + |1 - 1.27| + |0 - .35|, over 5.
    assert found["ece"] == pytest.approx((0.05 + 0.15 + 0.27 + 0.35) / 5)
    # Three of five, then four of five, are taken; then the error among the first k is averaged.
    assert (found["selective_acc@50"], found["selective_acc@80"]) == (1.0, 0.75)
    assert found["aurc"] == pytest.approx((0 + 0 + 0 + 1 / 4 + 2 / 5) / 5)


def test_bins_of_equal_mass_share_a_crowd_of_confident_answers():
    # All lie in one bin of equal width, where right and wrong even out; apart, they do not.
    confidence = np.linspace(0.91, 0.99, 100)
    correct = np.ones(100)
    correct[30:34], correct[60:64] = 0, 0
    found = values(answers(confidence, correct))
    assert found["ece_equal_mass"] > found["ece"]


def test_what_is_sure_and_right_costs_nothing():
    assert values(answers([1.0] * 8, [1] * 8)) == {
        "ece": 0.0, "ece_equal_mass": 0.0, "aurc": 0.0, "selective_acc@50": 1.0,
        "selective_acc@80": 1.0,
    }  # fmt: skip
    assert values(answers([1.0] * 8, [0] * 8))["ece"] == 1.0


@given(outcomes, st.randoms())
@settings(deadline=None, max_examples=25)
def test_the_order_of_items_means_nothing(pairs, random):
    shuffled = list(pairs)
    random.shuffle(shuffled)
    ones = np.ones((1, len(pairs)))
    found = [_statistics(answers(*zip(*rows, strict=True)), ones) for rows in (pairs, shuffled)]
    assert found[0] == pytest.approx(found[1])
    assert np.all((found[0] >= 0) & (found[0] <= 1 + 1e-12))


@given(outcomes, st.data())
@settings(deadline=None, max_examples=25)
def test_a_weight_is_an_item_so_many_times(pairs, data):
    weights = data.draw(st.lists(st.integers(0, 3), min_size=len(pairs), max_size=len(pairs)))
    weights[0] = max(1, weights[0])
    repeated = [pair for pair, times in zip(pairs, weights, strict=True) for _ in range(times)]
    weighted = _statistics(answers(*zip(*pairs, strict=True)), np.array([weights]))
    plain = _statistics(answers(*zip(*repeated, strict=True)), np.ones((1, len(repeated))))
    assert weighted == pytest.approx(plain)


@given(outcomes)
@settings(deadline=None, max_examples=25)
def test_all_items_covered_is_the_accuracy(pairs):
    confidence, correct = map(np.array, zip(*pairs, strict=True))
    curve = reliability(answers(confidence, correct))
    assert sum(row["n"] for row in curve) == len(pairs)
    assert sum(row["n"] * row["accuracy"] for row in curve) == pytest.approx(correct.sum())
    for row in curve:
        assert row["bin_low"] - 1e-12 <= row["mean_confidence"] <= row["bin_high"] + 1e-12
        assert row["accuracy_low"] <= row["accuracy"] <= row["accuracy_high"]


def test_the_curve_is_scikit_learns():
    rng = np.random.default_rng(4)
    confidence = rng.uniform(0.25, 1, 400)
    correct = rng.uniform(size=400) < confidence**2
    true, mean = calibration_curve(correct, confidence, n_bins=BINS)
    curve = reliability(answers(confidence, correct))
    assert [row["accuracy"] for row in curve] == pytest.approx(true.tolist())
    assert [row["mean_confidence"] for row in curve] == pytest.approx(mean.tolist())


def test_honest_confidence_has_a_small_error_and_boasting_a_large_one():
    rng = np.random.default_rng(6)
    confidence = rng.uniform(0.25, 1, 1500)
    honest = calibration(answers(confidence, rng.uniform(size=1500) < confidence), None, "test")
    boast = calibration(answers(confidence, rng.uniform(size=1500) < 0.3), None, "test")
    assert honest["ece"].value < 0.04 < 0.25 < boast["ece"].interval.low
    assert honest["selective_acc@50"].value > honest["selective_acc@80"].value + 0.05
    assert boast["selective_acc@50"].value == pytest.approx(0.3, abs=0.04)


@given(st.lists(st.floats(-60, 0), min_size=2, max_size=6), st.floats(-300, 0))
def test_probabilities_are_shares_of_the_choices(loglikelihoods, shift):
    found = choice_probabilities(loglikelihoods)
    assert found.sum() == pytest.approx(1)
    assert found == pytest.approx(choice_probabilities([x + shift for x in loglikelihoods]))
    assert found[int(np.argmax(loglikelihoods))] == found.max()


def test_brier_is_scikit_learns():
    rng = np.random.default_rng(8)
    probabilities = rng.dirichlet(np.ones(4), 50)
    gold = rng.integers(0, 4, 50)
    found = np.mean([brier(p, int(g)) for p, g in zip(probabilities, gold, strict=True)])
    expected = brier_score_loss(gold, probabilities, labels=[0, 1, 2, 3], scale_by_half=False)
    assert found == pytest.approx(expected)
    assert brier(np.array([1.0, 0.0]), 1) == 2.0 and brier(np.array([1.0, 0.0]), 0) == 0.0


def mean_of(numbers):
    array = np.array(numbers, dtype=float)
    return lambda weights: (weights @ array / weights.sum(axis=1))[np.newaxis]


def test_the_weighted_bootstrap_of_a_mean_is_the_t_interval_nearly():
    numbers = np.random.default_rng(1).normal(5, 2, 200).tolist()
    labels = [str(i // 10) for i in range(200)]
    for clusters in (None, labels):
        (found,) = weighted_bootstrap(200, mean_of(numbers), clusters)
        expected = mean_interval(numbers, clusters)
        assert expected is not None and isinstance(found, Interval)
        width = expected.high - expected.low
        assert found.low == pytest.approx(expected.low, abs=0.08 * width)
        assert found.high == pytest.approx(expected.high, abs=0.08 * width)
    assert found.method == "bootstrap of 20 clusters, BCa"


def test_the_weighted_bootstrap_without_spread_or_with_one_group():
    (found,) = weighted_bootstrap(6, mean_of([2] * 6))
    assert (found.low, found.high) == (2.0, 2.0)
    assert found.method == "bootstrap percentile, no spread seen"
    assert weighted_bootstrap(1, mean_of([2])) == [None]
    assert weighted_bootstrap(3, mean_of([1, 2, 3]), ["a", "a", "a"]) == [None]
    assert weighted_bootstrap(0, mean_of([])) == []


def test_many_items_still_get_an_interval_and_the_same_twice():
    numbers = np.random.default_rng(3).uniform(size=3000).tolist()
    assert weighted_bootstrap(3000, mean_of(numbers)) == weighted_bootstrap(3000, mean_of(numbers))
    (found,) = weighted_bootstrap(3000, mean_of(numbers))
    assert found.method == "bootstrap percentile"
