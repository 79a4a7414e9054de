"""Agreement: scipy's numbers at three levels, Krippendorff's own example, kappa by hand."""

from __future__ import annotations

import math
import warnings
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import cohen_kappa_score

from slmbench.schema.base import Absent, Measured
from slmbench.stats.agreement import (
    COEFFICIENTS,
    cohen_kappa,
    correlations,
    krippendorff_alpha,
)
from slmbench.stats.correlation import _many

X = math.nan
#: The reliability data of Krippendorff 2011, "Computing Krippendorff's alpha-reliability", part E.
RATED = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, X, X, X],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, X, 3],
    [X, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, X],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, X],
]
ALPHAS = {"nominal": 0.743, "ordinal": 0.815, "interval": 0.849, "ratio": 0.797}
SCIPY = {
    "pearson": stats.pearsonr,
    "spearman": stats.spearmanr,
    "kendall_tau_b": stats.kendalltau,
}
ratings = st.integers(1, 5)


def value_of(found) -> float:
    assert isinstance(found, Measured), found
    return found.value


def flat(human, scores, level="sample", width=4):
    documents = [place // width for place in range(len(human))]
    systems = [place % width for place in range(len(human))]
    return correlations(level, human, scores, documents, systems)


def reference(name, left, right) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(SCIPY[name](left, right)[0])


@given(st.lists(st.tuples(ratings, ratings), min_size=2, max_size=40))
@settings(deadline=None, max_examples=30)
def test_the_flat_level_is_scipys_with_its_ties(pairs):
    human, scores = zip(*pairs, strict=True)
    for name, found in flat(human, scores).items():
        expected = reference(name, human, scores)
        if len(pairs) < 3:
            # Two pairs always correlate perfectly, or not at all.
            assert isinstance(found, Absent) and "too few" in found.reason
        elif math.isnan(expected):
            assert isinstance(found, Absent) and "alike" in found.reason
        else:
            assert value_of(found) == pytest.approx(expected, abs=1e-12)
            assert found.n == len(pairs)
            if found.interval:
                assert -1 <= found.interval.low <= found.value <= found.interval.high <= 1


@given(
    st.lists(st.tuples(ratings, ratings), min_size=4, max_size=24).filter(lambda x: len(x) % 4 == 0)
)
@settings(deadline=None, max_examples=12)
def test_the_summary_level_is_the_mean_over_documents_that_vary(pairs):
    human, scores = (np.array(side) for side in zip(*pairs, strict=True))
    found = flat(human.tolist(), scores.tolist(), "summary")
    for name in COEFFICIENTS:
        each = [
            reference(name, human[start : start + 4], scores[start : start + 4])
            for start in range(0, len(pairs), 4)
        ]
        kept = [value for value in each if not math.isnan(value)]
        if not kept:
            assert isinstance(found[name], Absent)
            continue
        assert value_of(found[name]) == pytest.approx(np.mean(kept), abs=1e-12)
        assert f"{len(each) - len(kept)} constant ones skipped" in found[name].source


@given(
    st.lists(st.tuples(ratings, ratings), min_size=8, max_size=24).filter(lambda x: len(x) % 4 == 0)
)
@settings(deadline=None, max_examples=12)
def test_the_system_level_correlates_means(pairs):
    human, scores = (
        np.array(side, dtype=float).reshape(-1, 4) for side in zip(*pairs, strict=True)
    )
    found = flat(human.ravel().tolist(), scores.ravel().tolist(), "system")
    for name in COEFFICIENTS:
        expected = reference(name, human.mean(axis=0), scores.mean(axis=0))
        if math.isnan(expected):
            assert isinstance(found[name], Absent)
        else:
            assert value_of(found[name]) == pytest.approx(expected, abs=1e-12)
            assert found[name].n == 4


@given(st.lists(st.lists(ratings, min_size=5, max_size=5), min_size=2, max_size=6))
@settings(deadline=None, max_examples=20)
def test_many_rows_at_once_give_what_scipy_gives_one_by_one(rows):
    left, right = np.array(rows[:-1], dtype=float), np.array(rows[1:], dtype=float)
    for name in COEFFICIENTS:
        with np.errstate(all="ignore"):
            found = _many(name, left, right)
        expected = [reference(name, *each) for each in zip(left, right, strict=True)]
        assert found == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_the_levels_differ_where_documents_differ():
    # Documents differ much in both, and within each the order is reversed.
    human = [10, 11, 12, 13, 0, 1, 2, 3]
    scores = [13, 12, 11, 10, 3, 2, 1, 0]
    assert value_of(flat(human, scores)["pearson"]) > 0.8
    assert value_of(flat(human, scores, "summary")["pearson"]) == pytest.approx(-1)
    assert value_of(flat(human, scores, "system")["pearson"]) == pytest.approx(-1)


def test_fishers_interval_is_scipys():
    rng = np.random.default_rng(1)
    human = rng.normal(size=60)
    scores = human + rng.normal(size=60)
    expected = stats.pearsonr(human, scores).confidence_interval(0.95)
    found = flat(human.tolist(), scores.tolist(), width=1)["pearson"].interval
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=1e-12)


def test_the_intervals_cover_what_is_true():
    rng, covered, runs = np.random.default_rng(5), 0, 60
    for _ in range(runs):
        human = rng.normal(size=120)
        scores = 0.6 * human + 0.8 * rng.normal(size=120)
        found = flat(human.tolist(), scores.tolist(), width=1)["pearson"].interval
        covered += found.low <= 0.6 <= found.high
    assert covered >= 0.85 * runs


def test_a_text_that_one_side_did_not_rate_is_left_out_and_counted():
    human, scores = [1, 2, 3, 4, None, 5], [2, 1, 4, 3, 5, None]
    found = flat(human, scores)["pearson"]
    assert found == flat(human[:4], scores[:4])["pearson"].model_copy(
        update={"source": "sample level, 4 pairs; 2 texts lack a rating or a score"}
    )


@pytest.mark.parametrize("level", ["sample", "summary", "system"])
def test_nothing_to_correlate_is_absent(level):
    for human, scores in ([], []), ([1], [2]), ([3] * 8, list(range(8))), ([None] * 4, [1] * 4):
        found = flat(human, scores, level)
        assert set(found) == set(COEFFICIENTS)
        assert all(isinstance(each, Absent) and each.reason for each in found.values())


def test_what_cannot_be_read_is_refused():
    with pytest.raises(ValueError, match="give None"):
        flat([1, math.nan], [1, 2])
    with pytest.raises(ValueError, match="no level: sample, summary, system"):
        flat([1, 2], [1, 2], "segment")
    with pytest.raises(ValueError):
        correlations("sample", [1, 2], [1], [0, 0], [0, 1])


def test_the_same_seed_gives_the_same_interval():
    rng = np.random.default_rng(2)
    human, scores = rng.integers(1, 6, (2, 40)).tolist()
    for level in ("summary", "system"):
        assert flat(human, scores, level) == flat(human, scores, level)


@pytest.mark.parametrize(("level", "published"), ALPHAS.items())
def test_krippendorffs_own_example(level, published):
    found = krippendorff_alpha(RATED, level)
    assert value_of(found) == pytest.approx(published, abs=5e-4)
    assert found.n == 11 and found.interval.low < published < found.interval.high


tables = st.lists(
    st.lists(st.one_of(ratings, st.just(math.nan)), min_size=6, max_size=6), min_size=2, max_size=4
)


@given(tables, st.sampled_from(["nominal", "ordinal", "interval", "ratio"]), st.randoms())
@settings(deadline=None, max_examples=20)
def test_alpha_does_not_care_who_rates_nor_in_which_order(table, level, random):
    array = np.array(table)
    raters, items = list(range(len(array))), list(range(6))
    random.shuffle(raters)
    random.shuffle(items)
    alpha = partial(krippendorff_alpha, level=level)
    one, other = alpha(array), alpha(array[raters][:, items])
    assert type(one) is type(other)
    if isinstance(one, Measured):
        assert one.value == pytest.approx(other.value) and one.value <= 1 + 1e-12


@given(st.lists(ratings, min_size=2, max_size=8).filter(lambda x: len(set(x)) > 1))
@settings(deadline=None, max_examples=8)
def test_alpha_of_raters_who_agree_is_one(row):
    for level in ALPHAS:
        assert value_of(krippendorff_alpha([row, row, row], level)) == pytest.approx(1)


def test_alpha_of_chance_is_near_zero_and_of_opposition_below():
    rng = np.random.default_rng(3)
    found = krippendorff_alpha(rng.integers(1, 5, (3, 400)), "nominal")
    assert abs(found.value) < 0.06 and found.interval.low < 0 < found.interval.high
    assert value_of(krippendorff_alpha([[1, 2] * 10, [2, 1] * 10], "nominal")) < -0.9


def test_scales_are_what_they_are_named_for():
    shifted = np.array(RATED) + 10
    stretched = np.array(RATED) * 3
    for table in (shifted, stretched):
        assert krippendorff_alpha(table, "interval").value == pytest.approx(
            krippendorff_alpha(RATED, "interval").value
        )
    assert krippendorff_alpha(stretched, "ratio").value == pytest.approx(
        krippendorff_alpha(RATED, "ratio").value
    )
    assert krippendorff_alpha(shifted, "ratio").value != pytest.approx(
        krippendorff_alpha(RATED, "ratio").value
    )
    squared = np.array(RATED) ** 2
    assert krippendorff_alpha(squared, "ordinal").value == pytest.approx(
        krippendorff_alpha(RATED, "ordinal").value
    )


def test_alpha_without_two_ratings_of_an_item_or_without_variation_is_absent():
    assert isinstance(krippendorff_alpha([[1, X], [X, 2]], "nominal"), Absent)
    assert isinstance(krippendorff_alpha([[1, 1], [1, 1]], "nominal"), Absent)
    with pytest.raises(ValueError, match="below 0"):
        krippendorff_alpha([[-1, 1], [1, 1]], "ratio")
    with pytest.raises(ValueError, match="raters x items"):
        krippendorff_alpha([1, 2], "nominal")


def test_kappa_by_hand():
    # Seen agreement 4/6; by chance 1/2 * 5/6 + 1/2 * 1/6 = 1/2: (2/3 - 1/2) / (1 - 1/2).
    found = cohen_kappa("yyynnn", "yyyyyn")
    assert value_of(found) == pytest.approx(0.3333, abs=1e-4)
    assert found.interval.low < found.value < found.interval.high


@given(
    st.lists(st.tuples(ratings, ratings), min_size=2, max_size=40),
    st.sampled_from([None, "linear", "quadratic"]),
)
@settings(deadline=None, max_examples=30)
def test_kappa_is_scikit_learns(pairs, weights):
    left, right = zip(*pairs, strict=True)
    found = cohen_kappa(left, right, weights)
    if len({*left, *right}) < 2:
        assert isinstance(found, Absent)
        return
    labels = sorted({*left, *right})
    places = [[labels.index(each) for each in side] for side in (left, right)]
    assert value_of(found) == pytest.approx(cohen_kappa_score(*places, weights=weights), abs=1e-9)
    assert found.interval is None or found.interval.low <= found.value <= found.interval.high


def test_kappa_needs_pairs():
    with pytest.raises(ValueError, match="cannot be paired"):
        cohen_kappa("a", "ab")
    with pytest.raises(ValueError, match="none of the labels"):
        cohen_kappa([1, 2], [1, 3], labels=[1, 2])


def test_a_step_of_a_scale_that_nobody_took_is_still_a_step():
    # 1 against 4 is three steps on a scale of 1 to 5, and one step where only 1 and 4 are known.
    left, right = [1, 4, 4, 1, 2], [1, 4, 1, 1, 2]
    whole = cohen_kappa(left, right, "quadratic", labels=[1, 2, 3, 4, 5])
    expected = cohen_kappa_score(left, right, weights="quadratic", labels=[1, 2, 3, 4, 5])
    assert value_of(whole) == pytest.approx(expected)
    assert value_of(whole) != pytest.approx(value_of(cohen_kappa(left, right, "quadratic")))


def test_items_of_a_document_are_drawn_together():
    rng = np.random.default_rng(11)
    people, judge = rng.integers(1, 6, (2, 12)).repeat(8, axis=1)
    documents = np.arange(12).repeat(8).astype(str).tolist()
    for one, other in (
        (krippendorff_alpha([people, judge], "interval"),
         krippendorff_alpha([people, judge], "interval", documents)),
        (cohen_kappa(people.tolist(), judge.tolist()),
         cohen_kappa(people.tolist(), judge.tolist(), clusters=documents)),
    ):  # fmt: skip
        assert one.value == other.value
        narrow, wide = (each.interval.high - each.interval.low for each in (one, other))
        assert wide > 1.5 * narrow


def test_equal_means_are_tied_however_they_round():
    # Systems 0 and 1 have the same scores in another order: .1 + .2 + .3 is not .3 + .2 + .1.
    human = [[1, 1, 3, 4], [2, 1, 3, 4], [1, 2, 3, 4]]
    scores = [[0.1, 0.3, 0.9, 0.8], [0.2, 0.2, 0.9, 0.8], [0.3, 0.1, 0.9, 0.8]]
    found = flat(np.ravel(human).tolist(), np.ravel(scores).tolist(), "system")
    human_means, score_means = [4 / 3, 4 / 3, 3, 4], [0.2, 0.2, 0.9, 0.8]
    for name in ("spearman", "kendall_tau_b"):
        expected = float(SCIPY[name](human_means, score_means)[0])
        assert value_of(found[name]) == pytest.approx(expected)


@given(st.lists(st.tuples(ratings, ratings), min_size=12, max_size=24).map(lambda x: x[:12]))
@settings(deadline=None, max_examples=15)
def test_every_levels_interval_holds_its_value(pairs):
    human, scores = zip(*pairs, strict=True)
    for level in ("sample", "summary", "system"):
        for found in flat(list(human), [each / 3 for each in scores], level).values():
            if isinstance(found, Measured) and found.interval is not None:
                assert found.interval.low <= found.value <= found.interval.high


def test_many_pairs_on_few_documents_are_no_independent_evidence_for_kendalls_either():
    rng = np.random.default_rng(4)
    human, scores = (np.repeat(rng.normal(size=45), 100) + rng.normal(size=4500) for _ in range(2))
    documents = np.arange(45).repeat(100).tolist()
    found = correlations("sample", human, scores, documents, [0] * 4500)
    widths = {name: each.interval.high - each.interval.low for name, each in found.items()}
    assert "jackknife of 45 groups" in found["kendall_tau_b"].interval.method
    assert 0.4 * widths["spearman"] < widths["kendall_tau_b"] < widths["spearman"]
