"""The project's own tasks score the same through lm-eval's ``hf`` model and through slmbench."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("lm_eval")

from slmbench.plan.tasks import local_tasks
from tests.parity.architectures import ROWS
from tests.parity.peers import lm_evals, ours
from tests.parity.scores import assert_same_scores, both

#: One task of each output type.
_TASKS = ("customer_intent", "last_word", "heldout_perplexity", "field_extraction")
_MODELS = ("llama", "falcon_alibi", "mistral", "mamba", "t5")
_LIMIT = 8
#: The likelihood of a text with no question before it asks a causal model.
_CASES = [
    (name, task)
    for name in _MODELS
    for task in _TASKS
    if not (ROWS[name].seq2seq and task == "heldout_perplexity")
]

Build = Callable[[str], Path]


@pytest.mark.parametrize(("name", "task"), _CASES)
def test_a_task_scores_as_through_lm_eval(name: str, task: str, checkpoint: Build) -> None:
    path = checkpoint(name)
    here, there = both(local_tasks()[task], ours(path), lm_evals(path), _LIMIT)
    # lm-eval gives an encoder-decoder model more tokens to write than the task asks for.
    assert_same_scores(here, there, task, texts=not ROWS[name].seq2seq)


@pytest.mark.parametrize("name", ["llama", "mistral", "falcon_alibi", "mamba"])
def test_a_text_longer_than_the_window_scores_as_through_lm_eval(
    name: str, checkpoint: Build
) -> None:
    path, task = checkpoint(name), "heldout_perplexity"
    backends = ours(path, max_length=16), lm_evals(path, max_length=16)
    here, there = both(local_tasks()[task], *backends, _LIMIT)
    assert_same_scores(here, there, task)
