"""Draws without torch are the draws with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmbench.backends.token_draw import DrawStream, draw, log_softmax
from slmbench.ports import Sampling

WAYS: list[dict[str, Any]] = [
    {}, {"top_p": 0.9}, {"top_p": 0.3}, {"top_k": 40}, {"top_k": 40, "top_p": 0.8},
    {"temperature": 0.7}, {"temperature": 2.0, "top_p": 0.999}, {"top_k": 100_000},
]  # fmt: skip


def logits_of(seed: int, width: int, spread: float = 3.0) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=width) * spread).astype(np.float32)


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("width", [50, 3000])
def test_the_same_token_as_with_torch(way: dict[str, Any], width: int) -> None:
    torch = pytest.importorskip("torch")
    from slmbench.engine.sampling import Stream, choose

    how = Sampling(1, **{"temperature": 1.0, **way})
    for seed in range(40):
        logits = logits_of(seed, width, 0.1 if seed % 2 else 3.0)
        mine, theirs = DrawStream(seed, [1, 2], 3), Stream(seed, [1, 2], 3)
        for _ in range(3):
            assert [draw(logits, how, mine)] == choose(torch.tensor(logits)[None], how, [theirs])


def test_greedy_takes_the_best_and_draws_nothing() -> None:
    stream, other = DrawStream(1, [5], 0), DrawStream(1, [5], 0)
    logits = logits_of(4, 100)
    assert draw(logits, Sampling(1), stream) == int(logits.argmax())
    assert stream.next() == other.next()


@pytest.mark.parametrize("other", [(2, [5], 0), (1, [6], 0), (1, [5], 1)])
def test_each_continuation_has_its_own_numbers(other: tuple[int, list[int], int]) -> None:
    first, second = DrawStream(1, [5], 0), DrawStream(*other)
    assert [first.next() for _ in range(3)] != [second.next() for _ in range(3)]


def test_tokens_come_as_often_as_their_chances_say() -> None:
    chances = np.array([0.5, 0.3, 0.15, 0.05])
    logits = np.log(chances).astype(np.float32)
    stream = DrawStream(7, [1], 0)
    drawn = [draw(logits, Sampling(1, temperature=1.0), stream) for _ in range(4000)]
    shares = np.bincount(drawn, minlength=4) / len(drawn)
    # Four standard errors of the widest share.
    assert np.abs(shares - chances).max() < 4 * 0.5 / 4000**0.5


def test_nothing_outside_the_nucleus_is_drawn() -> None:
    logits = np.log(np.array([0.5, 0.3, 0.15, 0.05])).astype(np.float32)
    stream = DrawStream(7, [1], 0)
    how = Sampling(1, temperature=1.0, top_p=0.7)
    assert {draw(logits, how, stream) for _ in range(200)} == {0, 1}


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=50))
def test_log_softmax_is_a_distribution(values: list[float]) -> None:
    found = log_softmax(np.array([values], dtype=np.float32))
    assert found.shape == (1, len(values)) and (found <= 0).all()
    assert float(np.exp(found).sum()) == pytest.approx(1.0, abs=1e-5)
