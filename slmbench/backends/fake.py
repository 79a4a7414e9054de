"""A deterministic stand-in for a model: runs the whole flow in milliseconds, without torch.

Its scores follow from hashes of the tokens, so two names are two models. It is never a substitute
for a measurement: its architecture and its provenance say ``fake``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np

from slmbench.errors import InputError
from slmbench.ports import BackendInfo, Generation, Sampling, Tokens
from slmbench.schema.base import Absent, Measurement
from slmbench.schema.model_spec import ModelSpec
from slmbench.units import clock

_VOCABULARY = 256
_END = 0
_WORDS = ("the", "a", "day", "light", "water", "stone", "walk", "good", "small", "green", "open")


class Fake:
    """A byte-level pretend model behind the Backend port."""

    def __init__(self, spec: ModelSpec, source: str) -> None:
        """Take the target's name as the seed of everything it answers."""
        self._name = spec.target
        self.batch_size = spec.batch_size or 16
        self.info = BackendInfo(
            architecture="fake",
            dtype="none",
            device="none",
            parameter_count=None,
            max_length=spec.max_length or 1024,
            vocab_size=_VOCABULARY,
            eot_token_id=_END,
            prefix_token_id=_END,
            load_s=0.0,
        )

    def encode(self, text: str, add_special_tokens: bool | None = None) -> list[int]:
        """Return the UTF-8 bytes of a text."""
        return list(text.encode("utf-8", "replace"))

    def decode(self, tokens: Tokens, skip_special_tokens: bool = True) -> str:
        """Return the text of UTF-8 bytes."""
        kept = [token for token in tokens if not (skip_special_tokens and token == _END)]
        return bytes(kept).decode("utf-8", "replace")

    def loglikelihood(self, pairs: Sequence[tuple[Tokens, Tokens]]) -> list[tuple[float, bool]]:
        """Score each continuation by a hash of the pair, about -2 nats a token."""
        scores = []
        for context, continuation in pairs:
            chance = self._unit(bytes(context) + b"|" + bytes(continuation))
            scores.append((-len(continuation) * (1.5 + chance), chance < 0.1))
        return scores

    def generate(self, prompts: Sequence[Tokens], how: Sampling, k: int) -> list[list[Generation]]:
        """Return words chosen by a hash of the prompt, the seed and the continuation's number."""
        return [[self._continue(prompt, how, number) for number in range(k)] for prompt in prompts]

    def static_memory(self) -> dict[str, Measurement]:
        """Return Absent for everything: there are no weights."""
        reason = Absent(reason="the fake backend has no weights")
        return dict.fromkeys(("weight_bytes", "file_bytes", "kv_bytes_per_token"), reason)

    def apply_chat_template(self, messages: list[dict[str, str]], add_prompt: bool) -> str:
        """Raise InputError: there is no template."""
        raise InputError("The fake backend has no chat template. Leave --apply-chat-template out.")

    def notes(self) -> tuple[str, ...]:
        """Return nothing: its answers are made, not computed."""
        return ()

    def close(self) -> None:
        """Do nothing: there is nothing to free."""

    def vocabulary_hash(self) -> str:
        """Return one name for all: every fake reads bytes."""
        return "bytes"

    def next_token_logprobs(
        self, rows: Sequence[Tokens], positions: int
    ) -> Iterator[tuple[int, int, np.ndarray]]:
        """Yield distributions drawn from a hash of all the tokens up to each place."""
        for number, row in enumerate(rows):
            for start in range(0, len(row), positions):
                places = range(start, min(start + positions, len(row)))
                logits = np.stack([self._logits(row[: place + 1]) for place in places])
                total = np.log(np.exp(logits).sum(axis=-1, keepdims=True))
                yield number, start, (logits - total).astype(np.float32)

    def _logits(self, tokens: Tokens) -> np.ndarray:
        seed = int(self._unit(b"next|" + bytes(tokens)) * 2**48)
        return np.random.default_rng(seed).normal(size=_VOCABULARY)

    def _continue(self, prompt: Tokens, how: Sampling, number: int) -> Generation:
        start = clock()
        draw = f"|{how.seed}|{number}" if how.temperature > 0 else "|greedy"
        seed = bytes(prompt) + draw.encode()
        words: list[str] = []
        while sum(map(len, words)) + len(words) <= how.max_new_tokens:
            chance = self._unit(seed + str(len(words)).encode())
            words.append(_WORDS[int(chance * len(_WORDS))])
        tokens = tuple(" ".join(words).encode()[: how.max_new_tokens])
        text = self.decode(tokens)
        for term in how.stop:
            text = text.split(term)[0]
        times = tuple(clock() - start for _ in tokens)
        return Generation(text=text, tokens=tokens, token_times_s=times)

    def _unit(self, data: bytes) -> float:
        digest = hashlib.sha256(self._name.encode() + b"\0" + data).digest()
        return int.from_bytes(digest[:6], "big") / 2.0**48
