"""Prompts that several growing texts continue: each is held once and read in place by all of them.

Without this the keys of a prompt would stand in the cache once for each continuation, and each
would be read anew at every step: with 25 continuations of a long prompt that is nearly all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from slmbench.engine.cache import KeyValues


@dataclass(frozen=True, slots=True)
class SharedPrompts:
    """Prompts as one pass of attention reads them.

    Attributes:
        states: keys and values by layer, each (prompts, key/value heads, width, head size); zeros
            after a prompt's end.
        lengths: of each row's prompt, (rows,).
        index: the rows of each prompt, (prompts, most rows of one), filled up with its first.
        place: where each row stands in the flattened index, (rows,).
    """

    states: list[KeyValues]
    lengths: torch.Tensor
    index: torch.Tensor
    place: torch.Tensor

    @property
    def width(self) -> int:
        """Return the tokens of the longest prompt."""
        return int(self.states[0][0].shape[2])

    def seen(self) -> torch.Tensor:
        """Return which columns hold a token of each row's prompt, (rows, width)."""
        return torch.arange(self.width, device=self.lengths.device) < self.lengths[:, None]


class Prompts:
    """The prompts of the rows that grow now."""

    def __init__(self) -> None:
        self._held: list[list[KeyValues]] = []
        self._owners: list[int] = []
        self._made: SharedPrompts | None = None

    @property
    def is_empty(self) -> bool:
        """Say whether no row continues a shared prompt."""
        return not self._held

    def add(self, states: list[KeyValues], row: int, first: int, length: int, copies: int) -> None:
        """Hold columns ``first`` to ``first + length`` of ``states`` for ``copies`` new rows."""
        part = slice(first, first + length)
        self._owners.extend([len(self._held)] * copies)
        self._held.append(
            [(k[row : row + 1, :, part], v[row : row + 1, :, part]) for k, v in states]
        )
        self._made = None

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows, in this order, and forget prompts that none of them continues."""
        owners = [self._owners[row] for row in rows]
        left = sorted(set(owners))
        number = {old: new for new, old in enumerate(left)}
        self._held = [self._held[old] for old in left]
        self._owners = [number[old] for old in owners]
        self._made = None

    def shared(self) -> SharedPrompts | None:
        """Return the prompts for a pass over all rows, or None where there are none."""
        if self._made is None and self._held:
            self._made = self._make()
        return self._made if self._held else None

    def _make(self) -> SharedPrompts:
        device = self._held[0][0][0].device
        lengths = [int(held[0][0].shape[2]) for held in self._held]
        rows: list[list[int]] = [[] for _ in self._held]
        for row, owner in enumerate(self._owners):
            rows[owner].append(row)
        most = max(map(len, rows))
        place = [0] * len(self._owners)
        for owner, own in enumerate(rows):
            for number, row in enumerate(own):
                place[row] = owner * most + number
        filled = [[*own, *[own[0]] * (most - len(own))] for own in rows]
        return SharedPrompts(
            states=[self._stacked(layer, max(lengths)) for layer in range(len(self._held[0]))],
            lengths=torch.tensor([lengths[owner] for owner in self._owners], device=device),
            index=torch.tensor(filled, device=device),
            place=torch.tensor(place, device=device),
        )

    def _stacked(self, layer: int, width: int) -> KeyValues:
        pairs = [held[layer] for held in self._held]
        keys, values = (
            # What stands after a prompt's end is masked, and 0 x inf would be no number.
            each.new_zeros((len(pairs), each.shape[1], width, each.shape[3]))
            for each in pairs[0]
        )
        for number, (key, value) in enumerate(pairs):
            keys[number, :, : key.shape[2]] = key[0]
            values[number, :, : value.shape[2]] = value[0]
        return keys, values
