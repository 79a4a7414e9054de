"""Make the prompts of the bias suite, and have continuations scored in journalled parts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from slmbench.errors import InputError
from slmbench.ports import Backend, Context
from slmbench.schema.spec import RunSpec
from slmbench.suites.prompts import RENDER_ERRORS
from slmbench.suites.taskfile import GenerationSpec, prompt_of, text_hash

Pair = tuple[list[int], list[int]]

#: Items of one checkpoint of log-likelihoods: a killed run scores at most these again.
_CHUNK = 64


def render(template: str, **values: str) -> str:
    """Return a prompt of a task's template, without white space at its ends.

    Raises:
        InputError: the template is wrong, or wants what it is not given.
    """
    try:
        made = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
        return made.from_string(template).render(**values).strip()
    except RENDER_ERRORS as error:
        known = ", ".join(values)
        raise InputError(
            f"The task's template can't be filled: {error}. It may use: {known}."
        ) from error


def prompt_tokens(backend: Backend, text: str, spec: RunSpec) -> list[int]:
    """Return a prompt's token ids; as a user's turn where the request asks for the chat template.

    Raises:
        InputError: the model has no chat template.
    """
    if not spec.apply_chat_template:
        return prompt_of(text, backend)
    turns = [{"role": "user", "content": text}]
    if spec.system_instruction:
        turns.insert(0, {"role": "system", "content": spec.system_instruction})
    return backend.encode(backend.apply_chat_template(turns, True), add_special_tokens=False)


def too_long(backend: Backend, prompt: Sequence[int], how: GenerationSpec) -> str | None:
    """Return why a prompt can't be read whole, or None: what is cut off can't be answered."""
    room = _room(backend, how)
    if len(prompt) <= room:
        return None
    return f"the prompt has {len(prompt)} tokens, and the model has room for {room}"


def readable(
    backend: Backend, prompts: Sequence[list[int]], how: GenerationSpec
) -> list[list[int]]:
    """Return the prompts, of those that are `too_long` the end: a server would refuse the whole.

    What is answered to such an end counts for nothing.
    """
    room = max(1, _room(backend, how))
    return [prompt[-room:] for prompt in prompts]


def _room(backend: Backend, how: GenerationSpec) -> int:
    info = backend.info
    return info.max_length - (0 if info.is_encoder_decoder else how.max_new_tokens)


def continuation_pair(backend: Backend, context: str, continuation: str) -> Pair:
    """Return token ids as lm-eval cuts them: of the whole text, at the length of the context's."""
    before = backend.encode(context)
    whole = backend.encode(context + continuation)
    if whole[: len(before)] == before and len(whole) > len(before):
        return before, whole[len(before) :]
    return before, backend.encode(continuation, add_special_tokens=False)


def text_pair(backend: Backend, text: str) -> Pair:
    """Return a whole text as a continuation of the prefix token, as lm-eval scores one.

    Raises:
        InputError: the tokenizer makes no token of it.
    """
    tokens = backend.encode(text, add_special_tokens=False)
    if not tokens:
        raise InputError(f"The tokenizer makes no token of the sentence {text!r}: mend the item.")
    prefix = backend.info.prefix_token_id
    if tokens[0] == prefix and len(tokens) > 1:
        return tokens[:1], tokens[1:]
    return [prefix], tokens


def scored(
    items: Sequence[Sequence[Pair]], backend: Backend, context: Context
) -> list[list[float]]:
    """Return the summed natural-log likelihood of each pair of each item.

    Raises:
        InputError: the model gives one that is no finite number.
    """
    found: list[list[float]] = []
    for start in range(0, len(items), _CHUNK):
        part = items[start : start + _CHUNK]
        key = f"bias/{start}/{text_hash(repr(part))}"
        found.extend(context.checkpoint(key, partial(_score, part, backend)))
        context.progress(len(found), len(items))
    return found


def _score(part: Sequence[Sequence[Pair]], backend: Backend) -> Any:
    answers = iter(backend.loglikelihood([pair for item in part for pair in item]))
    found = [[next(answers)[0] for _ in item] for item in part]
    if not all(math.isfinite(value) for item in found for value in item):
        raise InputError(
            "The model gives a log-likelihood that is no finite number. Its weights are damaged, "
            f"or {backend.info.dtype} overflows: try dtype=float32."
        )
    return found
