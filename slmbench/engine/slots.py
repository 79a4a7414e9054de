"""The key/value cache of sequences that grow at different lengths, one slot each."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from transformers.cache_utils import Cache

from slmbench.engine.cache import KeyValues
from slmbench.engine.forward import Path
from slmbench.engine.prompts import Prompts

#: Columns are added by this many, so that a growing text seldom needs a new buffer.
_STEP = 64


class Slots(Cache):  # type: ignore[misc]
    """Rows of keys and values after a shared path; column c of a row is its depth ``path + c``.

    Rows that continue one prompt may read it in place (`share`): then column 0 is the first depth
    after the prompt. While a token is decoded, row i writes it at column ``lengths[i]`` and every
    row looks at the first ``width`` columns; the mask hides those that a row hasn't reached.

    Args:
        path: what every row comes after; read in place, never copied.
        rows: how many rows there will be at once, as far as is known: room is made for them all
            when the first one comes, not anew for each.
    """

    def __init__(self, path: Path, rows: int = 1) -> None:
        super().__init__(layers=[])
        self.path = path
        self._rows = rows
        self.prompts = Prompts()
        self.starts: list[int] = []
        self.lengths: list[int] = []
        self._columns: torch.Tensor | None = None
        self._buffers: list[KeyValues] = []

    @property
    def width(self) -> int:
        """Return the columns in use once every row has one more token."""
        return max(self.lengths, default=0) + 1

    def add(self, states: list[KeyValues], row: int, first: int, length: int, copies: int) -> None:
        """Give ``copies`` new rows the columns ``first`` to ``first + length`` of ``states``.

        Args:
            states: keys and values by layer, each (rows, key/value heads, columns, head size).
            row: which row of them.
            first: the column to start from.
            length: columns to take.
            copies: rows to add.
        """
        start = len(self.lengths)
        self._append(0, length, copies)
        for layer, pair in enumerate(states):
            self._reserve(layer, pair)
            for buffer, source in zip(self._buffers[layer], pair, strict=True):
                part = source[row : row + 1, :, first : first + length]
                buffer[start : start + copies, :, :length] = part

    def share(
        self, states: list[KeyValues], row: int, first: int, length: int, copies: int
    ) -> None:
        """Give ``copies`` new rows the same columns to read in place, once for all of them.

        The arguments are those of `add`; rows of one cache are all added or all share.
        """
        self.prompts.add(states, row, first, length, copies)
        self._append(length, 0, copies)

    def drop(self, rows: Collection[int]) -> list[int]:
        """Forget rows; later ones take their places.

        Returns:
            for each row that is left, which row it was.
        """
        gone = set(rows)
        left = len(self.lengths) - len(gone)
        free = sorted(row for row in gone if row < left)
        moved = [row for row in range(left, len(self.lengths)) if row not in gone]
        order = list(range(left))
        for place, row in zip(free, moved, strict=True):
            order[place] = row
        longest = max((self.lengths[row] for row in moved), default=0)
        if longest:
            for buffers in self._buffers:
                for buffer in buffers:
                    buffer[free, :, :longest] = buffer[moved, :, :longest]
        self.lengths = [self.lengths[row] for row in order]
        self.starts = [self.starts[row] for row in order]
        if not self.prompts.is_empty:
            self.prompts.keep(order)
        self._columns = None
        return order

    def update(
        self,
        key_states: torch.Tensor,
        value_states: torch.Tensor,
        layer_idx: int,
        *_: Any,
        **__: Any,
    ) -> KeyValues:
        """Write one token of every row and return what its attention looks at."""
        count, width = len(self.lengths), self.width
        self._reserve(layer_idx, (key_states, value_states))
        even = min(self.lengths) == width - 1
        if self._columns is None and not even:
            self._columns = torch.tensor(self.lengths, device=key_states.device)
        seen = []
        for buffer, state in zip(self._buffers[layer_idx], (key_states, value_states), strict=True):
            if even:
                buffer.narrow(0, 0, count).narrow(2, width - 1, 1).copy_(state)
            else:
                rows = torch.arange(count, device=key_states.device)
                buffer[rows, :, self._columns] = state[:, :, 0]
            seen.append(buffer.narrow(0, 0, count).narrow(2, 0, width))
        return seen[0], seen[1]

    def advance(self) -> None:
        """Count the token that every row wrote."""
        self.lengths = [length + 1 for length in self.lengths]
        self._columns = None

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Return the columns that the widest row has, those of the path and of a prompt too."""
        return self._before() + self.width - 1

    def get_mask_sizes(self, query_length: int, layer_idx: int) -> tuple[int, int]:
        """Return (keys, offset of the first key) of the mask."""
        return self._before() + self.width, 0

    def _before(self) -> int:
        shared = self.prompts.shared()
        return self.path.length + (0 if shared is None else shared.width)

    def _append(self, start: int, length: int, copies: int) -> None:
        self.starts.extend([start] * copies)
        self.lengths.extend([length] * copies)
        self._columns = None

    def _reserve(self, layer: int, like: KeyValues) -> None:
        """Make the buffers of a layer hold every row and one more column than is in use."""
        while len(self._buffers) <= layer:
            self._buffers.append(_empty(*like))
        rows, width, old = len(self.lengths), self.width, self._buffers[layer]
        if old[0].shape[0] >= rows and old[0].shape[2] > width:
            return
        rows, columns = max(rows, self._rows), -(-(width + 1) // _STEP) * _STEP
        grown = []
        for buffer in old:
            shape = (max(rows, buffer.shape[0]), buffer.shape[1], max(columns, buffer.shape[2]))
            new = buffer.new_zeros((*shape, buffer.shape[3]))
            new[: buffer.shape[0], :, : buffer.shape[2]] = buffer
            grown.append(new)
        self._buffers[layer] = grown[0], grown[1]


def _empty(keys: torch.Tensor, values: torch.Tensor) -> KeyValues:
    first, second = (
        each.new_zeros((0, each.shape[1], 0, each.shape[3])) for each in (keys, values)
    )
    return first, second
