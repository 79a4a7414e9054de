"""A prefix that calls share is computed once, and an answer never tells what was asked before."""

from __future__ import annotations

import random
from typing import Any

import pytest

pytest.importorskip("torch")

from tiny_models import VOCABULARY, counted, memory_for, plain_score, tiny

from slmbench.engine.ability import Ability
from slmbench.engine.budget import Budget
from slmbench.engine.scoring import Pair, Scoring

_BLOCK = 256


@pytest.fixture(autouse=True)
def _pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slmbench.engine.budget._BLOCK", _BLOCK)


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny()


def _scoring(model: Any, tokens: int = 1024) -> Scoring:
    return Scoring(model, 1000, Budget(model, tokens), Ability(True, True, True, ""))


def _draw(draw: random.Random, count: int) -> list[int]:
    return [draw.randrange(2, VOCABULARY) for _ in range(count)]


def _questions(seed: int, prefix: list[int], count: int = 6) -> list[Pair]:
    draw = random.Random(seed)
    return [([*prefix, *_draw(draw, 12)], _draw(draw, 3)) for _ in range(count)]


def test_whole_blocks_of_a_fixed_prefix_are_computed_once(model: Any) -> None:
    prefix = _draw(random.Random(0), 600)
    scoring = _scoring(model)
    read = []
    for call in range(3):
        pairs = _questions(call, prefix)
        with counted(model) as work:
            found = scoring.score(pairs)
        fresh = _scoring(model).score(pairs)
        assert found == fresh
        read.append(work.read)
    own = sum(12 + 3 - 1 for _ in range(6))
    assert read[0] <= 600 + 1.25 * own
    assert read[1] <= 600 - 2 * _BLOCK + 1.25 * own
    assert read[2] <= 600 - 2 * _BLOCK + 1.25 * own


@pytest.mark.parametrize("place", [0, 100, 255, 256, 511, 599])
def test_a_prefix_that_differs_in_one_token_is_another(model: Any, place: int) -> None:
    prefix = _draw(random.Random(0), 600)
    other = list(prefix)
    other[place] = 2 if other[place] != 2 else 3
    scoring = _scoring(model)
    scoring.score(_questions(1, prefix))
    pairs = _questions(2, other)
    found = scoring.score(pairs)
    assert found == _scoring(model).score(pairs)
    for (one, _), pair in zip(found, pairs, strict=True):
        assert one == pytest.approx(plain_score(model, *pair)[0], abs=1e-5, rel=2.4e-7)


def test_a_path_is_forgotten_when_memory_runs_out(model: Any) -> None:
    prefix = _draw(random.Random(0), 600)
    scoring = _scoring(model, 256)
    first = scoring.score(_questions(1, prefix))
    with memory_for(model, 80):
        found = scoring.score(_questions(1, prefix))
    for (one, _), (two, _) in zip(found, first, strict=True):
        assert one == pytest.approx(two, abs=1e-5)
    assert scoring.score(_questions(1, prefix)) == _scoring(model, 64).score(_questions(1, prefix))


def test_a_prefix_that_ends_within_a_remembered_block_gives_the_same_bits(model: Any) -> None:
    prefix = _draw(random.Random(0), 800)
    same = []
    for end in (270, 300, 333, 400, 450, 510):
        scoring = _scoring(model)
        scoring.score(_questions(1, prefix[:768]))
        pairs = _questions(2, prefix[:end], count=12)
        same += [scoring.score(pairs) == _scoring(model).score(pairs)]
    assert all(same)


def test_a_path_that_was_computed_in_pieces_gives_the_same_bits(model: Any) -> None:
    prefix = _draw(random.Random(0), 800)
    same = []
    for fork in (50, 100, 130, 200, 250):
        scoring = _scoring(model)
        scoring.score([*_questions(1, prefix), *_questions(2, prefix[:fork], count=12)])
        pairs = _questions(3, prefix)
        same += [scoring.score(pairs) == _scoring(model).score(pairs)]
    assert all(same)
