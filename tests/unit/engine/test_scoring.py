"""Scores are the plain model's at any budget, in any order and company, and in little memory."""

from __future__ import annotations

import random
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from tiny_models import VOCABULARY, counted, memory_for, plain_score, tiny  # noqa: E402

from slmbench.engine.ability import Ability  # noqa: E402
from slmbench.engine.budget import Budget  # noqa: E402
from slmbench.engine.scoring import Scoring  # noqa: E402
from slmbench.errors import InputError  # noqa: E402

_ABILITIES = {
    "split": Ability(True, True, True, ""),
    "tree": Ability(True, False, True, ""),
    "prefix": Ability(False, False, True, ""),
    "plain": Ability(False, False, False, ""),
}
_LONGEST = 120


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny()


def _scoring(model: Any, tokens: int | None = 128, ability: str = "split", **how: Any) -> Scoring:
    budget = Budget(model, tokens, how.get("rows"))
    return Scoring(model, how.get("longest", _LONGEST), budget, _ABILITIES[ability])


def _draw(draw: random.Random, count: int) -> list[int]:
    return [draw.randrange(2, VOCABULARY) for _ in range(count)]


def _pairs(seed: int = 0) -> list[Any]:
    """Choices behind one context, a shared prefix, duplicates, one cut twice, one too long."""
    draw = random.Random(seed)
    shots, row = _draw(draw, 40), _draw(draw, 14)
    pairs: list[Any] = []
    for _ in range(3):
        question = [*shots, *_draw(draw, draw.randrange(2, 9))]
        pairs += [(question, _draw(draw, size)) for size in (1, 2, 5)]
    pairs += [(_draw(draw, 7), _draw(draw, 4)), ([0], _draw(draw, 30)), pairs[1], pairs[1]]
    pairs += [(row[:5], row[5:]), (row[:9], row[9:]), (row[:5], row[5:10])]
    return [*pairs, (_draw(draw, 150), _draw(draw, 4)), ([0], _draw(draw, _LONGEST))]


@pytest.fixture(scope="module")
def expected(model: Any) -> list[Any]:
    cut = _LONGEST + 1
    return [
        plain_score(model, [*context, *answer][-cut : -len(answer)], answer)
        for context, answer in _pairs()
    ]


def _assert_same(found: list[Any], expected: list[Any]) -> None:
    for (one, greedy), (two, was_greedy) in zip(found, expected, strict=True):
        assert one == pytest.approx(two, abs=1e-5, rel=2.4e-7)
        assert greedy == was_greedy


@pytest.mark.parametrize("ability", _ABILITIES)
@pytest.mark.parametrize("tokens", [16, 50, 128, 1024])
def test_scores_are_those_of_plain_passes(
    model: Any, expected: list[Any], ability: str, tokens: int
) -> None:
    _assert_same(_scoring(model, tokens, ability).score(_pairs()), expected)


@settings(max_examples=8, deadline=None)
@given(st.permutations(range(18)), st.integers(1, 18), st.sampled_from(sorted(_ABILITIES)))
def test_scores_depend_on_no_order_and_no_company(
    model: Any, expected: list[Any], order: list[int], count: int, ability: str
) -> None:
    pairs = _pairs()
    assert len(pairs) == 18
    chosen = order[:count]
    found = _scoring(model, 64, ability).score([pairs[i] for i in chosen])
    _assert_same(found, [expected[i] for i in chosen])


def test_a_greedy_answer_is_told_from_its_neighbour(model: Any) -> None:
    context = _draw(random.Random(1), 9)
    with torch.inference_mode():
        best = int(model(torch.tensor([context])).logits[0, -1].argmax())
    pairs = [(context, [best]), (context, [2 if best != 2 else 3])]
    assert [greedy for _, greedy in _scoring(model).score(pairs)] == [True, False]


@pytest.mark.parametrize("ability", _ABILITIES)
def test_the_same_call_gives_the_same_bits(model: Any, ability: str) -> None:
    first = _scoring(model, 64, ability).score(_pairs())
    again = _scoring(model, 64, ability)
    assert again.score(_pairs()) == first
    assert again.score(_pairs()) == first


def test_an_answer_longer_than_the_context_is_the_users_error(model: Any) -> None:
    scoring = _scoring(model)
    with pytest.raises(InputError, match=r"answer of 121 tokens .* context of 120"):
        scoring.score([([5], [6]), ([5], [6] * (_LONGEST + 1))])
    assert scoring.score([]) == []


def test_an_empty_answer_has_a_score_or_an_error(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scoring = _scoring(model)
    monkeypatch.setattr(scoring, "_parts", _only_a_few_times(scoring._parts))
    try:
        assert scoring.score([([5, 6], [])]) == [(0.0, True)]
    except InputError:
        return


def _only_a_few_times(parts: Any) -> Any:
    calls = iter(range(3))

    def limited(pairs: Any) -> Any:
        assert next(calls, None) is not None, "no progress"
        return parts(pairs)

    return limited


@pytest.mark.parametrize("ability", _ABILITIES)
@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        MemoryError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_where_memory_runs_out_passes_get_smaller_and_scores_stay(
    model: Any, expected: list[Any], ability: str, error: Exception
) -> None:
    budget = Budget(model, 512)
    scoring = Scoring(model, _LONGEST, budget, _ABILITIES[ability])
    with memory_for(model, 130, error):
        found = scoring.score(_pairs())
    _assert_same(found, expected)
    assert budget.tokens in (128, 64)


@pytest.mark.parametrize("ability", _ABILITIES)
def test_memory_that_is_never_enough_is_an_error(model: Any, ability: str) -> None:
    with memory_for(model, 0), pytest.raises(torch.OutOfMemoryError):
        _scoring(model, 512, ability).score(_pairs())


def test_an_error_that_is_not_about_memory_comes_out_at_once(model: Any) -> None:
    budget = Budget(model, 512)
    scoring = Scoring(model, _LONGEST, budget, _ABILITIES["split"])
    with memory_for(model, 0, RuntimeError("shapes differ")), pytest.raises(RuntimeError):
        scoring.score(_pairs())
    assert budget.tokens == 512


def test_what_was_scored_before_memory_ran_out_is_not_computed_again(model: Any) -> None:
    draw = random.Random(2)
    pairs: list[Any] = [(_draw(draw, 100), _draw(draw, 1)) for _ in range(8)]
    with memory_for(model, 150), counted(model) as work:
        scored = _scoring(model, 200, "plain").score([*pairs, ([5], [6])])
    assert len(scored) == 9
    assert work.read == 8 * 100 + 1


def test_choices_of_one_question_read_each_distinct_token_once(model: Any) -> None:
    draw = random.Random(3)
    pairs: list[Any] = []
    for _ in range(40):
        question = _draw(draw, draw.randrange(20, 70))
        pairs += [(question, _draw(draw, draw.randrange(2, 12))) for _ in range(4)]
    rows = [[*context, *answer] for context, answer in pairs]
    distinct = len({tuple(row[:end]) for row in rows for end in range(1, len(row))})
    predicting = {
        (*context, *answer[:end]) for context, answer in pairs for end in range(len(answer))
    }
    with counted(model) as work:
        _scoring(model, 1024).score(pairs)
    assert distinct <= work.read < 1.25 * distinct
    assert max(work.tokens) <= 1024
    assert sum(work.predicted) == len(predicting)


def test_a_long_text_never_meets_the_vocabulary_whole(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slmbench.engine.budget._LOGIT_BYTES", 4 * VOCABULARY * 40)
    draw = random.Random(4)
    pairs: list[Any] = [([0], _draw(draw, 1000)) for _ in range(2)]
    with counted(model) as work:
        found = _scoring(model, 256, longest=1023).score(pairs)
    _assert_same(found, [plain_score(model, *pair) for pair in pairs])
    assert sum(work.predicted) == 1999  # The first token of both is one.
    assert max(work.predicted) <= 40
