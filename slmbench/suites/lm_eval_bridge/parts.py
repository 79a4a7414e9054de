"""Cut what a task asks into checkpoints: always in the same places, whatever the host's speed."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

from slmbench.ports import Sampling

#: A pair to score: the tokens of its context and of its continuation.
Pair = tuple[tuple[int, ...], tuple[int, ...]]


class Question(NamedTuple):
    """A prompt to continue: who asked (places in the list of requests), and how often."""

    prompt: str
    tokens: tuple[int, ...]
    how: Sampling
    askers: tuple[int, ...]

    @property
    def k(self) -> int:
        """Return how many continuations are needed: a greedy one serves every asker."""
        return len(self.askers) if self.how.temperature > 0 else 1


def scoring_parts(pairs: Iterable[Pair], window: int, budget: int) -> list[list[Pair]]:
    """Return the distinct pairs in depth-first order of their prefix tree, cut into parts.

    Neighbours share the longest prefixes there are, so that the engine computes these once.

    Args:
        pairs: in any order; one that comes twice is returned once.
        window: tokens of a row that the model sees; what lies further left is cut off.
        budget: tokens of a part, without those a row shares with the one before it. Only a row
            that is longer on its own makes a longer part.
    """
    rows = sorted((_key(pair, window), len(pair[0]), pair) for pair in set(pairs))
    parts: list[list[Pair]] = []
    spent, before = 0, b""
    for key, _, pair in rows:
        cost = (len(key) - _shared_bytes(before, key)) // 4
        if not parts or spent + cost > budget:
            parts.append([])
            spent, cost = 0, len(key) // 4
        parts[-1].append(pair)
        spent, before = spent + cost, key
    return parts


def generation_parts(questions: Iterable[Question], step: int) -> list[list[Question]]:
    """Return questions in parts of equal settings and k, longest prompt first."""
    ordered = sorted(questions, key=lambda each: (_settings(each), -len(each.tokens), each.tokens))
    return [
        group[start : start + step]
        for _, same in groupby(ordered, key=_settings)
        for group in [list(same)]
        for start in range(0, len(group), step)
    ]


def _settings(question: Question) -> tuple[str, int]:
    return repr(question.how), question.k


def _key(pair: Pair, window: int) -> bytes:
    """Return a row as bytes that sort as its tokens do, much faster than a tuple of them."""
    row = (*pair[0], *pair[1])[-window:]
    return struct.pack(f">{len(row)}I", *row)


def _shared_bytes(one: bytes, other: bytes) -> int:
    """Return the length of the common prefix, by halving: comparing bytes costs next to nothing."""
    low, high = 0, min(len(one), len(other)) // 4
    while low < high:
        middle = (low + high + 1) // 2
        if one[: 4 * middle] == other[: 4 * middle]:
            low = middle
        else:
            high = middle - 1
    return 4 * low
