"""Pairs of context and continuation that meet every way in which requests can share tokens."""

from __future__ import annotations

import random
from typing import Any

from tests.parity.architectures import BEGIN, SLIDING, VOCABULARY, WINDOW
from tests.parity.peers import Pair, greedy_continuation


def fixed_pairs() -> list[Pair]:
    """Return the same pairs on every call."""
    draw = random.Random(5)

    def tokens(count: int) -> list[int]:
        return [draw.randrange(2, VOCABULARY) for _ in range(count)]

    pairs: list[Pair] = []
    # Four answers of several tokens behind one context, longer than any sliding window.
    for length in (25, 6 * SLIDING):
        context = tokens(length)
        pairs += [(context, tokens(size)) for size in (2, 3, 5, 7)]
    # Answers of one token, and answers that begin alike.
    context, start = tokens(19), tokens(3)
    pairs += [(context, tokens(1)) for _ in range(4)]
    pairs += [(context, [*start, *tokens(size)]) for size in (1, 2, 6)]
    # A few-shot prefix before several items.
    shots = tokens(40)
    for _ in range(4):
        question = [*shots, *tokens(draw.randrange(4, 12))]
        pairs += [(question, tokens(size)) for size in (1, 4)]
    # One pair is the beginning of another; the same tokens cut at another place.
    row = tokens(22)
    pairs += [(row[:cut], row[cut:end]) for cut, end in ((10, 14), (10, 22), (14, 22), (21, 22))]
    # Shorter than a window, one token of context, and the same pair twice.
    pairs += [(tokens(3), tokens(2)), ([BEGIN], tokens(9)), (tokens(1), tokens(1))]
    pairs += [pairs[1], pairs[8]]
    # At the edge of the context window and over it, where tokens are lost on the left.
    pairs += [(tokens(size), tokens(4)) for size in (WINDOW - 4, WINDOW - 3, WINDOW - 2, 170)]
    over = tokens(150)
    pairs += [(over, tokens(3)), (over, tokens(3)), ([BEGIN], tokens(WINDOW))]
    return pairs


def greedy_pairs(model: Any) -> list[Pair]:
    """Return pairs whose continuation is the model's own, and each with its last token changed."""
    draw = random.Random(6)
    pairs: list[Pair] = []
    for length, size in ((1, 2), (5, 1), (30, 3), (WINDOW + 10, 2)):
        context = [draw.randrange(2, VOCABULARY) for _ in range(length)]
        best = greedy_continuation(model, context, size)
        pairs += [(context, best), (context, [*best[:-1], 2 if best[-1] != 2 else 3])]
    return pairs
