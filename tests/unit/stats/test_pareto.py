"""The front against its definition, on any points."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmbench.stats.pareto import pareto_front

# Few distinct values, so that ties on one axis and equal points are common.
COORDINATE = st.one_of(
    st.integers(-3, 3).map(float), st.floats(allow_nan=False, allow_infinity=False)
)
POINTS = st.lists(st.tuples(COORDINATE, COORDINATE), max_size=25)
DIRECTIONS = st.tuples(st.booleans(), st.booleans())


def dominates(
    one: tuple[float, float], other: tuple[float, float], maximise: tuple[bool, bool]
) -> bool:
    gaps = [
        (a - b) if up else (b - a)
        for a, b, up in zip(_rank(one, other), _rank(other, one), maximise, strict=True)
    ]
    return min(gaps) >= 0 and max(gaps) > 0


def _rank(one: tuple[float, float], other: tuple[float, float]) -> tuple[int, int]:
    """Compare by sign, because a difference of two tiny floats may round to zero."""
    return (int(one[0] > other[0]), int(one[1] > other[1]))


@given(POINTS, DIRECTIONS)
def test_a_point_is_on_the_front_exactly_when_no_other_dominates_it(
    points: list[tuple[float, float]], maximise: tuple[bool, bool]
) -> None:
    expected = [not any(dominates(other, one, maximise) for other in points) for one in points]
    assert pareto_front(points, maximise) == expected


@given(POINTS.filter(bool), DIRECTIONS)
def test_the_front_is_never_empty(
    points: list[tuple[float, float]], maximise: tuple[bool, bool]
) -> None:
    assert any(pareto_front(points, maximise))


@given(POINTS, DIRECTIONS, st.randoms(use_true_random=False))
def test_the_order_of_the_points_does_not_matter(
    points: list[tuple[float, float]], maximise: tuple[bool, bool], random: object
) -> None:
    order = list(range(len(points)))
    random.shuffle(order)  # type: ignore[attr-defined]
    front = pareto_front(points, maximise)
    shuffled = pareto_front([points[index] for index in order], maximise)
    assert shuffled == [front[index] for index in order]


def test_less_memory_and_more_accuracy_win() -> None:
    points = [(1.0, 0.3), (2.0, 0.5), (3.0, 0.4), (4.0, 0.6)]
    assert pareto_front(points, (False, True)) == [True, True, False, True]


def test_equal_points_are_both_on_the_front() -> None:
    assert pareto_front([(1.0, 0.5), (1.0, 0.5), (1.0, 0.4)], (False, True)) == [True, True, False]


def test_no_points_have_no_front() -> None:
    assert pareto_front([], (True, True)) == []


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        pareto_front([(math.nan, 1.0)], (True, True))
