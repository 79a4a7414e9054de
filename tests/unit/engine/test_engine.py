"""The engine runs a model the way it can be run, follows its checkpoint, and says so."""

from __future__ import annotations

import random
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from tiny_models import VOCABULARY, plain_score, spell, tiny  # noqa: E402

from slmbench.engine.engine import Engine  # noqa: E402
from slmbench.ports import Sampling  # noqa: E402


def _prompts(*sizes: int) -> list[list[int]]:
    draw = random.Random(7)
    return [[draw.randrange(2, VOCABULARY) for _ in range(size)] for size in sizes]


def _engine(model: Any, **size: int) -> Engine:
    return Engine(model, 1000, spell, **size)


def _theirs(model: Any, prompt: list[int]) -> tuple[int, ...]:
    with torch.inference_mode():
        row = model.generate(torch.tensor([prompt]), max_new_tokens=20, do_sample=False)
    return tuple(row[0, len(prompt) :].tolist())


@pytest.mark.parametrize(
    "own",
    [
        {"no_repeat_ngram_size": 1},
        {"no_repeat_ngram_size": 3},
        {"suppress_tokens": [35, 21]},
        {"bad_words_ids": [[35], [70, 34]]},
        {"min_new_tokens": 20, "eos_token_id": 57},
        {"forced_eos_token_id": 9},
        {"num_beams": 3},
        {"repetition_penalty": 1.6},
        {"eos_token_id": [57, 45]},
    ],
    ids=lambda own: next(iter(own)),
)
def test_a_checkpoints_own_settings_are_followed_and_noted(own: dict[str, Any]) -> None:
    model = tiny()
    prompts = _prompts(3, 9, 5)
    plain = [_theirs(model, prompt) for prompt in prompts]
    for name, value in own.items():
        setattr(model.generation_config, name, value)
    engine = _engine(model)
    found = [row[0].tokens for row in engine.generate(prompts, Sampling(20), 1)]
    assert found == [_theirs(model, prompt) for prompt in prompts]
    assert found != plain or "no_repeat_ngram_size" in own
    followed_here = "repetition_penalty" in own or list(own) == ["eos_token_id"]
    notes = [note for note in engine.notes() if note.startswith("generation by transformers")]
    assert len(notes) == (0 if followed_here else 1)
    assert all(next(iter(own)) in note for note in notes)


@pytest.mark.parametrize(
    ("model_type", "settings"),
    [("llama", {}), ("bloom", {}), ("mamba", {"state_size": 8})],
)
def test_scores_and_texts_are_right_whatever_a_model_can_do(
    model_type: str, settings: dict[str, Any]
) -> None:
    model = tiny(model_type, **settings)
    prompts = _prompts(40, 9, 9, 3)
    engine = _engine(model, tokens=64, rows=2)
    pairs = [(prompt, prompts[-1]) for prompt in prompts]
    for (one, greedy), pair in zip(engine.score(pairs), pairs, strict=True):
        assert (one, greedy) == (pytest.approx(plain_score(model, *pair)[0], abs=1e-5), greedy)
    found = [row[0].tokens for row in engine.generate(prompts, Sampling(20), 1)]
    assert found == [_theirs(model, prompt) for prompt in prompts]
    (note,) = engine.notes()
    assert note == f"engine: {engine.ability.why}"


def test_a_model_is_tried_when_it_is_first_used() -> None:
    engine = _engine(tiny())
    assert engine.notes() == ()
    engine.score([([5], [6])])
    assert engine.notes() == ("engine: prefix trees are packed into rows",)
    assert engine.ability is engine.ability


def test_texts_that_a_model_mixes_up_in_a_batch_grow_one_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = tiny("mamba", state_size=8)
    engine = _engine(model)
    sizes = []

    def widest(*arguments: Any) -> list[Any]:
        sizes.append(arguments[5])
        return []

    monkeypatch.setattr("slmbench.engine.engine.continue_plainly", widest)
    engine.generate(_prompts(3, 3), Sampling(2), 1)
    engine._ability = type(engine.ability)(False, False, False, "", batches=False)
    engine.generate(_prompts(3, 3), Sampling(2), 1)
    assert sizes == [engine.rows, 1] and engine.rows > 1


def test_scores_and_texts_do_not_disturb_each_other() -> None:
    model = tiny()
    prompts = _prompts(400, 3)
    pairs = [([*prompts[0][:300], 5, i], [6, 7]) for i in range(4)]
    engine = _engine(model)
    scores = engine.score(pairs)
    texts = [row[0].tokens for row in engine.generate(prompts, Sampling(5), 1)]
    assert engine.score(pairs) == scores
    assert [row[0].tokens for row in engine.generate(prompts, Sampling(5), 1)] == texts
