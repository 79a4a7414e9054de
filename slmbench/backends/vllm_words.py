"""Ask vLLM and read its answers: pure functions, so that they can be tested where it can't run.

Its words are those of its documentation of ``SamplingParams``, ``TokensPrompt``, ``RequestOutput``
and ``Logprob`` (docs.vllm.ai, 0.11): nothing here imports vLLM.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slmbench.errors import InputError, UnsupportedByServer
from slmbench.ports import Generation, Sampling, Tokens


def asked(tokens: Tokens) -> dict[str, list[int]]:
    """Return a ``TokensPrompt``: the ids are sent, so vLLM adds no BOS of its own."""
    return {"prompt_token_ids": list(tokens)}


def generating(how: Sampling, prompt: Tokens, copy: int) -> dict[str, Any]:
    """Return the keywords of ``SamplingParams`` for one continuation.

    Each continuation is a request with a seed of its own, so a text does not depend on what else is
    asked; vLLM's prefix cache computes the prompt once.

    Args:
        how: length, temperature, filters and stop texts.
        prompt: token ids.
        copy: the continuation's number.
    """
    found: dict[str, Any] = {
        "n": 1,
        "max_tokens": how.max_new_tokens,
        "temperature": how.temperature,
        "ignore_eos": how.ignore_eos,
        "skip_special_tokens": True,
    }
    if how.stop:
        found["stop"] = [each for each in how.stop if each]
    if how.temperature > 0:
        text = f"{how.seed}/{copy}/{','.join(map(str, prompt))}"
        digest = hashlib.sha256(text.encode()).digest()
        found["seed"] = int.from_bytes(digest[:4], "big") >> 1
        found |= {"top_p": how.top_p, "top_k": how.top_k}
    return found


def scoring() -> dict[str, Any]:
    """Return the keywords of ``SamplingParams`` that score a prompt; one token must be written."""
    return {
        "max_tokens": 1, "temperature": 0.0, "prompt_logprobs": 1, "detokenize": False,
    }  # fmt: skip


def row(pair: tuple[Tokens, Tokens], max_length: int) -> list[int]:
    """Return context and answer as one prompt, with tokens cut off on the left.

    vLLM writes one token after a prompt, so a prompt is at most one short of the context window.

    Raises:
        InputError: a part is empty, or the answer and one token before it don't fit.
    """
    context, answer = pair
    if not context or not answer:
        raise InputError(
            "A context and an answer to score must each hold at least one token. Give an empty "
            "context the model's prefix token."
        )
    room = max_length - 1
    if len(answer) + 1 > room:
        raise InputError(
            f"An answer of {len(answer)} tokens doesn't fit the model's context of {max_length}. "
            "Leave the task out, or choose a model with a longer context."
        )
    return [*context, *answer][-room:]


def scored(
    tokens: Sequence[int], answer_length: int, logprobs: Sequence[Mapping[int, Any] | None] | None
) -> tuple[float, bool]:
    """Return (summed natural-log likelihood, is it the greedy one) of a prompt's last tokens.

    Args:
        tokens: the prompt's ids.
        answer_length: how many at its end are scored.
        logprobs: ``prompt_logprobs`` of the answer: for each token a mapping of id to an object
            with ``logprob`` and ``rank`` (1 is the likeliest), and None for the first.

    Raises:
        UnsupportedByServer: vLLM gave none, or none of a token.
    """
    if logprobs is None or len(logprobs) != len(tokens):
        raise UnsupportedByServer(
            "vLLM gave no log-probabilities of the prompt. Run the weights with hf:PATH."
        )
    total: list[float] = []
    greedy = True
    for token, found in list(zip(tokens, logprobs, strict=True))[-answer_length:]:
        one = None if found is None else found.get(token)
        if one is None or not math.isfinite(one.logprob):
            raise UnsupportedByServer(
                f"vLLM gave no finite log-probability of token {token}. Is the checkpoint damaged, "
                "or does its dtype overflow? Try dtype=float32."
            )
        total.append(float(one.logprob))
        greedy = greedy and one.rank == 1
    return math.fsum(total), greedy


@dataclass
class Growing:
    """One continuation while vLLM writes it; its outputs hold all that is written so far."""

    tokens: list[int] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    text: str = ""

    def take(self, output: Any, now_s: float) -> None:
        """Take a ``CompletionOutput``: tokens that are new in it were there at ``now_s``."""
        new = list(output.token_ids)[len(self.tokens) :]
        self.tokens.extend(new)
        self.times_s.extend([now_s] * len(new))
        self.text = output.text

    def finished(self, stop: Iterable[str]) -> Generation:
        """Return the continuation, cut before the first stop text."""
        text = self.text
        for each in stop:
            if each:
                text = text.split(each)[0]
        return Generation(text, tuple(self.tokens), tuple(self.times_s))
