"""A draw's coefficient is scipy's of the pairs that were drawn, and clusters widen the interval."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from scipy import stats

from slmbench.stats.correlation import COEFFICIENTS, correlations
from slmbench.stats.drawn_correlation import coefficient_of_draws

SCIPY = {
    "pearson": stats.pearsonr,
    "spearman": stats.spearmanr,
    "kendall_tau_b": stats.kendalltau,
}


@pytest.mark.parametrize("name", COEFFICIENTS)
@pytest.mark.parametrize("kinds", [2, 4, 1000])
def test_a_draw_is_scipys_of_the_same_pairs(name: str, kinds: int) -> None:
    rng = np.random.default_rng(kinds)
    left = rng.integers(0, kinds, 30).astype(float) + 1e6
    right = rng.integers(0, kinds, 30).astype(float)
    index = rng.integers(0, 30, (40, 30))
    drawn = np.array([np.bincount(row, minlength=30) for row in index])
    found = coefficient_of_draws(name, left, right)(drawn)
    assert found.shape == (1, 40)
    for row, value in zip(index, found[0], strict=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = float(SCIPY[name](left[row], right[row])[0])
        assert math.isnan(expected) == math.isnan(value)
        assert math.isnan(value) or value == pytest.approx(expected, abs=1e-9)


def test_a_constant_side_has_no_correlation() -> None:
    same, other = np.full(6, 0.1 + 0.2), np.arange(6.0)
    for name in COEFFICIENTS:
        assert np.isnan(coefficient_of_draws(name, same, other)(np.ones((2, 6)))).all()


def test_texts_on_one_document_are_drawn_together() -> None:
    # Twelve documents, each with eight copies of one pair: 96 pairs know no more than twelve.
    rng = np.random.default_rng(5)
    human = np.repeat(rng.normal(size=12), 8)
    scores = human + np.repeat(rng.normal(size=12), 8)
    documents = np.repeat(np.arange(12), 8).tolist()
    alone = correlations("sample", human, scores, list(range(96)), [0] * 96)
    together = correlations("sample", human, scores, documents, [0] * 96)
    for name in COEFFICIENTS:
        assert together[name].value == alone[name].value
        width, narrow = (
            each[name].interval.high - each[name].interval.low for each in (together, alone)
        )
        assert width > 1.5 * narrow
        assert "over 12 documents" in together[name].source
