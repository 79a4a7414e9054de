"""Choose the next token from logits with numpy alone, for backends that run without torch.

The random numbers are those of the transformers backend (SplitMix64 under a key that follows from
the seed, the prompt, the continuation's number and the count of draws), so equal weights draw equal
texts in both, but where two tokens arrive at nearly the same time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slmbench.ports import Sampling

Numbers = NDArray[Any]

#: The nucleus is looked for among so many of the likeliest tokens, then among more, then among all.
_CANDIDATES = (128, 2048)
#: Constants of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
_STEP = 0x9E3779B97F4A7C15
_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1))
#: The stream's keys advance by the size of the step as a signed number.
_ADVANCE = 2**64 - _STEP


class DrawStream:
    """The random numbers of one continuation; they don't depend on what else is in its batch."""

    def __init__(self, seed: int, prompt: Sequence[int], number: int) -> None:
        """Begin the stream of continuation ``number`` of ``prompt`` (token ids)."""
        text = f"{seed}/{number}/{','.join(map(str, prompt))}"
        digest = hashlib.sha256(text.encode()).digest()
        self._key = int.from_bytes(digest[:7], "big")
        self._drawn = 0

    def next(self) -> int:
        """Return the key of the next draw."""
        self._drawn += 1
        return (self._key + self._drawn * _ADVANCE) % 2**63


def draw(logits: Numbers, how: Sampling, stream: DrawStream) -> int:
    """Return one token id.

    A token is drawn as the first to arrive of independent exponential arrivals at the rates that
    its chances give (the Gumbel-max trick, arXiv 1411.0030).

    Args:
        logits: (vocabulary,), float32.
        how: temperature (0 is greedy), top_k (0 is all) and top_p; top-p is taken after top-k.
        stream: of the continuation; greedy choice reads nothing from it.
    """
    if how.temperature == 0:
        return int(logits.argmax())
    key = stream.next()
    scores = logits / np.float32(how.temperature)
    if how.top_k <= 0 and how.top_p >= 1:
        return _first(_softmax(scores), np.arange(len(scores)), key)
    if how.top_k > 0:
        tokens = _best(scores, how.top_k)
        return _first(_nucleus(_softmax(scores[tokens]), how.top_p), tokens, key)
    return _within(scores, how.top_p, key)


def log_softmax(logits: Numbers) -> Numbers:
    """Return natural-log probabilities, rows x vocabulary; sums are carried in float64."""
    top = logits.max(axis=-1, keepdims=True)
    total = np.exp(logits - top).sum(axis=-1, keepdims=True, dtype=np.float64)
    return np.asarray(logits - top - np.log(total), dtype=np.float64)


def _within(scores: Numbers, top_p: float, key: int) -> int:
    """Return a token from the nucleus, looked for among few candidates first."""
    top = scores.max()
    total = top + np.log(np.exp(scores - top).sum(dtype=np.float64))
    for count in (*_CANDIDATES, len(scores)):
        tokens = _best(scores, count)
        chances = np.exp(scores[tokens] - total)
        if chances.sum() >= top_p or count >= len(scores):
            break
    return _first(_nucleus(chances, top_p), tokens, key)


def _best(scores: Numbers, count: int) -> Numbers:
    """Return the ids of the highest scores, the highest first."""
    if count >= len(scores):
        return np.argsort(-scores, kind="stable")
    found = np.argpartition(-scores, count - 1)[:count]
    return found[np.lexsort((found, -scores[found]))]


def _nucleus(chances: Numbers, top_p: float) -> Numbers:
    """Return chances, the likeliest first, of the smallest set that reaches ``top_p``; 0 elsewhere.

    Holtzman et al., arXiv 1904.09751.
    """
    if top_p >= 1:
        return chances
    before = chances.cumsum() - chances
    return np.where(before < top_p, chances, 0.0)


def _softmax(scores: Numbers) -> Numbers:
    raised = np.exp(scores - scores.max())
    return np.asarray(raised / raised.sum())


def _first(chances: Numbers, tokens: Numbers, key: int) -> int:
    """Return the token that arrives first."""
    arrivals = -np.log(_uniform(tokens, key))
    return int(tokens[(chances / arrivals).argmax()])


def _uniform(tokens: Numbers, key: int) -> Numbers:
    """Return a number in (0, 1) for each token id under a key."""
    start = _mixed(np.array([key], dtype=np.uint64))
    mixed = _mixed(start + tokens.astype(np.uint64) * np.uint64(_STEP))
    return ((mixed >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53


def _mixed(numbers: Numbers) -> Numbers:
    """Return SplitMix64's output for each state; products wrap around at 64 bits."""
    for shift, factor in _MIX:
        numbers = (numbers ^ (numbers >> np.uint64(shift))) * np.uint64(factor)
    return numbers
