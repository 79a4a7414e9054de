"""Front probabilities against brute force, and what a tie, a draw and an interval mean there."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from slmbench.stats.front import dominated_by, front_probability, interval_draws
from slmbench.stats.pareto import pareto_front

#: Few different values, so that ties on one axis and on all of them happen all the time.
coarse = st.integers(min_value=-2, max_value=2).map(float)
shapes = st.tuples(st.integers(1, 6), st.integers(1, 5), st.integers(1, 4))


def by_hand(draws: np.ndarray, maximise: list[bool]) -> np.ndarray:
    """Return the share of draws on the front by the words of the definition."""
    models, count, axes = draws.shape
    found = np.zeros(models)
    for draw in range(count):
        for one in range(models):
            beaten = False
            for other in range(models):
                gains = [
                    (draws[other, draw, axis] - draws[one, draw, axis]) * (1 if up else -1)
                    for axis, up in zip(range(axes), maximise, strict=True)
                ]
                beaten |= min(gains) >= 0 and max(gains) > 0
            found[one] += not beaten
    return found / count


@given(shapes.flatmap(lambda shape: arrays.arrays(float, shape, elements=coarse)), st.data())
def test_it_is_what_brute_force_gives(draws: np.ndarray, data: st.DataObject) -> None:
    axes = draws.shape[2]
    maximise = data.draw(st.lists(st.booleans(), min_size=axes, max_size=axes))
    assert front_probability(draws, maximise).tolist() == by_hand(draws, maximise).tolist()


@given(
    st.tuples(st.integers(1, 6), st.integers(1, 5), st.just(2)).flatmap(
        lambda shape: arrays.arrays(float, shape, elements=coarse)
    )
)
def test_one_draw_is_the_front_of_two_axes(draws: np.ndarray) -> None:
    points = [(float(a), float(b)) for a, b in draws[:, 0]]
    found = front_probability(draws[:, :1], (True, False))
    assert (found == 1.0).tolist() == pareto_front(points, (True, False))


@given(arrays.arrays(float, (4, 2), elements=coarse), arrays.arrays(float, (5, 2), elements=coarse))
def test_who_is_dominated_is_found_by_words_too(points: np.ndarray, rivals: np.ndarray) -> None:
    found = [
        any(bool((rival >= point).all() and (rival > point).any()) for rival in rivals)
        for point in points
    ]
    assert dominated_by(points, rivals).tolist() == found


def test_nobody_is_dominated_by_nobody() -> None:
    assert dominated_by(np.zeros((2, 2)), np.zeros((0, 2))).tolist() == [False, False]


def test_equal_models_are_all_on_the_front_in_every_draw() -> None:
    same = np.random.default_rng(0).normal(size=(1, 50, 2)).repeat(3, axis=0)
    assert front_probability(same, (True, False)).tolist() == [1.0, 1.0, 1.0]


def test_two_even_models_that_cost_the_same_share_the_front() -> None:
    generator = np.random.default_rng(1)
    quality = generator.normal(size=(2, 20_000))
    draws = np.stack([quality, np.ones_like(quality)], axis=2)
    assert front_probability(draws, (True, False)) == pytest.approx([0.5, 0.5], abs=0.02)


def test_draws_of_the_same_items_decide_what_lone_draws_leave_open() -> None:
    """B is A and a little more on every item: drawn together, it never loses."""
    items = np.random.default_rng(2).normal(size=1000)
    together = np.stack([items, items + 0.01])
    alone = np.stack([items, np.random.default_rng(3).permutation(items) + 0.01])
    cost = np.ones_like(items)[None].repeat(2, axis=0)
    found = [
        front_probability(np.stack([each, cost], axis=2), (True, False))[0]
        for each in (together, alone)
    ]
    assert found[0] == 0.0 and 0.4 < found[1] < 0.6


def test_many_models_take_no_pairs() -> None:
    """2,000 models of 500 draws: all pairs would be two thousand million comparisons."""
    generator = np.random.default_rng(4)
    values = generator.normal(size=(2000, 1, 2))
    draws = values + 0.1 * generator.normal(size=(2000, 500, 2))
    found = front_probability(draws, (True, True))
    assert found.sum() >= 1.0 and (found > 0).sum() < 200
    some = np.flatnonzero(found)
    assert front_probability(draws[some], (True, True)).tolist() == found[some].tolist()


@pytest.mark.parametrize(
    "draws",
    [np.full((1, 1, 2), math.nan), np.zeros((2, 0, 2)), np.zeros((2, 2)), np.zeros((1, 1, 3))],
)
def test_what_is_no_draw_is_refused(draws: np.ndarray) -> None:
    with pytest.raises(ValueError, match="draw"):
        front_probability(draws, (True, True))


def test_draws_give_their_interval_back() -> None:
    values, low, high = (
        np.array([0.5, 0.9, 3.0]),
        np.array([0.4, 0.7, 3.0]),
        np.array([0.6, 0.95, 3.0]),
    )
    level = np.array([0.95, 0.9, 0.95])
    draws = interval_draws(values, low, high, level, 200_000, np.random.default_rng(0))
    for row, (a, b, sure) in enumerate(zip(low, high, level, strict=True)):
        inside = ((draws[row] >= a) & (draws[row] <= b)).mean()
        assert inside == pytest.approx(1.0 if a == b else sure, abs=0.005)
    assert set(draws[2]) == {3.0}
