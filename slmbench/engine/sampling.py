"""Choose the next token from logits: greedy, or drawn from a filtered distribution."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch

from slmbench.ports import Sampling

#: The nucleus is looked for among this many of the likeliest tokens before all are sorted.
_CANDIDATES = 1024


class Stream:
    """The random numbers of one continuation.

    They follow from the seed, the prompt and the continuation's number alone, so a text doesn't
    depend on what else is in its batch, nor on when it got there.
    """

    def __init__(self, seed: int, prompt: Sequence[int], number: int) -> None:
        """Begin the stream of continuation ``number`` of ``prompt`` (token ids)."""
        text = f"{seed}/{number}/{','.join(map(str, prompt))}"
        digest = hashlib.sha256(text.encode()).digest()
        self._generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))

    def next(self, vocabulary: int) -> torch.Tensor:
        """Return the next draw: one exponential number for each token of the vocabulary."""
        return torch.empty(vocabulary).exponential_(generator=self._generator)


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
    arrivals = torch.stack([stream.next(scores.shape[-1]) for stream in streams])
    arrivals = arrivals.to(scores.device)
    scores = scores / how.temperature
    if how.top_k <= 0 and how.top_p >= 1:
        return [int(t) for t in (scores - arrivals.log()).argmax(dim=-1).tolist()]
    chances, tokens = _filtered(scores, how)
    first = (chances / arrivals.gather(1, tokens)).argmax(dim=-1)
    return [int(token) for token in tokens.gather(1, first[:, None])[:, 0].tolist()]


def _filtered(scores: torch.Tensor, how: Sampling) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (chances, tokens), the likeliest first, of what top-k and then top-p leave.

    The nucleus is the smallest set of the likeliest tokens whose chances reach ``top_p``
    (Holtzman et al., arXiv 1904.09751), taken after top-k, as transformers does.
    """
    vocabulary = scores.shape[-1]
    count = min(how.top_k, vocabulary) if how.top_k > 0 else min(_CANDIDATES, vocabulary)
    values, tokens = scores.topk(count, dim=-1)
    total = values if how.top_k > 0 else scores
    chances = torch.exp(values - torch.logsumexp(total, dim=-1, keepdim=True))
    if how.top_p < 1:
        short = count < vocabulary and how.top_k <= 0
        if short and bool((chances.sum(dim=-1) < how.top_p).any()):
            chances, tokens = torch.softmax(scores, dim=-1).sort(dim=-1, descending=True)
        before = chances.cumsum(dim=-1) - chances
        chances = torch.where(before < how.top_p, chances, 0.0)
    return chances, tokens
