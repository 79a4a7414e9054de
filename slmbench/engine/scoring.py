"""Score continuations under a causal language model, one padded batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from slmbench.errors import InputError

Pair = tuple[Sequence[int], Sequence[int]]


def score_pairs(
    model: Any, pairs: Sequence[Pair], max_length: int, batch_size: int
) -> list[tuple[float, bool]]:
    """Return, for each (context, continuation) of token ids, its score under the model.

    A pair longer than the context window loses tokens on the left, as in lm-eval. Rows are padded
    on the right, which a causal model cannot see, so the batch size changes nothing but speed.

    Args:
        model: a transformers causal language model in evaluation mode.
        pairs: token ids; neither part is empty, and a continuation fits the window.
        max_length: tokens of the context window.
        batch_size: sequences in one forward pass.

    Returns:
        (log-likelihood in nats, summed over the continuation; whether it is the greedy one).

    Raises:
        InputError: a continuation does not fit the context window.
    """
    longest = max((len(continuation) for _, continuation in pairs), default=0)
    if longest > max_length:
        raise InputError(
            f"An answer of {longest} tokens doesn't fit the model's context of {max_length}. "
            "Leave the task out, or choose a model with a longer context."
        )
    order = sorted(range(len(pairs)), key=lambda i: -(len(pairs[i][0]) + len(pairs[i][1])))
    scores: list[tuple[float, bool]] = [(0.0, False)] * len(pairs)
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        for index, score in zip(
            chosen, _score_batch(model, [pairs[i] for i in chosen], max_length), strict=True
        ):
            scores[index] = score
    return scores


def _score_batch(model: Any, pairs: list[Pair], max_length: int) -> list[tuple[float, bool]]:
    rows = [[*context, *continuation][-(max_length + 1) :] for context, continuation in pairs]
    width = max(len(row) for row in rows) - 1
    inputs = torch.zeros((len(rows), width), dtype=torch.long)
    for index, row in enumerate(rows):
        inputs[index, : len(row) - 1] = torch.tensor(row[:-1])
    with torch.inference_mode():
        logits = model(input_ids=inputs.to(model.device), use_cache=False).logits
    scores = []
    for index, (row, (_, continuation)) in enumerate(zip(rows, pairs, strict=True)):
        end = len(row) - 1
        # Only the positions that predict a continuation token are brought to fp32.
        kept = logits[index, end - len(continuation) : end].float()
        target = torch.tensor(row[-len(continuation) :], device=kept.device)
        chances = torch.log_softmax(kept, dim=-1)
        picked = chances.gather(1, target[:, None])
        scores.append((float(picked.sum()), bool((kept.argmax(dim=-1) == target).all())))
    return scores
