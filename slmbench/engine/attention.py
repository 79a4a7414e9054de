"""Let a transformers model attend along a tree instead of along a row.

A model asks transformers for its masks and (most models) for its attention by name. While
`TreeAttention` is active both questions are answered here: a token sees its ancestors, and of
those whatever the model's own rule (causal, sliding window, chunks) lets it see at their *depths*.
So each kind of layer gets its own mask, and no model has to be known by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from slmbench.engine.blocks import Bucket
from slmbench.engine.cache import KeyValues
from slmbench.engine.partial_attention import (
    merged,
    over_buckets,
    over_path,
    over_prompts,
    over_row,
    over_row_alone,
)
from slmbench.engine.prompts import SharedPrompts

#: What an attention may be asked for beyond scaled dot products.
_SPECIAL = ("position_bias", "softcap", "s_aux", "cache", "sinks")


class TreeUnsupportedError(Exception):
    """The model asks for a mask that is not a rule of depths, so it can't follow a tree."""


class TreeAttention:
    """Masks and attention of one forward pass.

    Args:
        depths: of every token read, (rows, width).
        key_depths: of every key of a row, (rows, keys); the path's are 0, 1, 2, ...
        ancestors: whether key j of a row is token i or one of its ancestors, (rows, width, keys);
            None where a row is a chain, which the model's own rule keeps in order. Where ``split``,
            the subtrees of the one row may stand here: each is attended to alone.
        prefix: keys and values of the cached path by layer, each (1, key/value heads, path, size).
        path: tokens of the cached path.
        split: attend to the path and to the row apart, without a copy of the path for each row.
        shared: prompts that rows continue, between the path and the row; their tokens stand first
            among the keys of a row. Read apart too, so only where ``split``.
    """

    def __init__(
        self,
        depths: torch.Tensor,
        key_depths: torch.Tensor,
        ancestors: torch.Tensor | list[Bucket] | None,
        prefix: list[KeyValues],
        path: int,
        split: bool,
        shared: SharedPrompts | None = None,
    ) -> None:
        self._depths = depths
        self._key_depths = key_depths
        self._buckets = ancestors if isinstance(ancestors, list) else None
        self._ancestors = None if isinstance(ancestors, list) else ancestors
        self._prefix = prefix
        self._path = path
        self._split = split
        self._shared = shared
        self._parts: dict[int, _Parts] = {}
        self.masks_made = 0
        self.attentions_made = 0

    @contextmanager
    def active(self, implementation: str) -> Iterator[TreeAttention]:
        """Answer the model's questions for masks and attention until the block ends."""
        attends = self._split and implementation == "sdpa"
        ALL_MASK_ATTENTION_FUNCTIONS[implementation] = self._mask
        if attends:
            ALL_ATTENTION_FUNCTIONS[implementation] = self._attend
        try:
            yield self
        finally:
            del ALL_MASK_ATTENTION_FUNCTIONS[implementation]
            if attends:
                del ALL_ATTENTION_FUNCTIONS[implementation]

    def _mask(
        self,
        batch_size: int,
        mask_function: Callable[..., torch.Tensor],
        attention_mask: torch.Tensor | None = None,
        config: Any = None,
        **asked: Any,
    ) -> torch.Tensor:
        """Return the mask of one kind of layer, (rows, 1, width, path + keys)."""
        rows, width = self._depths.shape
        keys_there = self._path + self._key_depths.shape[1]
        shape = (batch_size, asked["q_length"], asked["kv_length"])
        fits = shape == (rows, width, keys_there) and not asked.get("use_vmap")
        if not fits or attention_mask is not None:
            raise TreeUnsupportedError("a mask that is not a rule of depths")
        self.masks_made += 1
        if self._buckets is not None:
            return self._by_buckets(mask_function, self._buckets, asked["dtype"])
        device = self._depths.device
        path = torch.arange(self._path, device=device).expand(rows, -1)
        keys = torch.cat([path, self._key_depths], dim=1)[:, None, None, :]
        queries = self._depths[:, None, :, None]
        row = torch.arange(rows, device=device)[:, None, None, None]
        head = torch.zeros((1, 1, 1, 1), dtype=torch.long, device=device)
        allowed = mask_function(row, head, queries, keys).expand(rows, 1, width, -1).clone()
        if self._ancestors is not None:
            allowed[..., self._path :] &= self._ancestors[:, None]
        if config is not None and config._attn_implementation == "eager":
            return torch.where(allowed, 0.0, torch.finfo(asked["dtype"]).min).to(asked["dtype"])
        self._parts[id(allowed)] = self._parted(allowed, asked["dtype"])
        return allowed

    def _by_buckets(
        self, mask_function: Callable[..., torch.Tensor], buckets: list[Bucket], dtype: torch.dtype
    ) -> torch.Tensor:
        """Return a stand-in, by which `_attend` finds the masks of the path and of each bucket."""
        device = self._depths.device
        zero = torch.zeros((1, 1, 1, 1), dtype=torch.long, device=device)
        keys = torch.arange(self._path, device=device)[None, None, None]
        path = mask_function(zero, zero, self._depths[:, None, :, None], keys)
        near = []
        for bucket in buckets:
            count, width = bucket.index.shape
            # Places that fill a subtree up go on where it starts: all of them are masked.
            depths = self._depths[0][bucket.index]
            run = depths[:, :1] + torch.arange(width, device=device)
            depths = torch.where(bucket.real, depths, run)
            row = torch.arange(count, device=device)[:, None, None, None]
            seen = mask_function(row, zero, depths[:, None, :, None], depths[:, None, None])
            order = torch.ones((width, width), dtype=torch.bool, device=device).tril()
            own = order if bucket.seen is None else bucket.seen[:, None]
            near.append(_unless_chain(seen.expand(count, 1, width, width) & own, dtype))
        path = path.expand(1, 1, self._depths.shape[1], self._path)
        stand_in = torch.ones((1, 1, 1, 1), dtype=torch.bool, device=device)
        self._parts[id(stand_in)] = _Parts(stand_in, _unless_all(path, dtype), None, near)
        return stand_in

    def _parted(self, allowed: torch.Tensor, dtype: torch.dtype) -> _Parts:
        width = 0 if self._shared is None else self._shared.width
        sizes = [self._path, width, allowed.shape[-1] - self._path - width]
        path, prompt, row = allowed.split(sizes, dim=-1)
        near = [_unless_chain(row, dtype)]
        return _Parts(allowed, _unless_all(path, dtype), _unless_all(prompt, dtype), near)

    def _attend(
        self,
        module: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attention_mask: torch.Tensor | None,
        dropout: float = 0.0,
        scaling: float | None = None,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, None]:
        """Return attention, (rows, width, heads, head size), as transformers' functions do."""
        parts = self._parts.get(id(attention_mask))
        special = any(kwargs.get(name) is not None for name in _SPECIAL)
        if parts is None or special or query.shape[-1] != value.shape[-1]:
            raise TreeUnsupportedError("an attention of its own")
        self.attentions_made += 1
        layer, group = module.layer_idx, query.shape[1] // key.shape[1]
        path_mask, near = parts.folded(group)
        if self._buckets is None and self._shared is None and not self._prefix:
            found = over_row_alone(query, key, value, near[0], scaling)
            return found.transpose(1, 2), None
        if self._buckets is None:
            found = over_row(query, key, value, near[0], scaling)
        else:
            found = over_buckets(query, key, value, self._buckets, near, scaling)
        if self._shared is not None:
            mask = parts.prompted(self._shared, group)
            found = merged(found, over_prompts(query, self._shared, layer, mask, scaling))
        if self._prefix:
            keys, values = self._prefix[layer]
            found = merged(found, over_path(query, keys, values, path_mask, scaling))
        return found[0].transpose(1, 2), None


class _Parts:
    """One mask, taken apart into those of the path, of shared prompts and of what is near.

    The first two are None where all is seen. What is near is the row itself or each bucket of it;
    its mask is None where every row of that is one chain, or the last token of one.
    """

    def __init__(
        self,
        whole: torch.Tensor,
        path: torch.Tensor | None,
        prompt: torch.Tensor | None,
        near: list[torch.Tensor | None],
    ) -> None:
        # Held, so that no other mask can get its id while this pass runs.
        self._whole = whole
        self._path = path
        self._prompt = prompt
        self._near = near
        self._folded: dict[int, tuple[torch.Tensor | None, list[torch.Tensor | None]]] = {}
        self._prompted: dict[int, torch.Tensor | None] = {}

    def folded(self, group: int) -> tuple[torch.Tensor | None, list[torch.Tensor | None]]:
        """Return those of the path and of what is near, for ``group`` query heads folded together.

        Shapes: (1, 1, group x rows x width, path) and (rows, 1, group x width, width).
        """
        if group not in self._folded:
            path = self._path
            if path is not None:
                path = path.reshape(1, 1, -1, path.shape[-1]).repeat(1, 1, group, 1)
            near = [None if mask is None else mask.repeat(1, 1, group, 1) for mask in self._near]
            self._folded[group] = path, near
        return self._folded[group]

    def prompted(self, shared: SharedPrompts, group: int) -> torch.Tensor | None:
        """Return the mask of shared prompts, (prompts, 1, most rows of one x group, width)."""
        if group not in self._prompted:
            mask = self._prompt
            if mask is not None:
                mask = mask[:, 0, 0][shared.index].repeat_interleave(group, dim=1)[:, None]
            self._prompted[group] = mask
        return self._prompted[group]


def _unless_chain(seen: torch.Tensor, dtype: torch.dtype) -> torch.Tensor | None:
    """Return an additive mask, None where every token sees all before it (rows, 1, width, keys).

    A single token stands after all of its keys.
    """
    width, keys = seen.shape[-2:]
    if width == 1:
        return _unless_all(seen, dtype)
    chain = seen.new_ones(width, keys).tril()
    if width == keys and bool((seen == chain).all()):
        return None
    return torch.where(seen, 0.0, float("-inf")).to(dtype)


def _unless_all(seen: torch.Tensor, dtype: torch.dtype) -> torch.Tensor | None:
    """Return an additive mask, None where all is seen."""
    return None if bool(seen.all()) else torch.where(seen, 0.0, float("-inf")).to(dtype)
