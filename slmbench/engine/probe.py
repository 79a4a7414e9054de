"""Find out, by trying, what a model can be run as: a tree, a shared prefix, or plain rows.

No list of architectures: the model reads a small tree of random tokens in each way and its answers
are compared with those for the same rows read plainly, one at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from slmbench.engine.ability import Ability
from slmbench.engine.budget import is_out_of_memory
from slmbench.engine.forward import ROOT, run_pass
from slmbench.engine.packing import PackedRow
from slmbench.engine.partial_attention import can_split
from slmbench.engine.plain import prefix_cache, token_scores
from slmbench.engine.plain_generation import continue_plainly
from slmbench.engine.tree import Node, build
from slmbench.ports import Sampling

#: How far answers may be off, against the spread of the log-likelihoods. In half precision two
#: orders of the same sums differ by a few per cent of it; a wrong mask by more than a tenth.
_TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-3}
_HALF_TOLERANCE = 0.1
#: Characters of a model's error that a record keeps.
_SAID = 120
_PREFIX = 12
#: Tokens of each branch of the tree.
_LEAF = 8


def probe(model: Any, max_length: int) -> Ability:
    """Return how ``model`` can be run.

    Args:
        model: a transformers language model in evaluation mode.
        max_length: tokens of its context window.
    """
    name = type(model).__name__
    if getattr(model.config, "is_encoder_decoder", False):
        return Ability(False, False, False, f"{name} has an encoder: contexts are encoded once")
    rows = _rows(int(model.config.get_text_config().vocab_size))
    if max_length < max(map(len, rows)):
        return Ability(False, False, False, f"{name}'s context is too short to share anything")
    expected = _attempt(lambda: _plain_scores(model, rows))
    splits = (True, False) if can_split(model.device) else (False,)
    errors: list[str] = []
    for split in () if _may_count_places(model) else splits:
        found = _attempt(lambda split=split: _tree_scores(model, rows, split), errors)  # type: ignore[misc]
        if _agree(found, expected, model.dtype):
            how = "prefix trees are packed into rows"
            return Ability(True, split, True, how if split else f"{how} (cached paths are copied)")
    tree = f"{name} follows no tree mask{f' ({errors[-1]})' if errors else ''}"
    found = _attempt(lambda: _prefix_scores(model, rows))
    if _agree(found, expected, model.dtype):
        why = "a prefix that all share is computed once, the rest in plain batches"
        return Ability(False, False, True, f"{tree}: {why}")
    batches = _continues_in_batches(model, rows)
    size = "plain batches" if batches else "plain batches, and texts one at a time"
    return Ability(False, False, False, f"{tree}: {size}", batches)


def _may_count_places(model: Any) -> bool:
    """Say whether a model may have a window that is counted by place in the row, not by depth.

    Such a window (GPT-Neo's) is wider than the probe's rows, so it would not be seen there. A model
    that takes its attention from transformers' interface takes its windows from there too.
    """
    if getattr(model, "_supports_attention_backend", False):
        return False
    settings = model.config.get_text_config().to_dict()
    return any(value and ("window" in name or "local" in name) for name, value in settings.items())


def _rows(vocabulary: int) -> list[list[int]]:
    """Return rows that share a prefix; two of them share more, and lengths differ."""
    draw = np.random.default_rng(0).integers(0, vocabulary, size=(5, _PREFIX)).tolist()
    prefix, *others = draw
    head = prefix[:_PREFIX]
    return [
        [*head, *others[0][:4], *others[1][:_LEAF]],
        [*head, *others[0][:4], *others[2][: _LEAF - 1]],
        [*head, *others[3][: _LEAF - 2]],
        [*head, *others[2][:_LEAF]],
    ]


def _tree_scores(model: Any, rows: Sequence[list[int]], split: bool) -> list[list[float]]:
    """Return the same from a tree after a cached path."""
    lengths = [len(row) - _PREFIX - 1 for row in rows]
    (root,) = build(rows, lengths, _PREFIX)
    chain = PackedRow()
    chain.add_piece(Node(0, root.tokens, [], root.targets))
    found, path = run_pass(model, [chain], ROOT, split, keep=True)
    assert path is not None
    first, second = PackedRow(), PackedRow()
    for child in root.children[:-1]:
        first.add(child)
    # Where attention is split a pass is one row; elsewhere rows of two lengths are tried too.
    (first if split else second).add(root.children[-1])
    found = [*found, *run_pass(model, [first] if split else [first, second], path, split)[0]]
    scores: list[list[float]] = [[0.0] * length for length in lengths]
    for each in found:
        scores[each.request][each.depth - _PREFIX] = each.log_likelihood
    return scores


def _plain_scores(model: Any, rows: Sequence[list[int]]) -> list[list[float]]:
    """Return the log-likelihood of each token after the prefix and one more, row by row."""
    return [token_scores(model, [row], [len(row) - _PREFIX - 1], 0, None)[0][0] for row in rows]


def _prefix_scores(model: Any, rows: Sequence[list[int]]) -> list[list[float]]:
    """Return the same from one batch after the cached prefix."""
    lengths = [len(row) - _PREFIX - 1 for row in rows]
    cache = prefix_cache(model, rows[0][:_PREFIX])
    return [values for values, _ in token_scores(model, rows, lengths, _PREFIX, cache)]


def _continues_in_batches(model: Any, rows: Sequence[list[int]]) -> bool:
    """Say whether two texts come out side by side as alone (RWKV's in transformers don't)."""
    prompts = [rows[0][:_PREFIX], rows[-1][-_PREFIX:]]
    how = Sampling(max_new_tokens=6, ignore_eos=True)

    def tokens(asked: list[list[int]]) -> list[list[float]]:
        found = continue_plainly(model, asked, how, 1, (), len(asked), lambda _: "")
        return [list(map(float, text.tokens)) for (text,) in found]

    together = _attempt(lambda: tokens(prompts))
    return together is not None and together == [tokens([prompt])[0] for prompt in prompts]


def _attempt(
    compute: Callable[[], list[list[float]]], errors: list[str] | None = None
) -> list[list[float]] | None:
    """Return what is computed, or None where the model won't be run that way.

    What the model said then is added to ``errors``, for whoever wonders why it runs slowly.
    """
    try:
        return compute()
    # A model that can't take a mask or a cache of this kind fails in its own way, whatever that is.
    except Exception as error:
        if is_out_of_memory(error):
            raise
        if errors is not None:
            said = str(error).strip().splitlines() or [""]
            errors.append(f"{type(error).__name__}: {said[0][:_SAID]}".rstrip(": "))
        return None


def _agree(
    found: list[list[float]] | None, expected: list[list[float]] | None, dtype: torch.dtype
) -> bool:
    if found is None or expected is None:
        return False
    left, right = (np.concatenate([np.asarray(row) for row in each]) for each in (found, expected))
    error = float(np.sqrt(np.mean((left - right) ** 2)))
    return error <= _TOLERANCE.get(dtype, _HALF_TOLERANCE) * float(right.std())
