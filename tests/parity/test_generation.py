"""Greedy texts are lm-eval's, for every architecture; sampled ones follow what was asked."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lm_eval")

from scipy import stats  # noqa: E402

from slmbench.ports import Sampling  # noqa: E402
from tests.parity.architectures import REQUIRED, ROWS, WINDOW  # noqa: E402
from tests.parity.peers import lm_eval_texts, lm_evals, ours, plain_logits  # noqa: E402

Build = Callable[[str], Path]

_TOKENS = 24
_TEXT = (
    "On Monday the radio in the kitchen was silent, so Nora took her blue coat and walked down to "
    "the harbour. A small boat had come in from Lisbon with cheese, lamps and a box of letters. "
    "Nobody knew who had sent them, and the man at the desk only said that the train was late"
)
_WORDS = _TEXT.split()
#: Twelve prompts of unequal length, the longest of them longer than any sliding window.
_PROMPTS = [" ".join(_WORDS[start : start + size]) for start, size in (
    (0, 1), (0, 4), (3, 2), (5, 7), (9, 12), (2, 20), (20, 30), (0, 45), (1, 45), (30, 5), (33, 3),
    (12, 16),
)]  # fmt: skip


def _our_texts(
    backend: Any, prompts: Sequence[str], stop: tuple[str, ...] = (), length: int = _TOKENS
) -> list[str]:
    how = Sampling(max_new_tokens=length, stop=stop)
    found = backend.generate([backend.encode(prompt) for prompt in prompts], how, 1)
    return [each.text for (each,) in found]


def _their_texts(name: str, harness: Any, prompts: Sequence[str], stop: Sequence[str]) -> list[str]:
    settings: dict[str, Any] = {"until": list(stop), "do_sample": False, "max_gen_toks": _TOKENS}
    if ROWS[name].seq2seq:
        # lm-eval would add the prompt's length, though the decoder starts from one token.
        settings["max_length"] = _TOKENS + 1
    return lm_eval_texts(harness, prompts, settings)


def _assert_lm_evals(
    name: str, harness: Any, prompts: Sequence[str], stop: Sequence[str], found: list[str]
) -> None:
    """Assert that texts are those of lm-eval's batch, or else of lm-eval with each prompt alone.

    lm-eval pads a batch on the left, and some models are changed by that.
    """
    batch = harness.batch_size_per_gpu
    together = _their_texts(name, harness, prompts, stop)
    doubtful = [i for i, text in enumerate(found) if text != together[i]]
    harness.batch_size_per_gpu = 1
    alone = _their_texts(name, harness, [prompts[i] for i in doubtful], stop) if doubtful else []
    harness.batch_size_per_gpu = batch
    assert [found[i] for i in doubtful] == alone


def _stops(texts: Sequence[str]) -> tuple[str, ...]:
    """Return a few letters of the second half of two texts: stops that will be met."""
    halves = [text[len(text) // 2 :] for text in texts]
    return tuple(m[0] for half in halves if (m := re.search(r"[a-z ]*[a-z]{2}", half)))[:2]


def _prompts(name: str) -> list[str]:
    """Return the prompts; transformers' RecurrentGemma takes a prompt of one token for a next step.

    What it answers to one depends on what was asked before.
    """
    return _PROMPTS[1:] if name == "recurrent_gemma" else _PROMPTS


@pytest.mark.parametrize("name", sorted(ROWS))
def test_greedy_texts_are_lm_evals(name: str, checkpoint: Build) -> None:
    prompts = _prompts(name)
    found = _our_texts(ours(checkpoint(name), batch_size=12), prompts)
    _assert_lm_evals(name, lm_evals(checkpoint(name), batch_size=12), prompts, (), found)


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_a_stop_ends_a_greedy_text_where_lm_eval_ends_it(name: str, checkpoint: Build) -> None:
    backend = ours(checkpoint(name), batch_size=12)
    found = _our_texts(backend, _PROMPTS)
    stop = _stops(found)
    stopped = _our_texts(backend, _PROMPTS, stop)
    assert len(stop) == 2
    assert sum(map(len, stopped)) < sum(map(len, found))
    harness = lm_evals(checkpoint(name), batch_size=12)
    _assert_lm_evals(name, harness, _PROMPTS, stop, stopped)


@pytest.mark.parametrize("name", sorted(ROWS))
def test_a_greedy_text_does_not_depend_on_its_neighbours(name: str, checkpoint: Build) -> None:
    backend = ours(checkpoint(name), batch_size=8)
    prompts = _prompts(name)[:8]
    together = _our_texts(backend, prompts, length=8)
    for index in (0, 3, 6):
        assert _our_texts(backend, [prompts[index]], length=8) == [together[index]]


@pytest.mark.parametrize("name", ["llama", "mistral", "gpt2", "falcon_alibi", "mamba", "t5"])
def test_a_prompt_too_long_loses_tokens_on_the_left(name: str, checkpoint: Build) -> None:
    backend = ours(checkpoint(name))
    harness = lm_evals(checkpoint(name))
    prompts = [" ".join([*_WORDS, *_WORDS, *_WORDS][:size]) for size in (150, 100, 9)]
    room = WINDOW - _TOKENS
    assert [len(backend.encode(prompt)) > room for prompt in prompts] == [True, True, False]
    _assert_lm_evals(name, harness, prompts, (), _our_texts(backend, prompts))


@pytest.mark.parametrize(
    "settings",
    [
        {"repetition_penalty": 1.6},
        {"no_repeat_ngram_size": 1},
        {"eos_token_id": "a list"},
        {"suppress_tokens": "the first"},
        {"do_sample": True, "temperature": 0.6},
    ],
    ids=lambda each: next(iter(each)),
)
def test_the_checkpoints_own_settings_count(
    settings: dict[str, Any], checkpoint: Build, tmp_path: Path
) -> None:
    path = shutil.copytree(checkpoint("llama"), tmp_path / "changed")
    before = ours(path)
    prompts = [before.encode(prompt) for prompt in _PROMPTS]
    (first,) = before.generate(prompts[4:5], Sampling(max_new_tokens=_TOKENS), 1)[0]
    file = path / "generation_config.json"
    own = json.loads(file.read_text())
    wanted: dict[str, Any] = {"a list": [1, first.tokens[5]], "the first": [first.tokens[0]]}
    own.update({key: wanted.get(str(value), value) for key, value in settings.items()})
    file.write_text(json.dumps(own))
    found = _our_texts(ours(path), _PROMPTS)
    assert (found[4] == first.text) == ("do_sample" in settings)
    _assert_lm_evals("llama", lm_evals(path, batch_size=12), _PROMPTS, (), found)


_SAMPLED = ["llama", "gemma3", "falcon_alibi", "mamba", "t5"]
_WARM = {"temperature": 1.0, "top_p": 0.9}


def _tokens(backend: Any, prompts: Sequence[str], k: int, **how: Any) -> list[list[Any]]:
    asked = Sampling(**{"max_new_tokens": 10, **_WARM, **how})
    found = backend.generate([backend.encode(prompt) for prompt in prompts], asked, k)
    return [[each.tokens for each in row] for row in found]


@pytest.mark.parametrize("name", _SAMPLED)
def test_a_seed_fixes_the_texts(name: str, checkpoint: Build) -> None:
    backend = ours(checkpoint(name))
    first = _tokens(backend, _PROMPTS[:3], 4, seed=3)
    assert [len(set(row)) for row in first] == [4, 4, 4]
    assert _tokens(backend, _PROMPTS[:3], 4, seed=3) == first
    assert _tokens(ours(checkpoint(name)), _PROMPTS[:3], 4, seed=3) == first
    other = _tokens(backend, _PROMPTS[:3], 4, seed=4)
    assert all(set(one).isdisjoint(two) for one, two in zip(first, other, strict=True))


@pytest.mark.parametrize("name", _SAMPLED)
def test_a_sampled_text_does_not_depend_on_its_neighbours(name: str, checkpoint: Build) -> None:
    backend = ours(checkpoint(name), batch_size=8)
    together = _tokens(backend, _PROMPTS[:6], 3, seed=3)
    assert _tokens(ours(checkpoint(name), batch_size=1), _PROMPTS[:6], 3, seed=3) == together
    assert _tokens(backend, _PROMPTS[5::-1], 3, seed=3) == together[::-1]
    for index in (0, 4):
        assert _tokens(backend, [_PROMPTS[index]], 3, seed=3) == [together[index]]
        assert _tokens(backend, [_PROMPTS[index]], 2, seed=3) == [together[index][:2]]


def _chances(logits: np.ndarray, temperature: float, top_k: int, top_p: float) -> np.ndarray:
    """Return the distribution after temperature, then top-k, then the nucleus of what is left."""
    chances = _softmax(logits / temperature)
    order = np.argsort(-chances)
    if top_k:
        chances[order[top_k:]] = 0.0
        chances /= chances.sum()
    before = np.cumsum(chances[order]) - chances[order]
    chances[order[before >= top_p]] = 0.0
    result: np.ndarray = chances / chances.sum()
    return result


def _softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.exp(logits - logits.max())
    result: np.ndarray = shifted / shifted.sum()
    return result


@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"),
    [(0.5, 0, 1.0), (1.0, 0, 1.0), (1.5, 30, 1.0), (0.6, 0, 0.8), (0.8, 40, 0.7)],
)
def test_samples_follow_the_distribution(
    temperature: float, top_k: int, top_p: float, checkpoint: Build
) -> None:
    backend = ours(checkpoint("llama"))
    prompt = backend.encode(_PROMPTS[0])
    how = Sampling(1, temperature=temperature, top_k=top_k, top_p=top_p, seed=17)
    draws = 4000
    (found,) = backend.generate([prompt], how, draws)
    counts = np.zeros(2048)
    for token, count in Counter(each.tokens[0] for each in found).items():
        counts[token] = count
    model = lm_evals(checkpoint("llama")).model
    logits = plain_logits(model, prompt, [2])[0].double().numpy()
    chances = _chances(logits, temperature, top_k, top_p)
    assert counts.sum() == draws
    assert counts[chances == 0].sum() == 0
    # Tokens expected less than five times share one cell, as the test's approximation asks.
    often = chances * draws >= 5
    cells = [*counts[often], counts[~often].sum()]
    expected = [*(chances[often] * draws), chances[~often].sum() * draws]
    if expected[-1] < 5:
        rest, share = cells.pop(), expected.pop()
        cells[-1] += rest
        expected[-1] += share
    assert len(cells) > 10
    assert stats.chisquare(cells, expected).pvalue > 1e-4
