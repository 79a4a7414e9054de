"""Where requests are cut into checkpoints: everything once, in one order, never too much."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("lm_eval")

from slmbench.ports import Sampling
from slmbench.suites.lm_eval_bridge.parts import (
    Pair,
    Question,
    generation_parts,
    scoring_parts,
)

_tokens = st.lists(st.integers(0, 3) | st.integers(0, 200_000), max_size=8).map(tuple)
_pairs = st.lists(st.tuples(_tokens, _tokens), max_size=40)


def row(pair: Pair) -> tuple[int, ...]:
    return pair[0] + pair[1]


def shared(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    return count


@given(_pairs, st.integers(1, 30), st.randoms(use_true_random=False))
def test_every_pair_is_scored_once_whatever_the_order(
    pairs: list[Pair], budget: int, random: object
) -> None:
    parts = scoring_parts(pairs, 99, budget)
    flat = [pair for part in parts for pair in part]
    assert sorted(flat) == sorted(set(pairs)) and all(parts)
    mixed = list(pairs)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert scoring_parts(mixed + pairs, 99, budget) == parts


@given(_pairs, st.integers(1, 30))
def test_a_part_keeps_its_budget_of_distinct_tokens(pairs: list[Pair], budget: int) -> None:
    for part in scoring_parts(pairs, 99, budget):
        rows = [row(pair) for pair in part]
        assert rows == sorted(rows)
        costs = [
            len(each) - shared(before, each)
            for before, each in zip([(), *rows[:-1]], rows, strict=True)
        ]
        assert sum(costs) <= budget or len(part) == 1 or sum(costs[1:]) == 0
        # The cost is that of the prefix tree: every distinct prefix once.
        assert sum(costs) == len({each[: n + 1] for each in rows for n in range(len(each))})


def test_what_the_model_cannot_see_has_no_say() -> None:
    pairs = [((9, 1, 1, 1), (2,)), ((0, 1, 1, 1), (3,)), ((5, 1, 1, 1), (2,))]
    ((first, second, last),) = scoring_parts(pairs, 4, 100)
    assert {first, second} == {pairs[0], pairs[2]} and last == pairs[1]


@given(
    st.lists(
        st.tuples(_tokens, st.sampled_from([0.0, 0.7]), st.integers(1, 3)), unique=True, max_size=30
    ),
    st.integers(1, 5),
)
def test_generation_parts_hold_equal_settings_and_k(
    asked: list[tuple[tuple[int, ...], float, int]], step: int
) -> None:
    questions = [
        Question(str(tokens), tokens, Sampling(8, temperature=heat), tuple(range(count)))
        for tokens, heat, count in asked
    ]
    parts = generation_parts(questions, step)
    assert sorted(map(repr, questions)) == sorted(repr(each) for part in parts for each in part)
    for part in parts:
        assert 1 <= len(part) <= step
        assert len({(repr(each.how), each.k) for each in part}) == 1
        lengths = [len(each.tokens) for each in part]
        assert lengths == sorted(lengths, reverse=True)
    assert all(q.k == (len(q.askers) if q.how.temperature else 1) for q in questions)
