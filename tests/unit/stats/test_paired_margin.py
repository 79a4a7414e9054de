"""The test of a margin on paired outcomes, against brute force and textbook figures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from slmbench.stats.paired import mcnemar
from slmbench.stats.paired_margin import (
    paired_margin_p,
    proportion_p,
    restricted_shares,
    restricted_spread,
)


@st.composite
def counts(draw, most=40):
    n = draw(st.integers(1, most))
    gained = draw(st.integers(0, n))
    return gained, draw(st.integers(0, n - gained)), n


def likelihood(gained, lost, n, up, down):
    rest = n - gained - lost
    total = 0.0
    for count, share in ((gained, up), (lost, down), (rest, 1.0 - up - down)):
        if count:
            total += count * math.log(share) if share > 0 else -math.inf
    return total


@given(counts(), st.floats(-0.6, 0.6))
def test_the_shares_are_the_likeliest_of_that_difference(made, shift):
    gained, lost, n = made
    up, down = restricted_shares(gained, lost, n, shift)
    assert up - down == pytest.approx(shift, abs=1e-12)
    assert min(up, down) >= -1e-12 and up + down <= 1.0 + 1e-12
    best = likelihood(gained, lost, n, max(up, 0.0), max(down, 0.0))
    for other in np.linspace(max(0.0, -shift), (1.0 - shift) / 2.0, 60):
        assert likelihood(gained, lost, n, other + shift, other) <= best + 1e-6


@given(counts(most=12), st.floats(-0.5, 0.5).filter(lambda shift: abs(shift) > 1e-6))
def test_the_p_is_the_sum_over_all_tables(made, shift):
    gained, lost, n = made
    up, down = restricted_shares(gained, lost, n, shift)
    above = below = 0.0
    for g in range(n + 1):
        for v in range(n + 1 - g):
            rest = n - g - v
            ways = math.comb(n, g) * math.comb(n - g, v)
            chance = ways * up**g * down**v * max(0.0, 1.0 - up - down) ** rest
            above += chance if g - v >= gained - lost else 0.0
            below += chance if g - v <= gained - lost else 0.0
    assert paired_margin_p(gained, lost, n, shift) == pytest.approx((above, below), abs=1e-7)


@given(counts())
def test_at_no_margin_it_is_mcnemars_own(made):
    gained, lost, n = made
    above, below = paired_margin_p(gained, lost, n, 0.0)
    assert min(1.0, 2.0 * min(above, below)) == pytest.approx(mcnemar(gained, lost), abs=1e-12)


def test_the_rule_of_three_holds():
    """No item lost of n: a loss of 3 / n is refused at 5 %, one of 2.9 / n is not."""
    assert paired_margin_p(0, 0, 1000, -0.003)[0] == pytest.approx(0.997**1000)
    assert paired_margin_p(0, 0, 1000, -0.0029)[0] > 0.05 > paired_margin_p(0, 0, 1000, -0.003)[0]


@given(counts(), st.floats(-0.4, 0.4))
def test_exchanging_the_models_exchanges_the_tails(made, shift):
    gained, lost, n = made
    above, below = paired_margin_p(gained, lost, n, shift)
    assert paired_margin_p(lost, gained, n, -shift) == pytest.approx((below, above), abs=1e-9)


def test_many_items_come_near_the_normal_law():
    z = (-300 + 0.02 * 20_000) / math.sqrt(20_000 * (0.135 - 0.02**2))
    above, _ = paired_margin_p(1200, 1500, 20_000, -0.02)
    assert above == pytest.approx(stats.norm.sf(z), rel=0.1)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [((5, 6, 10, 0.1), "not of 10"), ((-1, 0, 10, 0.1), "not of"), ((1, 1, 10, 1.5), "1.5")],
)
def test_what_is_no_table_is_refused(arguments, expected):
    with pytest.raises(ValueError, match=expected):
        paired_margin_p(*arguments)


@given(st.integers(1, 80), st.data(), st.floats(0.0, 1.0))
def test_a_proportion_s_p_is_the_binomial_tail(n, data, share):
    k = data.draw(st.integers(0, n))
    above, below = proportion_p(k, n, share)
    assert above == pytest.approx(stats.binomtest(k, n, share, alternative="greater").pvalue)
    assert below == pytest.approx(stats.binomtest(k, n, share, alternative="less").pvalue)


def test_the_spread_at_the_margin_is_more_than_a_lucky_sample_s_own():
    """No item of 600 gained and 12 lost: at a margin of five points some 30 would be."""
    assert restricted_spread(0, 12, 600, -0.05) == pytest.approx(
        math.sqrt(0.05 * 0.95 / (0.02 * 0.98)), rel=1e-9
    )
    assert restricted_spread(30, 60, 600, -0.05) == pytest.approx(1.0, rel=1e-6)
    assert restricted_spread(10, 90, 600, -0.05) < 1.0
    assert restricted_spread(0, 0, 600, -0.05) == restricted_spread(5, 0, 5, 0.0) == 1.0
