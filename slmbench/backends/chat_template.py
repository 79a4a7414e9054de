"""Lay out a conversation by a model's own template, in a sandbox."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, NoReturn

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from slmbench.errors import InputError


def lay_out(
    template: str, messages: list[dict[str, str]], add_prompt: bool, special: dict[str, str]
) -> str:
    """Return the prompt text of a conversation, as transformers lays it out.

    Args:
        template: jinja2, as tokenizers carry it.
        messages: each with ``role`` and ``content``.
        add_prompt: the text ends where an answer begins; else it ends within the last message, so
            that it can be gone on with.
        special: ``bos_token`` and ``eos_token``.

    Raises:
        InputError: the template is broken, or refuses the conversation.
    """
    try:
        shaped = _environment().from_string(template)
        text = shaped.render(messages=messages, add_generation_prompt=add_prompt, **special)
    except (jinja2.TemplateError, TypeError, ValueError, KeyError) as error:
        raise InputError(
            f"The model's chat template refuses the conversation: {error}. Leave "
            "--apply-chat-template out."
        ) from error
    if add_prompt or not messages:
        return text
    ending = messages[-1]["content"].strip()
    place = text.rfind(ending)
    if place < 0:
        raise InputError(
            "The model's chat template changes the last message, so it can't be gone on with. "
            "Leave --apply-chat-template out."
        )
    return text[: place + len(ending)]


def _environment() -> ImmutableSandboxedEnvironment:
    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    made.filters["tojson"] = _tojson
    made.globals["raise_exception"] = _raise
    made.globals["strftime_now"] = _now
    return made


def _tojson(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False)


def _raise(words: str) -> NoReturn:
    raise jinja2.TemplateError(words)


def _now(form: str) -> str:
    return datetime.now().strftime(form)
