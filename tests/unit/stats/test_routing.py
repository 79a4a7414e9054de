"""Routing figures against published data, hand-worked sets and the laws they must keep."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from slmbench.stats.routing import (
    Items,
    aiq,
    apgr,
    cpt,
    curve,
    oracle,
    oracle_interval,
    recovered_area,
    routing_intervals,
)

ROUTING = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "routing"


def items(
    weak: list[float],
    strong: list[float],
    first: list[float],
    cost: float = 4.0,
    tried: bool = False,
) -> Items:
    n = len(weak)
    return Items(
        np.array(weak, float), np.array(strong, float), np.ones(n), np.full(n, cost),
        np.array(first, float), tried,
    )  # fmt: skip


#: Four items: the weak one is right on the two it is surest of, the strong one on all but one.
HAND = items([0, 0, 1, 1], [1, 1, 1, 0], [0.1, 0.2, 0.8, 0.9])


def test_the_curve_of_four_items_is_what_pencil_and_paper_give() -> None:
    found = curve(HAND)
    assert found.share.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert found.quality.tolist() == [0.5, 0.75, 1.0, 1.0, 0.75]
    assert found.cost.tolist() == [1.0, 1.75, 2.5, 3.25, 4.0]
    assert np.isnan(found.last[0]) and found.last[1:].tolist() == [0.1, 0.2, 0.8, 0.9]
    # PGR 0, 1, 2, 2, 1: the area is (0.5 + 1.5 + 2 + 1.5) / 4.
    assert apgr(HAND) == pytest.approx(1.375)
    assert (cpt(HAND, 0.5), cpt(HAND, 0.8)) == pytest.approx((0.125, 0.2))
    # From cost 1 to 4: up to quality 1 at 2.5, then it stays: (1.5 * 0.75 + 1.5 * 1) / 3.
    assert aiq(HAND) == pytest.approx(0.875)


def test_a_cascade_pays_the_weak_model_for_every_item() -> None:
    found = curve(items([0, 0, 1, 1], [1, 1, 1, 0], [0.1, 0.2, 0.8, 0.9], tried=True))
    assert found.cost.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]
    # Quality 0.5, 0.75, 1 at 1, 2, 3, then 1 up to the strong model's cost of 4.
    cascade = items([0, 0, 1, 1], [1, 1, 1, 0], [0.1, 0.2, 0.8, 0.9], tried=True)
    assert aiq(cascade) == pytest.approx((1.5 + 1.0) / 3)


def test_who_knows_nothing_is_the_random_line() -> None:
    same = items([0, 1, 0, 1, 0], [1, 1, 0, 0, 1], [0.5] * 5)
    assert apgr(same) == pytest.approx(0.5)
    assert (cpt(same, 0.5), cpt(same, 0.8)) == pytest.approx((0.5, 0.8))
    assert aiq(same) == pytest.approx((0.4 + 0.6) / 2)


def test_a_router_worse_than_chance_is_not_dressed_up_by_its_apgr() -> None:
    wrong_way = items([0, 0, 1, 1], [1, 1, 1, 0], [0.9, 0.8, 0.2, 0.1])
    assert apgr(wrong_way) < 0.5 and cpt(wrong_way, 0.5) > 0.5
    # The hull may always mix the two models, so that AIQ is never below the random line.
    assert aiq(wrong_way) >= (0.5 + 0.75) / 2


def test_without_a_gap_there_is_no_figure() -> None:
    level = items([1, 0], [0, 1], [0.1, 0.2])
    for figure in (apgr, lambda given: cpt(given, 0.5)):
        with pytest.raises(ValueError, match="no gap"):
            figure(level)
    with pytest.raises(ValueError, match="no gap"):
        recovered_area(oracle(level), 0.5, 0.5)
    with pytest.raises(ValueError, match="no more"):
        aiq(items([0], [1], [0.5], cost=1.0))


binary = st.integers(0, 1).map(float)


@settings(max_examples=60)
@given(
    st.integers(2, 8).flatmap(
        lambda n: st.tuples(
            arrays.arrays(float, n, elements=binary),
            arrays.arrays(float, n, elements=binary),
            arrays.arrays(float, n, elements=st.sampled_from([0.1, 0.4, 0.7])),
        )
    )
)
def test_the_laws_that_every_router_keeps(drawn: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    weak, strong, first = drawn
    given_items = items(weak.tolist(), strong.tolist(), first.tolist())
    found, best = curve(given_items), oracle(given_items)
    assert found.quality[[0, -1]] == pytest.approx([weak.mean(), strong.mean()])
    reached = np.interp(found.share, best.share, best.quality)
    assert (reached >= found.quality - 1e-12).all()
    assert best.quality[-1] == pytest.approx(np.maximum(weak, strong).mean())
    if strong.mean() > weak.mean():
        area = recovered_area(best, float(weak.mean()), float(strong.mean()))
        assert area >= apgr(given_items) - 1e-12
        assert 0.0 < cpt(given_items, 0.5) <= cpt(given_items, 0.8) <= 1.0
        assert aiq(given_items) >= (weak.mean() + strong.mean()) / 2 - 1e-12


def test_intervals_hold_their_values_and_narrow_with_items() -> None:
    generator = np.random.default_rng(0)

    def made(n: int) -> Items:
        sure = generator.random(n)
        weak = (generator.random(n) < sure).astype(float)
        strong = (generator.random(n) < 0.8).astype(float)
        return items(weak.tolist(), strong.tolist(), sure.tolist())

    widths = []
    for n in (100, 500):
        drawn = made(n)
        spans = routing_intervals(drawn, (0.5, 0.8), None, seed=0)
        gap = float((drawn.strong - drawn.weak).mean())
        values = [gap, apgr(drawn), cpt(drawn, 0.5), cpt(drawn, 0.8), aiq(drawn)]
        for value, span in zip(values, spans, strict=True):
            assert span is not None and span.low <= value <= span.high
        assert spans == routing_intervals(drawn, (0.5, 0.8), None, seed=0)
        widths.append(spans[4].high - spans[4].low if spans[4] else 0.0)
    assert widths[1] < widths[0] / 1.6


def outcomes(name: str, contaminated: bool) -> tuple[np.ndarray, np.ndarray]:
    path = ROUTING / f"routellm_{name}_correct.csv"
    if not path.exists():
        pytest.skip("the routing data is not beside the project")
    with path.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if contaminated or row["contaminated"] == "0"]
    pairs = [(float(row["mixtral_correct"]), float(row["gpt4_correct"])) for row in rows]
    return np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])


@pytest.mark.parametrize(
    ("name", "weak", "strong", "best"),
    [("mmlu", 68.091, 80.587, 85.873), ("gsm8k", 63.734, 85.769, None)],
)
def test_routellm_figures_come_back(
    name: str, weak: float, strong: float, best: float | None
) -> None:
    """Mixtral-8x7B and GPT-4 on RouteLLM's decontaminated items (lm-sys/RouteLLM@0b64fda).

    The oracle's area in closed form: with a the share of items that only the strong model has
    right and g the gap, PGR rises to a / g at share a and stays, so that it is a (1 - a/2) / g.
    """
    left, right = outcomes(name, contaminated=False)
    given_items = items(left.tolist(), right.tolist(), [0.0] * left.size)
    found = curve(given_items)
    assert 100 * found.quality[[0, -1]] == pytest.approx([weak, strong], abs=5e-4)
    assert apgr(given_items) == pytest.approx(0.5) and cpt(given_items, 0.5) == pytest.approx(0.5)
    oracle_curve = oracle(given_items)
    if best is not None:
        assert 100 * oracle_curve.quality[-1] == pytest.approx(best, abs=5e-4)
    alone, gap = float((right > left).mean()), float(right.mean() - left.mean())
    area = recovered_area(oracle_curve, float(left.mean()), float(right.mean()))
    assert area == pytest.approx(alone * (1 - alone / 2) / gap)
    if name == "gsm8k":
        span = oracle_interval(given_items, None, seed=0)
        assert span is not None and span.low < area < span.high
