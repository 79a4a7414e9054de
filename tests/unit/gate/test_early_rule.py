"""Rules settled before the last item: the full test's verdict, for a fraction of the items."""

from __future__ import annotations

import json
import math
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from slmbench.gate.early_rule import EARLY_SHARE, Beforehand, RuleWatch, spend
from slmbench.schema.base import Measured
from slmbench.schema.policy import Rule
from tests.unit.gate.gate_runs import make_metric
from tests.unit.gate.many_orders import (
    PATH,
    ask_in_orders,
    full_verdict,
    rule_of,
)

ALPHA = 0.05
MARGIN = 0.02
ORDERS = 1000


@pytest.fixture(scope="module")
def gsm8k(shared: Path) -> dict[str, np.ndarray]:
    """Four models' right and wrong answers to the same 1,319 questions."""
    lines = (shared / "data/paired/gsm8k_four_models_solutions.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    models = [name for name, value in rows[0].items() if isinstance(value, dict)]
    return {name: np.array([float(row[name]["is_correct"]) for row in rows]) for name in models}


def orders_of(count: int, orders: int, seed: int) -> np.ndarray:
    return np.argsort(np.random.default_rng(seed).random((orders, count)), axis=1)


def test_gsm8k_in_1000_orders_has_the_full_tests_verdict(gsm8k: dict[str, np.ndarray]) -> None:
    shares = sorted(round(100 * float(each.mean()), 2) for each in gsm8k.values())
    assert shares == [21.68, 34.72, 39.04, 56.25]
    _, end = spend(ALPHA)
    clear = 0
    for number, (old, new) in enumerate(permutations(gsm8k, 2)):
        before, after = gsm8k[old], gsm8k[new]
        used, verdicts = ask_in_orders(
            before, after, MARGIN, ALPHA, orders_of(len(before), ORDERS, number)
        )
        whole = full_verdict(before, after, MARGIN, end)
        wrong = float((verdicts != whole).mean())
        assert wrong <= ALPHA, (old, new, whole, wrong)
        if abs(float((after - before).mean()) + MARGIN) >= 0.1:
            clear += 1
            assert np.median(used) <= 0.1 * len(before), (old, new, np.median(used))
            assert whole in ("PASS", "FAIL")
    assert clear == 10


@pytest.mark.parametrize("difference", [-0.02, -0.01, 0.0])
def test_tiny_differences_from_the_margin_use_every_item(difference: float) -> None:
    rng = np.random.default_rng(8)
    count = 600
    before = (rng.random(count) < 0.5).astype(float)
    after = before.copy()
    # A fifth of the items change, nearly as many for the better as for the worse.
    gained, lost = 60 + round(difference * count / 2), 60 - round(difference * count / 2)
    after[rng.choice(np.flatnonzero(before == 0), gained, replace=False)] = 1.0
    after[rng.choice(np.flatnonzero(before == 1), lost, replace=False)] = 0.0
    margin = 0.015 - difference if difference == 0.0 else 0.015
    used, verdicts = ask_in_orders(before, after, margin, ALPHA, orders_of(count, 300, 9))
    assert np.median(used) == count
    assert set(verdicts) == {"INCONCLUSIVE"} or float((verdicts == "INCONCLUSIVE").mean()) > 0.95


@pytest.mark.parametrize(("right", "kept", "found"), [(0.4, 0.6, 0.2), (0.7, 0.9, 0.1)])
def test_new_items_of_a_model_at_the_margin_pass_at_most_alpha_of_the_time(
    right: float, kept: float, found: float
) -> None:
    """The candidate keeps and finds right answers so that it is worse by just the margin."""
    rng = np.random.default_rng(10)
    trials, count = 200, 80
    margin = right - (right * kept + (1 - right) * found)
    wrong = np.zeros(2)
    for _ in range(trials):
        before = (rng.random(count) < right).astype(float)
        after = (rng.random(count) < np.where(before == 1, kept, found)).astype(float)
        _, verdicts = ask_in_orders(before, after, margin, ALPHA, np.arange(count)[None])
        wrong += [verdicts[0] == "PASS", verdicts[0] == "FAIL"]
    most = ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / trials)
    assert (wrong / trials).max() <= most, wrong / trials


def watch_of(before: np.ndarray, rule: Rule) -> RuleWatch:
    value = Measured(value=float(before.mean()), unit="", n=len(before), interval=None, how="test")
    setting = Beforehand(ALPHA, 1, [None] * len(before), value, tuple(before.tolist()))
    return RuleWatch(rule, make_metric(PATH, 0.5), setting)


def test_one_order_at_a_time_is_what_many_at_once_are() -> None:
    rng = np.random.default_rng(11)
    before = (rng.random(300) < 0.4).astype(float)
    after = (rng.random(300) < 0.75).astype(float)
    places = orders_of(300, 5, 12)
    for lines in ((before, after), (after, before)):
        used, verdicts = ask_in_orders(*lines, MARGIN, ALPHA, places)
        for row, asked, expected in zip(places, used, verdicts, strict=True):
            watch, told = watch_of(lines[0], rule_of(MARGIN)), None
            for number, place in enumerate(row, start=1):
                watch.see(lines[1][place], lines[0][place], None)
                told = watch.verdict() if number >= 12 else None
                if told is not None:
                    break
            assert told is not None and (told.verdict, number) == (expected, asked)
            assert f"{asked} items asked of 300" in told.reason and told.n == asked


def test_a_lower_is_better_metric_is_watched_the_other_way_round() -> None:
    before, after = np.tile([1.0, 0.0], 100), np.zeros(200)
    metric = make_metric("toxicity/t/toxicity_probability", 0.5, up=False)
    value = Measured(value=0.5, unit="", n=200, interval=None, how="test")
    told = []
    for old, new in ((before, after), (after, before)):
        setting = Beforehand(ALPHA, 1, [None] * 200, value, tuple(old.tolist()))
        rule = Rule(metric=metric.path, not_worse_than="baseline", margin=MARGIN)
        watch = RuleWatch(rule, metric, setting)
        for place in range(120):
            watch.see(new[place], old[place], None)
        told.append(watch.verdict())
    assert [each and each.verdict for each in told] == ["PASS", "FAIL"]


@pytest.mark.parametrize(
    ("limits", "share", "verdict"),
    [
        ({"min": 0.5}, 0.9, "PASS"),
        ({"min": 0.5}, 0.1, "FAIL"),
        ({"max": 0.5}, 0.1, "PASS"),
        ({"min": 0.2, "max": 0.8}, 0.5, "PASS"),
        ({"min": 0.2, "max": 0.6}, 0.95, "FAIL"),
        ({"min": 0.5}, 0.5, None),
    ],
)
def test_limits_are_watched_from_both_sides(
    limits: dict[str, float], share: float, verdict: str | None
) -> None:
    rng = np.random.default_rng(13)
    watch = RuleWatch(
        Rule(metric=PATH, **limits), make_metric(PATH, 0.5), Beforehand(ALPHA, 1, [None] * 1000)
    )
    values = rng.permutation(np.arange(1000) < 1000 * share).astype(float)
    for value in values[:300]:
        watch.see(value, None, None)
    told = watch.verdict()
    assert (told and told.verdict) == verdict


def test_clusters_ask_for_more() -> None:
    rng = np.random.default_rng(14)
    count = 400
    before = (rng.random(count) < 0.5).astype(float)
    after = np.where(rng.random(count) < 0.4, 1.0, before)
    labels = [f"c{place % 20}" for place in range(count)]
    asked = []
    for clusters in ([None] * count, labels):
        value = Measured(value=0.5, unit="", n=count, interval=None, how="test")
        setting = Beforehand(ALPHA, 1, clusters, value, tuple(before.tolist()))
        watch = RuleWatch(rule_of(MARGIN), make_metric(PATH, 0.5), setting)
        number = 0
        while number < count and (number < 12 or watch.verdict() is None):
            watch.see(after[number], before[number], clusters[number])
            number += 1
        asked.append(number)
    assert asked[0] < asked[1]


def test_alpha_is_spent_once() -> None:
    early, end = spend(ALPHA)
    assert early + end == pytest.approx(ALPHA) and early == EARLY_SHARE * ALPHA
