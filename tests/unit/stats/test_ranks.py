"""Rank intervals: a rank is only what the data shows, and unknown errors show nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmbench.stats.ranks import HOLM_MOST, rank_intervals


def spans(values: list[float], errors: list[float], level: float = 0.95) -> list[tuple[int, int]]:
    found = rank_intervals(np.array(values), np.diag(np.square(errors)), level)
    return list(zip(found.best.tolist(), found.worst.tolist(), strict=True))


def test_far_apart_is_ranked_and_close_is_tied() -> None:
    assert spans([0.9, 0.5, 0.49, 0.1], [0.01] * 4) == [(1, 1), (2, 3), (2, 3), (4, 4)]


def test_known_values_have_their_ranks_and_equal_ones_share_them() -> None:
    assert spans([3.0, 1.0, 3.0], [0.0, 0.0, 0.0]) == [(1, 2), (3, 3), (1, 2)]


def test_a_model_whose_error_is_unknown_has_every_rank() -> None:
    assert spans([9.0, 0.5, 0.1], [np.inf, 0.01, 0.01]) == [(1, 3), (1, 2), (2, 3)]


def test_pairs_drawn_together_show_what_lone_ones_do_not() -> None:
    values, own = np.array([0.50, 0.52]), 0.02**2
    alone = rank_intervals(values, np.diag([own, own]))
    paired = rank_intervals(values, np.array([[own, 0.98 * own], [0.98 * own, own]]))
    assert alone.best.tolist() == [1, 1] and alone.worst.tolist() == [2, 2]
    assert paired.best.tolist() == [2, 1] and paired.worst.tolist() == [2, 1]


def test_two_models_take_the_usual_limit_of_1_96_standard_errors() -> None:
    error = 1.0 / np.sqrt(2.0)
    assert spans([1.959, 0.0], [error, error]) == [(1, 2), (1, 2)]
    assert spans([1.961, 0.0], [error, error]) == [(1, 1), (2, 2)]


def test_more_models_take_a_wider_gap() -> None:
    """Holm's first step holds each of k(k - 1) one-sided tests at alpha / k(k - 1)."""
    error = 1.0 / np.sqrt(2.0)
    assert spans([2.5, 0.0, 0.0, 0.0], [error] * 4)[0] == (1, 4)
    assert spans([2.7, 0.0, 0.0, 0.0], [error] * 4)[0] == (1, 1)


@given(
    st.lists(
        st.tuples(st.floats(-5, 5), st.one_of(st.just(0.0), st.floats(0.01, 2), st.just(np.inf))),
        min_size=1,
        max_size=7,
    )
)
def test_the_rank_by_value_always_lies_inside(models: list[tuple[float, float]]) -> None:
    values, errors = [each[0] for each in models], [each[1] for each in models]
    for place, (best, worst) in enumerate(spans(values, errors)):
        above = sum(other > values[place] for other in values)
        assert 1 <= best <= above + 1 <= worst <= len(values)


def test_the_intervals_hold_together_as_often_as_they_say() -> None:
    """Two pairs of equals among six: all true ranks lie inside in 95 % of worlds, or more."""
    truth = np.array([0.0, 0.0, 1.0, 1.0, 2.0, 5.0])
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        found = rank_intervals(truth + 0.5 * generator.normal(size=6), 0.25 * np.eye(6))
        wrong = found.above & (truth[:, None] <= truth[None, :])
        held += not wrong.any()
    assert held / 400 >= 0.93


def test_variances_alone_are_independent_errors_and_many_models_take_one_step() -> None:
    generator = np.random.default_rng(1)
    values, variances = generator.normal(size=HOLM_MOST), np.full(HOLM_MOST, 0.04)
    some = slice(0, 50)
    alone = rank_intervals(values[some], variances[some])
    assert (alone.above == rank_intervals(values[some], np.diag(variances[some])).above).all()
    whole = rank_intervals(values, variances)
    more = rank_intervals(np.append(values, 9.0), np.append(variances, 0.04))
    # Bonferroni shows nearly all that Holm does, and nothing else.
    shown, kept = whole.above.sum(), (more.above[:-1, :-1] & whole.above).sum()
    assert kept == more.above[:-1, :-1].sum() and kept > 0.95 * shown
    assert (more.best[-1], more.worst[-1]) == (1, 1)


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="covariance"):
        rank_intervals(np.array([1.0, np.nan]), np.eye(2))
    with pytest.raises(ValueError, match="covariance"):
        rank_intervals(np.array([1.0, 2.0]), np.eye(3))
