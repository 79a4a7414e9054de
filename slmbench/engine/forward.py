"""One forward pass over packed rows: logits where a token is predicted, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from slmbench.engine.attention import TreeAttention
from slmbench.engine.blocks import buckets_of
from slmbench.engine.cache import KeyValues, PrefixCache, join
from slmbench.engine.packing import PackedRow
from slmbench.engine.tree import Target


@dataclass(frozen=True, slots=True)
class Path:
    """A cached path: its keys and values by layer, and its length in tokens."""

    states: list[KeyValues]
    length: int

    def extended(self, added: list[KeyValues]) -> Path:
        """Return the path with the states of one more row at its end."""
        states = added
        if self.states:
            states = [join(was, new) for was, new in zip(self.states, added, strict=True)]
        return Path(states, self.length + int(added[0][0].shape[-2]))

    def start(self, length: int) -> Path:
        """Return its first ``length`` tokens, without a copy."""
        return Path([(k[..., :length, :], v[..., :length, :]) for k, v in self.states], length)


ROOT = Path([], 0)
#: Bytes of float32 logits that are brought to log-likelihoods at once: about what a cache holds.
_SLICE_BYTES = 8 * 2**20


@dataclass(frozen=True, slots=True)
class Prediction:
    """How likely one target was: natural log-likelihood, and whether no token was likelier."""

    request: int
    depth: int
    log_likelihood: float
    is_greedy: bool


def run_pass(
    model: Any, rows: Sequence[PackedRow], path: Path, split: bool, keep: bool = False
) -> tuple[list[Prediction], Path | None]:
    """Read packed rows after a cached path.

    Args:
        model: a transformers causal language model that `probe` found able to follow a tree.
        rows: what to read; shorter ones are padded on the right.
        path: what all rows come after.
        split: see `TreeAttention`.
        keep: return the path extended by the one row, a chain.

    Returns:
        (one prediction for each target, the extended path or None).
    """
    places = sorted({(i, place) for i, row in enumerate(rows) for place, _ in row.targets})
    logits, added = read(model, rows, path, split, places, keep)
    found = _predictions(logits, places, rows) if places else []
    return found, path.extended(added) if added is not None else None


def read(
    model: Any,
    rows: Sequence[PackedRow],
    path: Path,
    split: bool,
    places: Sequence[tuple[int, int]],
    keep: bool,
) -> tuple[torch.Tensor, list[KeyValues] | None]:
    """Read packed rows after a cached path.

    Returns:
        logits at ``places`` (row, position), of shape (places, vocabulary); if ``keep``, the keys
        and values of what was read, by layer, each (rows, key/value heads, width, head size).
    """
    tokens, depths = (each.to(model.device) for each in _tensors(rows))
    cache = PrefixCache(path.states, path.length, joined=not split, keep=keep)
    flat = split and len(rows) == 1
    near = buckets_of(rows[0], model.device) if flat else _ancestors(rows).to(model.device)
    tree = TreeAttention(depths, depths, near, path.states, path.length, split)
    with (
        torch.inference_mode(),
        only_predicting(model, places),
        tree.active(model.config._attn_implementation),
    ):
        logits = model(
            input_ids=tokens, position_ids=depths, past_key_values=cache, use_cache=True
        ).logits
    return logits[0], cache.added() if keep else None


def _tensors(rows: Sequence[PackedRow]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return token ids and depths, (rows, width); what fills a row up stands at its first depth."""
    width = max(len(row.tokens) for row in rows)
    tokens = np.zeros((len(rows), width), dtype=np.int64)
    depths = np.zeros((len(rows), width), dtype=np.int64)
    for index, row in enumerate(rows):
        count = len(row.tokens)
        tokens[index, :count] = row.tokens
        depths[index, :count] = row.depths
        depths[index, count:] = row.depths[0]
    return torch.from_numpy(tokens), torch.from_numpy(depths)


def _ancestors(rows: Sequence[PackedRow]) -> torch.Tensor:
    """Return whether token j is token i or an ancestor of it; padding sees itself alone."""
    width = max(len(row.tokens) for row in rows)
    ancestors = np.zeros((len(rows), width, width), dtype=bool)
    ancestors[:, np.arange(width), np.arange(width)] = True
    for index, row in enumerate(rows):
        seen = ancestors[index]
        for place, parent in enumerate(row.parents):
            if parent >= 0:
                seen[place, : parent + 1] = seen[parent, : parent + 1]
    return torch.from_numpy(ancestors)


@contextmanager
def only_predicting(model: Any, places: Sequence[tuple[int, int]]) -> Iterator[None]:
    """Carry only the hidden states at ``places`` (row, position) to the vocabulary.

    The model's own forward still does what it does before and after its output layer (scaling,
    soft caps), on logits of shape (1, places, vocabulary).
    """
    index = torch.tensor(places, device=model.device, dtype=torch.long).reshape(-1, 2)

    def select(_: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        hidden, *rest = arguments
        return (hidden[index[:, 0], index[:, 1]][None], *rest)

    handle = model.get_output_embeddings().register_forward_pre_hook(select)
    try:
        yield
    finally:
        handle.remove()


def _predictions(
    logits: torch.Tensor, places: Sequence[tuple[int, int]], rows: Sequence[PackedRow]
) -> list[Prediction]:
    """Return the prediction of every target from logits of shape (places, vocabulary)."""
    wanted: list[list[Target]] = [[] for _ in places]
    number = {place: i for i, place in enumerate(places)}
    for i, row in enumerate(rows):
        for place, target in row.targets:
            wanted[number[i, place]].append(target)
    step = max(1, _SLICE_BYTES // (4 * logits.shape[-1]))
    return [
        prediction
        for start in range(0, len(places), step)
        for prediction in _judged(logits[start : start + step].float(), wanted[start:])
    ]


def _judged(scores: torch.Tensor, wanted: Sequence[list[Target]]) -> Iterator[Prediction]:
    """Yield the prediction of each row's targets from float32 logits (rows, vocabulary)."""
    chances = torch.log_softmax(scores, dim=-1)
    pairs = [(i, target) for i, own in enumerate(wanted[: len(scores)]) for target in own]
    rows, tokens = torch.tensor(
        [[i, target.token] for i, target in pairs], device=scores.device
    ).unbind(dim=1)
    picked = chances[rows, tokens]
    # The largest value is found much faster than its place, which only the likeliest need: of
    # equally likely tokens the first is the greedy one.
    greedy = picked == chances.amax(dim=-1)[rows]
    greedy[greedy.clone()] = chances[rows[greedy]].argmax(dim=-1) == tokens[greedy]
    for (_, target), value, is_greedy in zip(pairs, picked.tolist(), greedy.tolist(), strict=True):
        yield Prediction(target.request, target.depth, value, is_greedy)
