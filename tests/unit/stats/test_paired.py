"""Differences: figures from real results, statsmodels, and what small samples must admit."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from slmbench.stats.difference import holm, smallest_detectable
from slmbench.stats.paired import (
    difference_of_intervals,
    mcnemar,
    paired_difference,
    unpaired_difference,
)

ROUTING = Path(__file__).parents[3].parent / "shared/data/routing/routellm_mmlu_correct.csv"

outcomes = st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 1.0])), min_size=2)
pairs_of_reals = st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=2)


@pytest.fixture(scope="module")
def mmlu():
    if not ROUTING.exists():
        pytest.skip("the RouteLLM outcomes (shared/data/routing) are not on this machine")
    with ROUTING.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    weak = [float(row["mixtral_correct"]) for row in rows]
    strong = [float(row["gpt4_correct"]) for row in rows]
    return weak, strong, [row["subject"] for row in rows]


def test_unpaired_error_of_two_real_models(mmlu):
    found = unpaired_difference(mmlu[0], mmlu[1])
    assert found.difference == pytest.approx(0.1250, abs=5e-5)
    assert found.standard_error == pytest.approx(0.00516, abs=5e-6)


def test_pairing_sharpens_and_clusters_widen(mmlu):
    plain, clustered = paired_difference(*mmlu[:2]), paired_difference(*mmlu)
    assert plain.standard_error == pytest.approx(0.00391, abs=5e-6)
    assert clustered.standard_error == pytest.approx(0.0208, abs=5e-5)
    assert clustered.clusters == 57
    # The subjects' sizes alone would leave 27.3; one subject makes six tenths of the error.
    assert clustered.df == pytest.approx(4.307, abs=1e-3)
    assert plain.difference == clustered.difference == pytest.approx(0.1250, abs=5e-5)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_equals_statsmodels(gained, lost):
    expected = statsmodels_mcnemar([[5, gained], [lost, 5]], exact=True).pvalue
    if gained + lost == 0:
        expected = 1.0
    assert mcnemar(gained, lost) == pytest.approx(expected, abs=1e-12)


def test_mid_p_halves_the_observed_table():
    """Fagerland et al. 2013, table 1: 1 and 7 discordant give exact .070 and mid-p .039."""
    assert mcnemar(1, 7) == pytest.approx(0.0703, abs=5e-5)
    assert mcnemar(1, 7, mid_p=True) == pytest.approx(0.0391, abs=5e-5)
    assert 0 < mcnemar(4, 4, mid_p=True) <= 1.0


@given(outcomes)
def test_the_p_of_paired_outcomes_is_mcnemars(pairs):
    before, after = zip(*pairs, strict=True)
    gained = sum(b < a for b, a in pairs)
    lost = sum(b > a for b, a in pairs)
    assert paired_difference(before, after).p == mcnemar(gained, lost)


@given(outcomes)
def test_the_interval_of_a_proportion_difference_is_never_a_point(pairs):
    before, after = zip(*pairs, strict=True)
    for found in (paired_difference(before, after), unpaired_difference(before, after)):
        assert -1.0 <= found.low <= found.difference <= found.high <= 1.0
        assert found.high > found.low
        assert found.standard_error > 0.0
        assert 0.0 <= found.p <= 1.0


@given(pairs_of_reals)
def test_paired_is_antisymmetric(pairs):
    before, after = zip(*pairs, strict=True)
    there, back = paired_difference(before, after), paired_difference(after, before)
    assert there.difference == pytest.approx(-back.difference)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    assert there.p == pytest.approx(back.p)


def test_real_differences_agree_with_scipy():
    rng = np.random.default_rng(1)
    before, after = rng.normal(0, 1, 40), rng.normal(0.4, 2, 40)
    paired, welch = paired_difference(before, after), unpaired_difference(before, after[:25])
    expected = stats.ttest_rel(after, before)
    assert paired.p == pytest.approx(expected.pvalue)
    assert paired.low == pytest.approx(expected.confidence_interval().low)
    expected = stats.ttest_ind(after[:25], before, equal_var=False)
    assert welch.p == pytest.approx(expected.pvalue)
    assert welch.high == pytest.approx(expected.confidence_interval().high)
    assert (welch.n, welch.df) == (25, pytest.approx(expected.df))


def test_no_change_seen_in_few_items_leaves_room_for_one():
    few, many = paired_difference([1] * 20, [1] * 20), paired_difference([1] * 2000, [1] * 2000)
    assert few.difference == many.difference == 0.0
    assert few.p == many.p == 1.0
    # The rule of three: with no event in n trials its share may still be about 3 / n.
    assert 1.5 / 20 < few.high < 4 / 20
    assert 1 / 2000 < many.high < 4 / 2000


def test_clusters_that_fared_alike_count_once():
    labels = [str(i // 50) for i in range(200)]
    clustered = paired_difference([0] * 200, [1] * 200, labels)
    assert clustered.p == mcnemar(4, 0)
    assert clustered.low < paired_difference([0] * 200, [1] * 200).low


def test_one_lost_item_of_sixty_is_not_proof_of_a_five_percent_margin():
    """The exact one-sided bound for 1 of 60 is 0.077; the plain t interval would stop at 0.050."""
    found = paired_difference([1] * 60, [0] + [1] * 59)
    assert found.low < -0.06


@pytest.mark.parametrize("make", [paired_difference, unpaired_difference])
def test_one_value_on_each_side_has_an_unknown_spread(make):
    found = make([1.0], [3.0])
    assert (found.difference, found.low, found.high, found.p) == (2.0, None, None, None)


def test_sides_of_different_length_cannot_be_paired():
    with pytest.raises(ValueError, match="cannot be paired"):
        paired_difference([1.0, 2.0], [1.0])


def test_half_widths_of_independent_intervals_add_as_squares():
    found = difference_of_intervals((1.0, 0.7, 1.3), (2.0, 1.6, 2.4), 0.95)
    assert (found.low, found.high) == pytest.approx((0.5, 1.5))


def test_the_detectable_difference_is_found_four_times_in_five():
    rng = np.random.default_rng(3)
    error = 1 / np.sqrt(200)
    effect = smallest_detectable(error)
    assert effect == pytest.approx(2.802 * error, rel=1e-3)
    zero = np.zeros(200)
    found = [paired_difference(zero, rng.normal(effect, 1, 200)).p < 0.05 for _ in range(500)]
    assert 0.74 <= np.mean(found) <= 0.86


def test_holm_multiplies_the_smallest_by_the_count_and_stays_in_order():
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert (holm([]), holm([0.2])) == ([], [0.2])


def test_an_a_a_comparison_alarms_no_more_than_alpha():
    rng = np.random.default_rng(9)
    alarms = []
    for _ in range(400):
        truth = rng.random(150)
        before = (rng.random(150) < truth).astype(float)
        after = (rng.random(150) < truth).astype(float)
        found = paired_difference(before, after)
        alarms.append(found.low > 0 or found.high < 0)
    assert np.mean(alarms) <= 0.075
