"""Bets on items without replacement: no order of any items makes them win too often."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slmbench.stats.interval import clustered_standard_error
from slmbench.stats.sequential import (
    Bets,
    future_error,
    likely_freedom,
    mean_cluster_size,
    rejected,
)

scores = st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=2, max_size=6)


def peaks_of_every_order(
    values: list[float], threshold: float, known: list[float] | None
) -> np.ndarray:
    """Return the highest capitals, orders x 2, of all orders of a few items."""
    orders = np.array(list(permutations(range(len(values)))))
    given = None if known is None else np.array(known)
    bets = Bets([threshold], [threshold], len(values), known=given, orders=len(orders))
    for place in range(len(values)):
        items = orders[:, place]
        bets.see(np.array(values)[items], None if given is None else given[items])
    return bets.peaks[:, :, 0]


@settings(max_examples=60, deadline=None)
@given(scores, st.booleans(), st.data())
def test_over_all_orders_no_capital_is_reached_more_often_than_ville_allows(
    values: list[float], with_known: bool, data: st.DataObject
) -> None:
    size = len(values)
    known = data.draw(st.lists(scores.flatmap(st.sampled_from), min_size=size, max_size=size))
    mean = float(np.mean(values))
    peaks = peaks_of_every_order(values, mean, known if with_known else None)
    # At the mean itself both beliefs, "at most" and "at least", are true.
    for side in (0, 1):
        for capital in (1.05, 1.2, 1.5, 2.0, 4.0):
            share = float((peaks[:, side] >= capital).mean())
            assert share <= 1.0 / capital + 1e-9


@pytest.mark.parametrize("with_known", [False, True])
def test_a_true_belief_is_rarely_refuted_and_a_false_one_nearly_always(with_known: bool) -> None:
    rng = np.random.default_rng(3)
    count, orders, level = 300, 1000, 0.05
    known = (rng.random(count) < 0.5).astype(float)
    values = np.where(rng.random(count) < 0.7, known, 1.0 - known)
    mean = float(values.mean())
    bets = Bets(
        [mean, mean - 0.15], [mean, mean + 0.15], count,
        known=known if with_known else None, orders=orders,
    )  # fmt: skip
    places = np.argsort(rng.random((orders, count)), axis=1)
    for column in places.T:
        bets.see(values[column], known[column] if with_known else None)
    shown = rejected(bets.peaks, level).mean(axis=0)
    # Three standard errors of 1,000 orders above the level.
    assert shown[:, 0].max() <= level + 3 * math.sqrt(level * (1 - level) / orders)
    assert shown[:, 1].min() > 0.95


def test_a_known_score_of_each_item_saves_items() -> None:
    rng = np.random.default_rng(4)
    count, orders = 400, 200
    known = (rng.random(count) < 0.5).astype(float)
    values = np.where(rng.random(count) < 0.9, known, 1.0 - known)
    threshold = float(values.mean()) - 0.1
    used = []
    for given_known in (None, known):
        bets = Bets([threshold], [threshold], count, known=given_known, orders=orders)
        first = np.full(orders, count)
        for number, column in enumerate(np.argsort(rng.random((orders, count)), axis=1).T):
            bets.see(values[column], None if given_known is None else known[column])
            now = rejected(bets.peaks[:, 0, 0], 0.01)
            first = np.where(now, np.minimum(first, number + 1), first)
        used.append(float(np.median(first)))
    assert used[1] < 0.7 * used[0]


def test_what_cannot_be_is_refused() -> None:
    bets = Bets([0.5], [0.5], 1)
    with pytest.raises(ValueError, match="outside"):
        bets.see(np.array([1.5]))
    bets.see(np.array([1.0]))
    with pytest.raises(ValueError, match="all 1 items"):
        bets.see(np.array([1.0]))


def test_the_error_of_all_items_is_guessed_from_a_part() -> None:
    rng = np.random.default_rng(5)
    values = rng.choice([-1.0, 0.0, 1.0], size=1000, p=[0.1, 0.7, 0.2])
    alone = [None] * 1000
    true = clustered_standard_error(values.tolist())
    for part in (100, 400, 1000):
        guess = future_error(values[:part].tolist(), alone[:part], alone, ternary=True)
        assert guess == pytest.approx(true, rel=0.25)
    # Nothing changed among 20 items: that is not proof that nothing will.
    assert future_error([0.0] * 20, alone[:20], alone, ternary=True) > 0.3 * true


def test_clusters_make_the_guess_wide_and_few_pairs_wider() -> None:
    rng = np.random.default_rng(6)
    labels = [f"c{number % 8}" for number in range(240)]
    shift = {f"c{number}": rng.normal(0.0, 0.3) for number in range(8)}
    values = [min(1.0, max(0.0, 0.5 + shift[label] + rng.normal(0.0, 0.2))) for label in labels]
    true = clustered_standard_error(values, labels)
    guesses = [future_error(values[:n], labels[:n], labels) for n in (24, 120, 240)]
    assert all(guess >= 0.8 * true for guess in guesses)
    assert guesses[0] >= guesses[2]
    assert mean_cluster_size(labels) == 30.0
    assert mean_cluster_size(["a", "a", None]) == pytest.approx(5 / 3)
    # Two clusters that were seen once each say nothing of what their items share.
    assert future_error([0.0, 1.0], ["c0", "c1"], labels) > true


def test_unequal_clusters_leave_fewer_degrees_of_freedom() -> None:
    assert likely_freedom([None] * 9) == 8.0
    even = [str(number % 10) for number in range(50)]
    assert likely_freedom(even) == 9.0
    assert likely_freedom(["big"] * 40 + even[:10]) == pytest.approx(1.0, abs=0.1)
