"""Texts are transformers' own greedy ones, whatever grows beside them, and work is shared."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from tiny_models import END, VOCABULARY, counted, sliding, spell, tiny  # noqa: E402

from slmbench.engine.generation import Generator  # noqa: E402
from slmbench.ports import Sampling  # noqa: E402

_WARM = {"temperature": 1.0, "top_p": 0.95, "seed": 5}


@pytest.fixture(scope="module", params=["llama", "sliding"])
def any_model(request: pytest.FixtureRequest) -> Any:
    return tiny() if request.param == "llama" else sliding(6)


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny()


def _draw(draw: random.Random, count: int) -> list[int]:
    return [draw.randrange(2, VOCABULARY) for _ in range(count)]


def _prompts(shared: int = 0) -> list[list[int]]:
    draw = random.Random(7)
    head = _draw(draw, shared)
    return [[*head, *_draw(draw, size)] for size in (3, 11, 1, 30, 7, 2, 19, 5)]


def _theirs(model: Any, prompt: list[int], new: int, **settings: Any) -> tuple[int, ...]:
    with torch.inference_mode():
        row = model.generate(
            torch.tensor([prompt]), max_new_tokens=new, do_sample=False, **settings
        )
    return tuple(row[0, len(prompt) :].tolist())


@cache
def _greedy(model: Any, shared: int) -> tuple[tuple[int, ...], ...]:
    return tuple(_theirs(model, prompt, 9) for prompt in _prompts(shared))


def _generator(model: Any, rows: int = 8, **how: Any) -> Generator:
    settings = {"split": True, "pass_tokens": 1024, "ends": [END], "decode": spell, **how}
    return Generator(model, rows=rows, **settings)


def _tokens(found: list[list[Any]]) -> list[list[tuple[int, ...]]]:
    return [[each.tokens for each in row] for row in found]


@pytest.mark.parametrize("split", [True, False])
@pytest.mark.parametrize("rows", [1, 3, 32])
@pytest.mark.parametrize(("pass_tokens", "shared"), [(16, 0), (1024, 0), (16, 40), (1024, 40)])
def test_greedy_texts_are_those_of_transformers(
    any_model: Any, split: bool, rows: int, pass_tokens: int, shared: int
) -> None:
    prompts = _prompts(shared)
    generator = _generator(any_model, rows, split=split, pass_tokens=pass_tokens)
    found = generator.run(prompts, Sampling(9), 1)
    expected = _greedy(any_model, shared)
    assert [row[0].tokens for row in found] == list(expected)
    assert len(set(expected)) > 1


def test_an_end_token_ends_a_text_unless_it_is_ignored(model: Any) -> None:
    prompts = _prompts()
    whole = _tokens(_generator(model).run(prompts, Sampling(12, ignore_eos=True), 1))
    end = whole[3][0][4]
    ending = _generator(model, ends=[END, end])
    for (text,), (full,) in zip(_tokens(ending.run(prompts, Sampling(12), 1)), whole, strict=True):
        place = next((i + 1 for i, token in enumerate(full) if token in (END, end)), len(full))
        assert text == full[:place]
    assert _tokens(ending.run(prompts, Sampling(12, ignore_eos=True), 1)) == whole


@pytest.mark.parametrize("length", [1, 3])
def test_a_stop_text_ends_a_text_before_itself(model: Any, length: int) -> None:
    prompts = _prompts()
    free = _generator(model).run(prompts, Sampling(12), 1)
    stop = spell(free[3][0].tokens[4 : 4 + length])
    found = _generator(model).run(prompts, Sampling(12, stop=("never", stop)), 1)
    for (text,), (full,) in zip(found, free, strict=True):
        assert text.text == full.text.split(stop)[0]
        assert stop not in spell(text.tokens[:-1])
        assert text.tokens == full.tokens[: len(text.tokens)]
    assert len(found[3][0].tokens) <= 4 + length


def test_a_repetition_penalty_is_that_of_transformers(model: Any) -> None:
    prompts = _prompts(20)
    found = _generator(model, 3, penalty=1.7).run(prompts, Sampling(12), 1)
    expected = [[_theirs(model, each, 12, repetition_penalty=1.7)] for each in prompts]
    assert _tokens(found) == expected
    assert expected != [[_theirs(model, each, 12)] for each in prompts]


def test_one_new_token_needs_no_step(model: Any) -> None:
    with counted(model) as work:
        found = _generator(model).run([[5, 6, 7]], Sampling(1), 1)
    assert work.tokens == [3]
    assert _tokens(found) == [[_theirs(model, [5, 6, 7], 1)]]


@pytest.mark.parametrize("split", [True, False])
def test_sampled_texts_depend_on_no_company(any_model: Any, split: bool) -> None:
    prompts = _prompts()
    how = Sampling(8, **_WARM)
    together = _tokens(_generator(any_model, 6, split=split).run(prompts, how, 3))
    assert all(len(set(row)) == 3 for row in together)
    alone = [
        _tokens(_generator(any_model, 1, split=split).run([prompt], how, 3))[0]
        for prompt in prompts
    ]
    assert together == alone
    backwards = _generator(any_model, 2, split=split).run(prompts[::-1], how, 3)
    assert _tokens(backwards) == together[::-1]
    other = _tokens(_generator(any_model).run(prompts, Sampling(8, **{**_WARM, "seed": 6}), 3))
    assert all(set(a).isdisjoint(b) for a, b in zip(together, other, strict=True))


def test_continuations_of_a_prompt_share_its_reading(model: Any) -> None:
    prompt = _draw(random.Random(1), 200)
    with counted(model) as work:
        _generator(model).run([prompt], Sampling(10, **_WARM), 8)
    assert work.read <= 200 + 8 * 9
    assert max(work.predicted) <= 8


def test_prompts_share_what_they_start_with(model: Any) -> None:
    prompts = _prompts(100)
    with counted(model) as work:
        _generator(model).run(prompts, Sampling(1), 1)
    assert work.read <= 100 + len(prompts) * 30


def test_a_text_that_ends_gives_its_place_away(model: Any) -> None:
    draw = random.Random(3)
    prompts = [_draw(draw, 5) for _ in range(12)]
    free = _tokens(_generator(model).run(prompts, Sampling(24, ignore_eos=True), 1))
    # An end token that comes early in some texts, and late or never in others.
    ends = max(range(2, VOCABULARY), key=lambda token: _spread([row[0] for row in free], token))
    generator = _generator(model, 2, ends=[ends])
    with counted(model) as work:
        found = _tokens(generator.run(prompts, Sampling(24), 1))
    lengths = [len(text) for (text,) in found]
    static = sum(max(lengths[i : i + 2]) for i in range(0, 12, 2))
    admissions = sum(1 for tokens in work.tokens if tokens > 2)
    assert work.passes - admissions + 6 < static
    assert max(work.predicted) <= 2


def _spread(texts: list[tuple[int, ...]], token: int) -> int:
    lengths = [text.index(token) + 1 if token in text else len(text) for text in texts]
    pairs = [lengths[i : i + 2] for i in range(0, len(lengths), 2)]
    return sum(abs(a - b) for a, b in pairs)


def test_rows_bound_the_texts_side_by_side(model: Any) -> None:
    with counted(model) as work:
        _generator(model, 3).run(_prompts(), Sampling(6), 1)
    assert max(work.predicted) <= 3


def test_times_rise_and_there_is_one_for_each_token(model: Any) -> None:
    for row in _generator(model, 3).run(_prompts(), Sampling(6, **_WARM), 2):
        for text in row:
            assert len(text.token_times_s) == len(text.tokens)
            assert text.token_times_s[0] > 0
            assert list(text.token_times_s) == sorted(text.token_times_s)
