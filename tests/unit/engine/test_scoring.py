"""Scores against a plain forward pass of the same real model, at the edges of its context."""

from __future__ import annotations

from typing import Any

import pytest

from slmbench.errors import InputError
from slmbench.resources import reference_dir

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from slmbench.engine.scoring import score_pairs  # noqa: E402


@pytest.fixture(scope="module")
def model() -> Any:
    path = reference_dir() / "pico"
    return transformers.AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()


def _plain(model: Any, context: list[int], answer: list[int]) -> float:
    tokens = torch.tensor([context + answer])
    with torch.inference_mode():
        chances = torch.log_softmax(model(tokens).logits[0], dim=-1)
    return sum(float(chances[len(context) + i - 1, token]) for i, token in enumerate(answer))


def test_equals_a_plain_forward_pass(model: Any) -> None:
    pairs = [([0, 40, 50], [60, 70]), ([0], [300, 301, 302, 303]), ([9, 8, 7, 6, 5], [4])]
    found = score_pairs(model, pairs, 512, batch_size=2)
    for (context, answer), (score, _) in zip(pairs, found, strict=True):
        assert score == pytest.approx(_plain(model, context, answer), abs=1e-4)


def test_a_long_context_loses_its_left_end(model: Any) -> None:
    context, answer = list(range(10, 40)), [50, 51]
    ((score, _),) = score_pairs(model, [(context, answer)], 16, batch_size=1)
    kept = context[-(16 + 1 - len(answer)) :]
    assert score == pytest.approx(_plain(model, kept, answer), abs=1e-4)


def test_an_answer_longer_than_the_context_is_refused(model: Any) -> None:
    with pytest.raises(InputError, match="17 tokens doesn't fit"):
        score_pairs(model, [([0], list(range(2, 19)))], 16, batch_size=1)
