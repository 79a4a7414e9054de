"""Choose the next token from logits: greedy, or drawn from a filtered distribution."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch

from slmbench.ports import Sampling

#: The nucleus is looked for among so many of the likeliest tokens, then among more, then among all:
#: to sort a vocabulary takes longer than a small model's forward pass.
_CANDIDATES = (16, 128, 2048)
#: Constants of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), as signed 64-bit numbers.
_STEP = -7046029254386353131
_MIX = ((30, -4658895280553007687), (27, -7723592293110705685), (31, 1))


class Stream:
    """The random numbers of one continuation.

    They follow from the seed, the prompt, the continuation's number and the count of tokens drawn,
    so a text doesn't depend on what else is in its batch, on when it got there or on the device.
    """

    def __init__(self, seed: int, prompt: Sequence[int], number: int) -> None:
        """Begin the stream of continuation ``number`` of ``prompt`` (token ids)."""
        text = f"{seed}/{number}/{','.join(map(str, prompt))}"
        digest = hashlib.sha256(text.encode()).digest()
        self._key = int.from_bytes(digest[:7], "big")
        self._drawn = 0

    def next(self) -> int:
        """Return the key of the next draw."""
        self._drawn += 1
        return (self._key + self._drawn * abs(_STEP)) % 2**63


def choose(logits: torch.Tensor, how: Sampling, streams: Sequence[Stream]) -> list[int]:
    """Return one token for each row.

    A token is drawn as the first to arrive of independent exponential arrivals at the rates that
    its chances give (the Gumbel-max trick, arXiv 1411.0030, in another dress). Rounding changes
    such a draw only where two tokens arrive at nearly the same time; a search in cumulative chances
    would carry the rounding of every token before.

    Args:
        logits: (rows, vocabulary), of any float type.
        how: temperature (0 is greedy), top_k (0 is all) and top_p.
        streams: one for each row; greedy choice reads none.
    """
    scores = logits.float()
    if how.temperature == 0:
        return [int(token) for token in scores.argmax(dim=-1).tolist()]
    keys = torch.tensor([stream.next() for stream in streams], device=scores.device)
    scores = scores / how.temperature
    if how.top_k <= 0 and how.top_p >= 1:
        every = torch.arange(scores.shape[-1], device=scores.device).expand(len(keys), -1)
        return _first(torch.softmax(scores, dim=-1), every, keys)
    if how.top_k > 0:
        values, tokens = scores.topk(min(how.top_k, scores.shape[-1]), dim=-1)
        return _first(_nucleus(torch.softmax(values, dim=-1), how.top_p), tokens, keys)
    return _within(scores, how.top_p, keys)


def _within(scores: torch.Tensor, top_p: float, keys: torch.Tensor) -> list[int]:
    """Return a token from each row's nucleus; what a token draws doesn't depend on the others."""
    found = [-1] * len(keys)
    every = torch.softmax(scores, dim=-1)
    # One token alone is the nucleus of many a row, and a maximum is found faster than an order.
    peaked = every.amax(dim=-1) >= top_p
    (alone,) = peaked.nonzero(as_tuple=True)
    for row, token in zip(alone.tolist(), every[alone].argmax(dim=-1).tolist(), strict=True):
        found[row] = token
    (left,) = (~peaked).nonzero(as_tuple=True)
    for count in (*_CANDIDATES, every.shape[-1]):
        if not len(left):
            break
        count = min(count, every.shape[-1])
        chances, tokens = every[left].topk(count, dim=-1)
        drawn = _first(_nucleus(chances, top_p), tokens, keys[left])
        # A row so flat that its nucleus is wider than the candidates is drawn again from more.
        flat = (chances.sum(dim=-1) < top_p) & (count < every.shape[-1])
        for row, token, again in zip(left.tolist(), drawn, flat.tolist(), strict=True):
            if not again:
                found[row] = token
        left = left[flat]
    return found


def _nucleus(chances: torch.Tensor, top_p: float) -> torch.Tensor:
    """Return chances, the likeliest first, of the smallest set that reaches ``top_p``; 0 elsewhere.

    Holtzman et al., arXiv 1904.09751; taken after top-k, as transformers does.
    """
    if top_p >= 1:
        return chances
    before = chances.cumsum(dim=-1) - chances
    return torch.where(before < top_p, chances, 0.0)


def _first(chances: torch.Tensor, tokens: torch.Tensor, keys: torch.Tensor) -> list[int]:
    """Return, for each row, the token that arrives first."""
    arrivals = -torch.log(_uniform(tokens, keys))
    place = (chances / arrivals).argmax(dim=-1)
    return [int(token) for token in tokens.gather(1, place[:, None])[:, 0].tolist()]


def _uniform(tokens: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
    """Return a number in (0, 1) for each token id (rows, n) under each row's key."""
    mixed = _mixed(_mixed(keys)[:, None] + tokens * _STEP)
    return ((mixed >> 11 & (1 << 53) - 1).double() + 0.5) / 2.0**53


def _mixed(numbers: torch.Tensor) -> torch.Tensor:
    """Return SplitMix64's output for each state; products wrap around at 64 bits."""
    for shift, factor in _MIX:
        numbers = (numbers ^ (numbers >> shift & (1 << 64 - shift) - 1)) * factor
    return numbers
