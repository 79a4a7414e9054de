"""A key/value cache that hands out a shared prefix and keeps what one forward pass adds."""

from __future__ import annotations

from typing import Any

import torch
from transformers.cache_utils import Cache, CacheLayerMixin

#: Keys and values of one layer, each (1, key/value heads, tokens, head size).
KeyValues = tuple[torch.Tensor, torch.Tensor]


class PrefixLayer(CacheLayerMixin):  # type: ignore[misc]
    """One layer: the prefix is read, never written; the pass's own states can be kept.

    Args:
        prefix: keys and values of the cached path, or None at its start.
        joined: hand the prefix back joined to the new states, once for each row. Where our own
            attention runs it reads the prefix itself, without a copy for each row.
        keep: remember the new states.
    """

    is_sliding = False

    def __init__(self, prefix: KeyValues | None, joined: bool, keep: bool) -> None:
        super().__init__()
        self.prefix = prefix
        self.added: KeyValues | None = None
        self.is_initialized = True
        self._joined = joined
        self._keep = keep

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Do nothing: the layer is made whole."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> KeyValues:
        """Return what the attention of this pass looks at."""
        if self._keep:
            self.added = (key_states, value_states)
        if self.prefix is None or not self._joined:
            return key_states, value_states
        return join(self.prefix, (key_states, value_states))

    def get_seq_length(self) -> int:
        """Return the tokens of the prefix."""
        return 0 if self.prefix is None else int(self.prefix[0].shape[-2])

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Return (keys, offset of the first key) of the mask."""
        return self.get_seq_length() + query_length, 0

    def get_max_length(self) -> int:
        """Return -1: the layer has no bound."""
        return -1


class PrefixCache(Cache):  # type: ignore[misc]
    """A cached path as transformers' models take it.

    Args:
        prefix: keys and values by layer; empty at the root.
        length: tokens of the path.
        joined: see `PrefixLayer`.
        keep: remember the states that this pass adds.
    """

    def __init__(self, prefix: list[KeyValues], length: int, joined: bool, keep: bool) -> None:
        self._settings = (joined, keep)
        self._length = length
        super().__init__(layers=[PrefixLayer(states, joined, keep) for states in prefix])

    def update(
        self,
        key_states: torch.Tensor,
        value_states: torch.Tensor,
        layer_idx: int,
        *args: Any,
        **kwargs: Any,
    ) -> KeyValues:
        """Return what the attention of layer ``layer_idx`` looks at."""
        while len(self.layers) <= layer_idx:
            self.layers.append(PrefixLayer(None, *self._settings))
        states: KeyValues = self.layers[layer_idx].update(key_states, value_states)
        return states

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Return the tokens of the path."""
        return self._length

    def get_mask_sizes(self, query_length: int, layer_idx: int) -> tuple[int, int]:
        """Return (keys, offset of the first key) of the mask."""
        return self._length + query_length, 0

    def added(self) -> list[KeyValues]:
        """Return the states that this pass added, by layer."""
        return [layer.added for layer in self.layers]


def join(prefix: KeyValues, added: KeyValues) -> KeyValues:
    """Return the prefix's states before the added ones, in every row."""
    rows = added[0].shape[0]
    keys, values = (
        torch.cat([old.expand(rows, -1, -1, -1), new], dim=-2)
        for old, new in zip(prefix, added, strict=True)
    )
    return keys, values
