"""Changes of level: found where they are, and hardly ever where there are none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slmbench.stats.change_point import fewest_values, level_changes

LAWS = {
    "normal": lambda rng, n: rng.normal(0.8, 0.02, n),
    "proportions of 240 items": lambda rng, n: rng.binomial(240, 0.7, n) / 240,
    "times with a long tail": lambda rng, n: rng.lognormal(-3.0, 0.8, n),
    "mostly one value": lambda rng, n: np.where(rng.random(n) < 0.2, 0.75, 0.8),
}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("n", [8, 25])
def test_false_alarms_keep_to_alpha(law: str, n: int) -> None:
    rng = np.random.default_rng(20260131 + n)
    trials, alpha = 600, 0.1
    alarms = sum(
        bool(level_changes(LAWS[law](rng, n), alpha, permutations=199, seed=trial))
        for trial in range(trials)
    )
    # Three standard errors of a share of 600 at 0.1 are 0.037.
    assert alarms / trials <= alpha + 0.037


def test_alarms_are_not_kept_down_by_never_alarming() -> None:
    rng = np.random.default_rng(7)
    alarms = sum(
        bool(level_changes(rng.normal(0, 1, 25), 0.1, permutations=199, seed=trial))
        for trial in range(600)
    )
    assert alarms / 600 >= 0.06


@pytest.mark.parametrize("at", [4, 15, 26])
def test_a_shift_of_three_standard_deviations_is_found_where_it_is(at: int) -> None:
    rng = np.random.default_rng(at)
    found = []
    for trial in range(40):
        values = rng.normal(0.8, 0.01, 30)
        values[at:] -= 0.03
        found.append(level_changes(values, permutations=499, seed=trial))
    right = [[change.place for change in changes] for changes in found]
    # Of many such series 99 % are found, and 95 % within one run of where the change is.
    assert sum(bool(places) for places in right) >= 38
    assert sum(any(abs(place - at) <= 1 for place in places) for places in right) >= 34
    # At most alpha of them may hold a further change, and 40 trials are few.
    assert sum(len(places) > 1 for places in right) <= 6


def test_two_shifts_are_both_found() -> None:
    rng = np.random.default_rng(3)
    values = np.concatenate([rng.normal(m, 0.01, 12) for m in (0.8, 0.7, 0.78)])
    assert [change.place for change in level_changes(values)] == [12, 24]


def test_the_p_is_the_share_of_orders_as_extreme() -> None:
    """Four low and four high values: 2 of the C(8, 4) = 70 halvings part them so clearly."""
    (change,) = level_changes([0.5, 0.51, 0.5, 0.51, 0.9, 0.91, 0.9, 0.91])
    assert change.place == 4
    assert change.p == pytest.approx(2 / 70, abs=0.008)


def test_too_few_values_and_equal_values_show_nothing() -> None:
    assert fewest_values(0.05) == 8 and fewest_values(0.001) > 8
    assert level_changes([0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.9]) == []
    assert level_changes([0.7] * 50) == [] and level_changes([]) == []
    rounding = [0.1 + 0.2, 0.3] * 10
    assert level_changes(rounding) == []


def test_one_odd_run_in_the_middle_is_no_level() -> None:
    assert level_changes([0.8] * 10 + [0.5] + [0.8] * 10) == []


def test_what_is_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        level_changes([0.5, float("nan"), *([0.5] * 10)])


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.integers(0, 240), min_size=0, max_size=25),
    st.sampled_from([1e-9, 1.0, 1e9]),
    st.sampled_from([-3.0, 0.0, 1e3]),
)
def test_the_unit_does_not_matter_and_the_answer_is_repeatable(
    counts: list[int], scale: float, offset: float
) -> None:
    values = [count / 240 for count in counts]
    plain = level_changes(values, permutations=99)
    assert plain == level_changes(values, permutations=99)
    turned = level_changes([(v * 2.0 + offset) * scale for v in values], permutations=99)
    assert [change.place for change in turned] == [change.place for change in plain]
    assert all(2 <= change.place <= len(values) - 2 for change in plain)
