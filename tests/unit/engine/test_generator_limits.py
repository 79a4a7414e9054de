"""Where memory runs out texts stay what they were, with fewer of them side by side."""

from __future__ import annotations

import random
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from tiny_models import VOCABULARY, memory_for, spell, tiny  # noqa: E402

from slmbench.engine.generation import Generator  # noqa: E402
from slmbench.ports import Sampling  # noqa: E402

_WARM = Sampling(8, temperature=1.0, seed=5)


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny()


def _generator(model: Any, rows: int = 8, pass_tokens: int = 1024) -> Generator:
    return Generator(model, split=True, rows=rows, pass_tokens=pass_tokens, ends=[], decode=spell)


def _prompts(*sizes: int) -> list[list[int]]:
    draw = random.Random(7)
    return [[draw.randrange(2, VOCABULARY) for _ in range(size)] for size in sizes]


def _tokens(found: list[list[Any]]) -> list[list[tuple[int, ...]]]:
    return [[each.tokens for each in row] for row in found]


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("full"), MemoryError(), RuntimeError("can't allocate memory")],
    ids=lambda error: type(error).__name__,
)
def test_memory_that_runs_out_at_once_makes_fewer_rows(model: Any, error: Exception) -> None:
    prompts = _prompts(4, 3, 4, 2, 3, 4, 1, 4)
    expected = _tokens(_generator(model).run(prompts, _WARM, 1))
    generator = _generator(model)
    with memory_for(model, 8, error):
        assert _tokens(generator.run(prompts, _WARM, 1)) == expected
    assert generator.rows == 2


def test_memory_that_runs_out_in_the_middle_changes_no_text(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = _prompts(4, 3, 9, 2, 30, 4, 1, 4)
    expected = _tokens(_generator(model).run(prompts, _WARM, 2))
    forward, calls = model.forward, iter(range(1000))

    def sometimes(*arguments: Any, **settings: Any) -> Any:
        if next(calls) in (5, 9):
            raise torch.OutOfMemoryError("full")
        return forward(*arguments, **settings)

    monkeypatch.setattr(model, "forward", sometimes)
    generator = _generator(model)
    assert _tokens(generator.run(prompts, _WARM, 2)) == expected
    assert generator.rows == 2


def test_memory_that_is_never_enough_is_an_error(model: Any) -> None:
    with memory_for(model, 0), pytest.raises(torch.OutOfMemoryError):
        _generator(model).run(_prompts(3), _WARM, 1)


def test_another_error_comes_out_at_once(model: Any) -> None:
    generator = _generator(model)
    with memory_for(model, 0, RuntimeError("shapes differ")), pytest.raises(RuntimeError):
        generator.run(_prompts(3), _WARM, 1)
    assert generator.rows == 8


def test_a_long_prompt_is_read_in_pieces_that_fit(model: Any) -> None:
    prompts = _prompts(200)
    expected = _tokens(_generator(model).run(prompts, _WARM, 1))
    with memory_for(model, 100):
        assert _tokens(_generator(model).run(prompts, _WARM, 1)) == expected


def test_continuations_of_one_prompt_grow_no_more_than_rows_at_a_time(model: Any) -> None:
    prompts = _prompts(3)
    expected = _tokens(_generator(model).run(prompts, _WARM, 8))
    with memory_for(model, 4):
        assert _tokens(_generator(model, 4).run(prompts, _WARM, 8)) == expected


def test_no_prompts_have_no_texts(model: Any) -> None:
    assert _generator(model).run([], _WARM, 2) == []
