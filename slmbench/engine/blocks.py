"""Subtrees side by side in one row, for an attention that looks inside each of them alone.

A dense mask over a row of ten questions is nine tenths forbidden, and is paid for in full. Here
subtrees of like size are stacked, so each token meets only its own subtree's keys, and a row needs
no padding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from slmbench.engine.packing import PackedRow

#: Subtrees are stacked with others that are at most so many times as wide.
_LIKE = 1.5


@dataclass(frozen=True, slots=True)
class Bucket:
    """Subtrees of like size, filled up to the widest of them.

    Attributes:
        index: places of their tokens in the row, (subtrees, width); its first token fills one up.
        real: which of those are no filling, (subtrees, width).
        seen: whether token j is token i or an ancestor of it, (subtrees, width, width); None where
            every subtree is one chain.
    """

    index: torch.Tensor
    real: torch.Tensor
    seen: torch.Tensor | None


def buckets_of(row: PackedRow, device: torch.device) -> list[Bucket]:
    """Return the subtrees of a row, each in one bucket."""
    parents = np.asarray(row.parents, dtype=np.int64)
    ends = [*row.starts[1:], len(row.tokens)]
    spans = sorted(zip(row.starts, ends, strict=True), key=lambda span: span[1] - span[0])
    groups: list[list[tuple[int, int]]] = []
    for span in spans:
        first = groups[-1][0] if groups else None
        if first is None or span[1] - span[0] > _LIKE * (first[1] - first[0]):
            groups.append([])
        groups[-1].append(span)
    return [_bucket(group, parents, device) for group in groups]


def _bucket(
    spans: list[tuple[int, int]], parents: NDArray[np.int64], device: torch.device
) -> Bucket:
    width = max(end - start for start, end in spans)
    index = np.empty((len(spans), width), dtype=np.int64)
    real = np.zeros((len(spans), width), dtype=bool)
    seen = np.zeros((len(spans), width, width), dtype=bool)
    # A chain is what stands in order; what fills it up comes after all that is real.
    chains = True
    for number, (start, end) in enumerate(spans):
        count = end - start
        index[number] = start
        index[number, :count] = np.arange(start, end)
        real[number, :count] = True
        above = parents[start:end] - start
        if count > 1 and not np.array_equal(above[1:], np.arange(count - 1)):
            chains = False
        own = seen[number]
        own[np.arange(width), np.arange(width)] = True
        for place, parent in enumerate(above.tolist()):
            if parent >= 0:
                own[place, : parent + 1] = own[parent, : parent + 1]
    return Bucket(
        torch.from_numpy(index).to(device),
        torch.from_numpy(real).to(device),
        None if chains else torch.from_numpy(seen).to(device),
    )
