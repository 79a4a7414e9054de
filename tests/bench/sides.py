"""Who is timed: slmbench, lm-eval's ``hf`` on the same weights, and a plain forward pass."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from lm_eval.models.huggingface import HFLM

from slmbench.backends.huggingface import HuggingFace
from slmbench.engine.tree import build
from slmbench.schema.model_spec import ModelSpec
from slmbench.suites.lm_eval_bridge import BridgeLM
from tests.bench.work import Pair
from tests.contract.memory_context import MemoryContext

#: Tokens of one plain forward pass that stands for the limit.
_PASS = 1024


def slmbench_side(checkpoint: Path, dtype: str) -> tuple[HuggingFace, BridgeLM]:
    """Return the backend and the lm-eval model over it."""
    backend = HuggingFace(ModelSpec(target=str(checkpoint), dtype=dtype), str(checkpoint))
    return backend, BridgeLM(backend, MemoryContext())


def lm_eval_side(backend: HuggingFace) -> Any:
    """Return lm-eval's ``hf`` over the very same weights."""
    return HFLM(
        pretrained=backend._model,
        tokenizer=backend.tokenizer,
        batch_size=1,
        max_length=backend.info.max_length,
    )


def call(harness: Any, method: str, requests: Sequence[Any]) -> Any:
    """Hand requests to a method of lm-eval's model interface."""
    if method == "_loglikelihood_tokens":
        asked = [((str(i), ""), *pair) for i, pair in enumerate(requests)]
        return harness._loglikelihood_tokens(asked, disable_tqdm=True)
    return getattr(harness, method)(list(requests), disable_tqdm=True)


def limit(model: Any, pairs: Sequence[Pair]) -> tuple[Callable[[], None], int]:
    """Return (a plain forward pass over as many tokens as are distinct, that count).

    Causal rows of such a length that a token looks at as many keys, on average, as it has to; about
    1,024 tokens at once, without masks, trees or caches; the vocabulary is reached from as many
    positions as predict.
    """
    rows = [[*context, *answer] for context, answer in pairs]
    roots = build(rows, [len(answer) for _, answer in pairs], block=10**6)
    tokens = sum(root.size for root in roots)
    predicted = sum(root.predicted for root in roots)
    nodes = [node for root in roots for node in root.walk()]
    depths = [depth for node in nodes for depth in range(node.start, node.end)]
    # A row of n tokens looks at (n + 1) / 2 keys on average.
    row = round(2 * statistics.mean(depths)) + 1
    sizes = [row] * (tokens // row) + [tokens % row] * (tokens % row > 0)
    at_once = -(-_PASS // row)

    def run() -> None:
        with torch.inference_mode():
            for width in sorted(set(sizes), reverse=True):
                for first in range(0, sizes.count(width), at_once):
                    count = min(at_once, sizes.count(width) - first)
                    ids = torch.randint(5, 1000, (count, width), device=model.device)
                    hidden = model.base_model(input_ids=ids, use_cache=False)[0]
                    hidden = hidden.flatten(0, 1)
                    model.get_output_embeddings()(hidden[: round(predicted * len(hidden) / tokens)])
            if model.device.type == "cuda":
                torch.cuda.synchronize()

    return run, tokens
