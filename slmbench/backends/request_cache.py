"""Answer from a file what a model was asked before, so that nothing is computed twice.

One SQLite file for each model as it is run. A question's key is a hash of the token ids sent and of
the sampling, so tasks that ask the same thing share its answer. The cache is a help and never a
need: what goes wrong with it is a note, and the model is asked instead.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any, Protocol, TypeVar

from slmbench.ports import Backend, Generation, Sampling, Tokens
from slmbench.schema.base import Measurement

Answer = TypeVar("Answer")

_SCORE = struct.Struct("<d?")


class AnswerStore(Protocol):
    """Where answers are kept by key: a file, or the memory of a process."""

    def get(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the values of those keys that are there."""

    def put(self, entries: dict[bytes, bytes]) -> None:
        """Keep values."""


class CachedBackend:
    """A backend that asks another one only what the cache does not know.

    No generation has token times, neither a kept nor a new one, so that both are the same: a suite
    that measures time must ask the model itself.

    Args:
        backend: who answers what is not in the cache.
        cache: answers of this very model, run this very way.

    Attributes:
        hits: answers that were in the cache.
        misses: answers that were computed; of equal questions in one call only one is.
    """

    def __init__(self, backend: Backend, cache: AnswerStore) -> None:
        """Put ``cache`` before ``backend``."""
        self.info = backend.info
        self.hits = 0
        self.misses = 0
        self._backend = backend
        self._cache = cache

    @property
    def batch_size(self) -> int:
        """Return the backend's own number of sequences in one forward pass."""
        return self._backend.batch_size

    @batch_size.setter
    def batch_size(self, size: int) -> None:
        """Set the backend's own."""
        self._backend.batch_size = size

    def loglikelihood(self, pairs: Sequence[tuple[Tokens, Tokens]]) -> list[tuple[float, bool]]:
        """Score pairs; all that are not in the cache are one call to the backend."""
        return self._answers(
            [_pair_key(*pair) for pair in pairs],
            lambda missing: self._backend.loglikelihood([pairs[index] for index in missing]),
            _pack_score,
            _unpack_score,
        )

    def generate(self, prompts: Sequence[Tokens], how: Sampling, k: int) -> list[list[Generation]]:
        """Continue prompts; all that are not in the cache are one call to the backend.

        A prompt is kept by itself, sampled or not: what it gets depends on no other prompt.
        """
        # Without a draw the seed has no say.
        asked = how if how.temperature > 0 else replace(how, seed=0)
        rows = self._answers(
            [_generation_key(prompt, asked, k) for prompt in prompts],
            lambda missing: self._backend.generate([prompts[index] for index in missing], how, k),
            _pack_texts,
            _unpack_texts,
        )
        return [list(row) for row in rows]

    def encode(self, text: str, add_special_tokens: bool | None = None) -> list[int]:
        """Return the backend's token ids."""
        return self._backend.encode(text, add_special_tokens)

    def decode(self, tokens: Tokens, skip_special_tokens: bool = True) -> str:
        """Return the backend's text of token ids."""
        return self._backend.decode(tokens, skip_special_tokens)

    def static_memory(self) -> dict[str, Measurement]:
        """Return what the backend knows without running."""
        return self._backend.static_memory()

    def apply_chat_template(self, messages: list[dict[str, str]], add_prompt: bool) -> str:
        """Return the backend's prompt text of a conversation."""
        return self._backend.apply_chat_template(messages, add_prompt)

    def close(self) -> None:
        """Free the weights; the cache belongs to whoever opened it."""
        self._backend.close()

    def __getattr__(self, name: str) -> Any:
        """Return what a backend has beyond the port."""
        return getattr(self._backend, name)

    def _answers(
        self,
        keys: Sequence[bytes],
        compute: Callable[[list[int]], list[Answer]],
        pack: Callable[[Answer], bytes | None],
        unpack: Callable[[bytes], Answer],
    ) -> list[Answer]:
        """Return the answer of each key.

        Args:
            keys: of the questions, in order.
            compute: answers the questions at the given places, in one call.
            pack: an answer as bytes, or None for one that must not be kept.
            unpack: the inverse of ``pack``.
        """
        places: dict[bytes, int] = {}
        for index, key in enumerate(keys):
            places.setdefault(key, index)
        found = {key: unpack(data) for key, data in self._cache.get(places).items()}
        missing = [key for key in places if key not in found]
        self.hits += len(found)
        self.misses += len(missing)
        if missing:
            new = dict(zip(missing, compute([places[key] for key in missing]), strict=True))
            packed = {key: pack(answer) for key, answer in new.items()}
            self._cache.put({key: data for key, data in packed.items() if data is not None})
            # What is new goes the way of what is kept, so that the two can't differ.
            found.update(
                (key, new[key] if data is None else unpack(data)) for key, data in packed.items()
            )
        return [found[key] for key in keys]


def _pair_key(context: Tokens, continuation: Tokens) -> bytes:
    return _key("loglikelihood", [context, continuation])


def _generation_key(prompt: Tokens, how: Sampling, k: int) -> bytes:
    return _key(json.dumps(["generate", k, asdict(how)], sort_keys=True, allow_nan=False), [prompt])


def _key(what: str, texts: Sequence[Tokens]) -> bytes:
    digest = hashlib.sha256(what.encode())
    for tokens in texts:
        # With its length before it, no text runs into the next one.
        digest.update(array("q", [len(tokens), *tokens]).tobytes())
    return digest.digest()


def _pack_score(answer: tuple[float, bool]) -> bytes | None:
    # A score that is no number may be a fault of the moment (a GPU's, say): it is asked again.
    return _SCORE.pack(*answer) if math.isfinite(answer[0]) else None


def _unpack_score(data: bytes) -> tuple[float, bool]:
    score, is_greedy = _SCORE.unpack(data)
    return score, is_greedy


def _pack_texts(row: list[Generation]) -> bytes:
    plain = [[each.text, each.tokens] for each in row]
    return json.dumps(plain, separators=(",", ":"), allow_nan=False).encode()


def _unpack_texts(data: bytes) -> list[Generation]:
    return [Generation(text, tuple(tokens)) for text, tokens in json.loads(data)]
