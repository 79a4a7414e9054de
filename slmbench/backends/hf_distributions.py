"""The next-token distributions of a transformers model, never more than a slice of them at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from slmbench.engine.forward import only_predicting
from slmbench.ports import Tokens


def next_token_logprobs(
    model: Any, rows: Sequence[Tokens], positions: int, has_cache: bool
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield the distributions after every token; see `ports.DistributionSource`.

    A row that is longer than a slice is read in pieces after its cache, or where the model has no
    such cache from its start again; only the piece's own positions are carried to the vocabulary.
    """
    for number, row in enumerate(rows):
        cache = None
        keeps = has_cache and len(row) > positions
        for start in range(0, len(row), positions):
            end = min(start + positions, len(row))
            logits, cache = _read(model, row[:end], start, cache, keeps)
            yield number, start, torch.log_softmax(logits.float(), dim=-1).cpu().numpy()


def vocabulary_hash(tokenizer: Any) -> str:
    """Return SHA-256 over every token of a tokenizer and its number."""
    entries = sorted((int(number), str(token)) for token, number in tokenizer.get_vocab().items())
    return hashlib.sha256(json.dumps(entries, allow_nan=False).encode()).hexdigest()


def _read(model: Any, row: Tokens, start: int, cache: Any, keeps: bool) -> tuple[torch.Tensor, Any]:
    """Return logits after the tokens from ``start`` on, (positions, vocabulary), and the cache."""
    begin = start if keeps else 0
    settings: dict[str, Any] = {"use_cache": keeps}
    if cache is not None:
        mask = torch.ones((1, len(row)), dtype=torch.long, device=model.device)
        settings.update(past_key_values=cache, attention_mask=mask)
    ids = torch.tensor([list(row[begin:])], device=model.device)
    places = [(0, place - begin) for place in range(start, len(row))]
    with torch.inference_mode(), only_predicting(model, places):
        out = model(input_ids=ids, **settings)
    return out.logits[0], out.past_key_values if keeps else None
