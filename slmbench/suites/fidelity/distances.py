"""How far are two next-token distributions apart, position by position, as llama.cpp measures it.

The definitions are those of llama.cpp's perplexity tool (``--kl-divergence``), with the reference P
and the model under test Q: KL(P || Q) in nats, whether both find the same token likeliest, and the
change of the right token's probability. llama.cpp looks at the second half of each chunk of a long
text; here every position of every document counts, from the first token on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from slmbench.ports import DistributionSource

#: Bytes of float32 log-probabilities that each model hands over at once.
_SLICE_BYTES = 16 * 2**20
NOT_FINITE = (
    "a distribution is broken or gives no chance to a token that the reference finds possible, so "
    "the divergence is not a finite number"
)


@dataclass
class Reading:
    """What two models made of one document: a number for each of its tokens, in every list.

    Attributes:
        kl_divergence: KL(reference || model) in nats.
        same_top: 1 where both models find the same token likeliest, else 0.
        delta_p: the right token's probability under the model, minus the reference's.
        loglikelihood: natural-log likelihood of the right token under the model.
        reference_loglikelihood: the same under the reference.
    """

    kl_divergence: list[float] = field(default_factory=list)
    same_top: list[int] = field(default_factory=list)
    delta_p: list[float] = field(default_factory=list)
    loglikelihood: list[float] = field(default_factory=list)
    reference_loglikelihood: list[float] = field(default_factory=list)

    @property
    def is_finite(self) -> bool:
        """Say whether every number of the document is one."""
        numbers = [*self.kl_divergence, *self.loglikelihood, *self.reference_loglikelihood]
        return bool(np.isfinite(numbers).all())


@dataclass(frozen=True)
class Window:
    """A stretch of a document that fits the models: what they read, and what they must foretell."""

    document: int
    read: tuple[int, ...]
    targets: tuple[int, ...]


def windows_of(documents: Sequence[Sequence[int]], prefix: int, longest: int) -> list[Window]:
    """Return the windows of tokenised documents; each token is foretold once.

    The first token of a document follows ``prefix``, that of a later window the token before it.
    """
    found = []
    for number, tokens in enumerate(documents):
        for start in range(0, len(tokens), longest):
            targets = tuple(tokens[start : start + longest])
            before = prefix if start == 0 else tokens[start - 1]
            found.append(Window(number, (before, *targets[:-1]), targets))
    return found


def readings(
    windows: Sequence[Window],
    documents: int,
    models: tuple[DistributionSource, DistributionSource],
    vocab_size: int,
) -> list[Reading]:
    """Return a reading of each document.

    The two models answer in step, so that no more than a slice of either's distributions is held.

    Args:
        windows: of all the documents, in order.
        documents: how many documents there are.
        models: (the reference, the model under test).
        vocab_size: entries of the vocabulary they share.
    """
    found = [Reading() for _ in range(documents)]
    rows = [window.read for window in windows]
    positions = max(1, _SLICE_BYTES // (4 * vocab_size))
    answers: list[Iterator[tuple[int, int, np.ndarray]]] = [
        model.next_token_logprobs(rows, positions) for model in models
    ]
    for (row, start, base), (_, _, other) in zip(*answers, strict=True):
        window = windows[row]
        add(found[window.document], base, other, window.targets[start : start + len(base)])
    return found


def add(reading: Reading, base: np.ndarray, other: np.ndarray, targets: Sequence[int]) -> None:
    """Add some positions to a reading.

    Args:
        reading: what they are added to.
        base: natural-log probabilities of the reference, (positions, vocabulary).
        other: the same of the model under test.
        targets: the token that comes after each position.
    """
    reference, model = _normalised(base), _normalised(other)
    chances = np.exp(reference)
    with np.errstate(invalid="ignore"):
        # What has no chance under the reference adds nothing, however unlikely the model finds it.
        parts = np.where(chances > 0.0, chances * (reference - model), 0.0)
    # A divergence is never below 0; rounding may be.
    divergences = np.maximum(parts.sum(axis=-1), 0.0)
    same = reference.argmax(axis=-1) == model.argmax(axis=-1)
    places, wanted = np.arange(len(targets)), np.asarray(targets, dtype=int)
    under_reference, under_model = reference[places, wanted], model[places, wanted]
    reading.kl_divergence += divergences.tolist()
    reading.same_top += same.astype(int).tolist()
    reading.delta_p += (np.exp(under_model) - np.exp(under_reference)).tolist()
    reading.loglikelihood += under_model.tolist()
    reading.reference_loglikelihood += under_reference.tolist()


def _normalised(logprobs: np.ndarray) -> np.ndarray:
    """Return log-probabilities in float64, their sum 1 again after rounding to float32."""
    values = logprobs.astype(np.float64)
    with np.errstate(invalid="ignore"):
        highest = values.max(axis=-1, keepdims=True)
        total = np.exp(values - highest).sum(axis=-1, keepdims=True)
        return np.asarray(values - (highest + np.log(total)))
