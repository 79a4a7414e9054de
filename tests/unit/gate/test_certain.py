"""A verdict that is called certain is the one that every completion of the items gives."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slmbench.gate.absolute import judge_limit
from slmbench.gate.certain import certain_claim, certain_limit
from slmbench.gate.early_rule import Beforehand, RuleWatch, spend
from slmbench.gate.family import settle_families
from slmbench.schema.base import Measured
from slmbench.schema.policy import Rule
from slmbench.stats.interval import wilson
from slmbench.stats.paired_margin import paired_margin_p
from tests.unit.gate.gate_runs import make_metric
from tests.unit.gate.many_orders import PATH, full_verdict, rule_of

ALPHA = 0.05
_, END = spend(ALPHA)


@pytest.mark.parametrize("shift", [0.0, -0.01, -0.05, -0.1])
@pytest.mark.parametrize("n", [1, 2, 5, 9, 14, 20])
def test_no_small_p_value_rises_where_more_speaks_for_it(n: int, shift: float) -> None:
    """What `certain_claim` rests on, for every table of few items."""
    p = {
        (up, down): paired_margin_p(up, down, n, shift)
        for up in range(n + 1)
        for down in range(n + 1 - up)
    }
    for (up, down), (kept, broken) in p.items():
        better, worse = [(up + 1, down), (up, down - 1)], [(up - 1, down), (up, down + 1)]
        if kept <= ALPHA:
            assert all(p[each][0] <= kept + 1e-9 for each in better if each in p), (up, down)
        if broken <= ALPHA:
            assert all(p[each][1] <= broken + 1e-9 for each in worse if each in p), (up, down)


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.booleans(), min_size=4, max_size=40),
    st.integers(0, 5),
    st.sampled_from([0.0, 0.02, 0.05, 0.1]),
    st.data(),
)
def test_a_certain_claim_is_that_of_every_completion(
    known: list[bool], left: int, margin: float, data: st.DataObject
) -> None:
    before = np.array(known, dtype=float)
    seen = max(1, len(before) - left)
    share = data.draw(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]))
    drawn = np.random.default_rng(data.draw(st.integers(0, 99))).random(seen) < share
    after = drawn.astype(float)
    up, down = int((after > before[:seen]).sum()), int((after < before[:seen]).sum())
    rest = before[seen:]
    may = (int((rest == 0).sum()), int((rest == 1).sum()))
    told = certain_claim((up, down, *may), len(before), margin, END)
    if told is not None:
        for more in product([0.0, 1.0], repeat=len(rest)):
            whole = np.concatenate([after, more])
            assert full_verdict(before, whole, margin, END) == told


@pytest.mark.parametrize("limits", [{"min": 0.5}, {"max": 0.3}, {"min": 0.3, "max": 0.8}])
def test_a_certain_limit_is_that_of_every_completion(limits: dict[str, float]) -> None:
    rule, metric, count = Rule(metric=PATH, **limits), make_metric(PATH, 0.5), 30
    kinds = set()
    for seen in range(1, count + 1):
        for right in range(seen + 1):
            scores = [1.0] * right + [0.0] * (seen - right)
            told = certain_limit(rule, metric, scores, count, END)
            kinds.add(told)
            if told is None:
                continue
            for total in range(right, right + count - seen + 1):
                share = Measured(
                    value=total / count, unit="", n=count, interval=wilson(total, count), how="x"
                )
                (verdict,) = settle_families([judge_limit(rule, PATH, share)], END)
                assert verdict.verdict == told
    assert kinds == {None, "PASS", "FAIL"}


def test_a_watch_ends_where_nothing_can_change_and_says_so() -> None:
    """Equal answers lie too near the margin for bets: only the count of what is left ends it."""
    count, known = 100, np.tile([1.0, 0.0], 50)
    value = Measured(value=0.5, unit="", n=count, interval=None, how="test")
    setting = Beforehand(ALPHA, 1, [None] * count, value, tuple(known.tolist()))
    watch = RuleWatch(rule_of(0.05), make_metric(PATH, 0.5), setting)
    told = None
    for number in range(count):
        watch.see(known[number], known[number], None)
        told = watch.verdict()
        if told is not None:
            break
    assert told is not None and told.verdict == "PASS" and number + 1 < count
    assert f"No answer to the other {count - number - 1} items could change that" in told.reason
    clustered = Beforehand(ALPHA, 1, [str(i % 10) for i in range(count)], value, setting.known)
    watch = RuleWatch(rule_of(0.05), make_metric(PATH, 0.5), clustered)
    for number in range(count - 1):
        watch.see(known[number], known[number], str(number % 10))
    assert watch.verdict() is None


def test_limits_and_margins_at_the_ends_are_never_certain() -> None:
    rule = Rule(metric=PATH, min=0.0)
    assert certain_limit(rule, make_metric(PATH, 1.0), [1.0] * 9, 10, END) is None
    assert certain_claim((0, 0, 1, 1), 200, 0.1, END) == "PASS"
    assert certain_claim((0, 0, 1, 1), 200, 0.11, END) is None
