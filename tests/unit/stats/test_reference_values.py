"""Figures of real outcomes that lie beside the project, and statsmodels on each pair of them."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar
from statsmodels.stats.multitest import multipletests

from slmbench.stats.difference import holm
from slmbench.stats.paired import mcnemar, paired_difference
from tests.conftest import SHARED

#: Accuracy in percent of the four models of Cobbe et al. 2021 on GSM8K's 1,319 test questions.
GSM8K = {
    "6b_finetuning": 21.68,
    "6b_verification": 39.04,
    "175b_finetuning": 34.72,
    "175b_verification": 56.25,
}


@pytest.fixture(scope="module")
def gsm8k():
    path = SHARED / "data" / "paired" / "gsm8k_four_models_solutions.jsonl"
    if not path.exists():
        pytest.skip("the four models' solutions (shared/data/paired) are not on this machine")
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return {name: np.array([float(row[name]["is_correct"]) for row in rows]) for name in GSM8K}


def test_the_four_models_have_their_published_accuracy(gsm8k):
    assert {len(right) for right in gsm8k.values()} == {1319}
    seen = {name: round(100 * float(right.mean()), 2) for name, right in gsm8k.items()}
    assert seen == GSM8K


@pytest.mark.parametrize("pair", list(itertools.combinations(GSM8K, 2)), ids="/".join)
def test_every_pair_s_p_is_statsmodels_own(gsm8k, pair):
    before, after = (gsm8k[name] for name in pair)
    table = [[int(((before == b) & (after == a)).sum()) for a in (1.0, 0.0)] for b in (1.0, 0.0)]
    expected = statsmodels_mcnemar(table, exact=True).pvalue
    found = paired_difference(before.tolist(), after.tolist())
    assert found.p == mcnemar(table[1][0], table[0][1])
    assert found.p == pytest.approx(expected, rel=1e-9, abs=1e-300)
    assert (found.gained, found.lost) == (table[1][0], table[0][1])
    assert found.difference == pytest.approx((GSM8K[pair[1]] - GSM8K[pair[0]]) / 100, abs=1e-4)


@settings(max_examples=30)
@given(st.lists(st.floats(0.0, 1.0), max_size=30))
def test_holm_is_statsmodels_own(p_values):
    expected = list(multipletests(p_values, method="holm")[1]) if p_values else []
    assert holm(p_values) == pytest.approx(expected, abs=1e-12)
