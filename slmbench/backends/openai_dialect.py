"""What servers call OpenAI-compatible: the same question, as each kind of server wants it put."""

from __future__ import annotations

import hashlib
import json
from enum import Enum
from typing import Any

from slmbench.errors import UnsupportedByServer
from slmbench.ports import Sampling

#: OpenAI's own limit of stop texts in one request; more are cut off here, after the answer.
_MOST_STOPS = 4


class Dialect(Enum):
    """How the settings that OpenAI's own API lacks are sent.

    ``EXTENDED`` sends them beside the others (vLLM, llama-server, SGLang; Ollama ignores them).
    ``LLAMA_PYTHON`` is llama-cpp-python's own server: it has no ``ignore_eos``, and refuses a top_k
    of -1.
    ``TRANSFORMERS`` sends a whole generation configuration, without which `transformers serve`
    draws no samples. ``PLAIN`` has no such settings; ``BARE`` also lacks ``seed`` and the count of
    tokens at the end of a stream.
    """

    EXTENDED = "extended"
    LLAMA_PYTHON = "llama-cpp-python"
    TRANSFORMERS = "transformers"
    PLAIN = "plain"
    BARE = "bare"


#: A question that each dialect puts with all its words: answered by those who know it.
TRIAL = Sampling(max_new_tokens=1, temperature=0.0, seed=1, ignore_eos=True)


def fields(dialect: Dialect, how: Sampling, copies: int, seed: int) -> dict[str, Any]:
    """Return the settings of a request as JSON.

    Args:
        dialect: of the server.
        how: length, temperature, filters and stop texts.
        copies: continuations of the one prompt.
        seed: of this request, below 2**31.

    Raises:
        UnsupportedByServer: the dialect has no word for a setting that changes the answer.
    """
    body: dict[str, Any] = {
        "max_tokens": how.max_new_tokens,
        "temperature": how.temperature,
        "stream": True,
    }
    sampled = how.temperature > 0
    if sampled:
        body["top_p"] = how.top_p
    if how.stop:
        body["stop"] = list(how.stop[:_MOST_STOPS])
    if copies > 1:
        body["n"] = copies
    if dialect is not Dialect.BARE:
        body["seed"] = seed
    if dialect is Dialect.EXTENDED:
        # Said even where they are off: a server has defaults of its own (top_k 40, min_p 0.05).
        body |= {"top_k": how.top_k or -1, "min_p": 0.0, "ignore_eos": how.ignore_eos}
        if how.ignore_eos:
            body["min_tokens"] = how.max_new_tokens
        # vLLM says with every event how many tokens there are by now.
        body["stream_options"] = {"include_usage": True, "continuous_usage_stats": True}
    elif dialect is Dialect.LLAMA_PYTHON:
        body |= {"top_k": how.top_k, "min_p": 0.0, "repeat_penalty": 1.0}
        if how.ignore_eos:
            body["min_tokens"] = how.max_new_tokens
    elif dialect is Dialect.TRANSFORMERS:
        body["generation_config"] = json.dumps(_configuration(how, sampled), allow_nan=False)
    else:
        if how.ignore_eos or (sampled and how.top_k):
            name = "ignore_eos" if how.ignore_eos else "top_k"
            raise UnsupportedByServer(
                f"The server knows no '{name}'. Leave out what needs it "
                "(latency, energy and memory need ignore_eos), or use vLLM or llama-server."
            )
        if dialect is Dialect.PLAIN:
            body["stream_options"] = {"include_usage": True}
    return body


def _configuration(how: Sampling, sampled: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"do_sample": sampled, "max_new_tokens": how.max_new_tokens}
    if sampled:
        found |= {"temperature": how.temperature, "top_p": how.top_p, "top_k": how.top_k}
    if how.ignore_eos:
        found["min_new_tokens"] = how.max_new_tokens
    return found


def seed_of(how: Sampling, prompt: str, copy: int) -> int:
    """Return the seed of one continuation: it depends on no other prompt and on no order."""
    name = f"{how.seed}|{copy}|{prompt}".encode("utf-8", "replace")
    return int.from_bytes(hashlib.sha256(name).digest()[:4], "big") >> 1
