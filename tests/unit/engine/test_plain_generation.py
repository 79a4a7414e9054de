"""Texts by transformers' own generate: each as alone, cut where it ends, drawn by our sampling."""

from __future__ import annotations

import random
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from tiny_models import END, VOCABULARY, counted, spell, tiny  # noqa: E402

from slmbench.engine.generation import Generator  # noqa: E402
from slmbench.engine.plain_generation import continue_plainly  # noqa: E402
from slmbench.ports import Generation, Sampling  # noqa: E402

_WARM = {"temperature": 1.0, "top_p": 0.95, "seed": 5}


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny()


def _prompts(*sizes: int) -> list[list[int]]:
    draw = random.Random(7)
    return [[draw.randrange(2, VOCABULARY) for _ in range(size)] for size in sizes]


def _plainly(
    model: Any, prompts: list[list[int]], how: Sampling, k: int = 1, **settings: Any
) -> list[list[Generation]]:
    asked = {"ends": [END], "rows": 8, **settings}
    return continue_plainly(model, prompts, how, k, asked["ends"], asked["rows"], spell)


def _tokens(found: list[list[Generation]]) -> list[list[tuple[int, ...]]]:
    return [[each.tokens for each in row] for row in found]


@pytest.mark.parametrize("how", [Sampling(9), Sampling(9, **_WARM)], ids=["greedy", "sampled"])
@pytest.mark.parametrize("rows", [1, 3, 32])
def test_texts_are_those_of_the_engines_own_steps(model: Any, how: Sampling, rows: int) -> None:
    prompts = _prompts(3, 11, 3, 1, 3, 3)
    own = Generator(model, split=True, rows=4, pass_tokens=64, ends=[END], decode=spell)
    found = _plainly(model, prompts, how, 3, rows=rows)
    assert _tokens(found) == _tokens(own.run(prompts, how, 3))


def test_sampled_continuations_differ_and_greedy_ones_do_not(model: Any) -> None:
    prompts = _prompts(5)
    assert len(set(_tokens(_plainly(model, prompts, Sampling(8, **_WARM), 6))[0])) == 6
    assert len(set(_tokens(_plainly(model, prompts, Sampling(8), 6))[0])) == 1


def test_only_prompts_of_one_length_share_a_batch(model: Any) -> None:
    prompts = _prompts(3, 5, 3, 5, 3, 4)
    with counted(model) as work:
        _plainly(model, prompts, Sampling(1), 2, rows=4)
    # Six texts of 3 tokens in batches of four and two, two of 4, four of 5: nothing is padding.
    assert sorted(work.tokens) == sorted([4 * 3, 2 * 3, 2 * 4, 4 * 5])


def test_texts_end_at_their_own_end_token_beside_longer_ones(model: Any) -> None:
    prompts = _prompts(4, 4, 4, 4)
    whole = _tokens(_plainly(model, prompts, Sampling(12, ignore_eos=True)))
    end = whole[2][0][3]
    found = _plainly(model, prompts, Sampling(12), ends=[END, end])
    for (text,), (full,) in zip(found, whole, strict=True):
        place = next((i + 1 for i, token in enumerate(full) if token in (END, end)), len(full))
        assert text.tokens == full[:place]
        assert len(text.token_times_s) == place
        assert list(text.token_times_s) == sorted(text.token_times_s)
    ignored = _plainly(model, prompts, Sampling(12, ignore_eos=True), ends=[END, end])
    assert _tokens(ignored) == whole


@pytest.mark.parametrize("length", [1, 3])
def test_a_stop_text_ends_text_and_count(model: Any, length: int) -> None:
    prompts = _prompts(4, 4, 4, 4)
    free = _plainly(model, prompts, Sampling(12))
    stop = spell(free[2][0].tokens[3 : 3 + length])
    found = _plainly(model, prompts, Sampling(12, stop=(stop, "never")))
    for (text,), (full,) in zip(found, free, strict=True):
        assert text.text == full.text.split(stop)[0]
        assert stop not in spell(text.tokens[:-1])
        assert text.tokens == full.tokens[: len(text.tokens)]
        assert len(text.token_times_s) == len(text.tokens)
    assert len(found[2][0].tokens) <= 3 + length


def test_sampling_beside_a_checkpoints_beams_draws_or_says_why_not() -> None:
    model = tiny()
    model.generation_config.num_beams = 2
    ((one, two),) = _plainly(model, _prompts(5), Sampling(5, **_WARM), 2)
    assert one.tokens != two.tokens


def test_no_prompts_have_no_texts(model: Any) -> None:
    assert _plainly(model, [], Sampling(3), 2) == []


def test_an_encoder_models_text_begins_after_its_start_token() -> None:
    model = tiny("t5", d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4,
                 decoder_start_token_id=1, tie_word_embeddings=False)  # fmt: skip
    (prompt,) = _prompts(6)
    ((text,),) = _plainly(model, [prompt], Sampling(5, ignore_eos=True))
    expected = [1]
    with torch.inference_mode():
        for _ in range(5):
            logits = model(
                input_ids=torch.tensor([prompt]), decoder_input_ids=torch.tensor([expected])
            ).logits
            expected.append(int(logits[0, -1].argmax()))
    assert list(text.tokens) == expected[1:]
