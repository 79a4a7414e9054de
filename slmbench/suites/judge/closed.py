"""A closed question about texts, and the sentences of a text: what several methods stand on."""

from __future__ import annotations

import re
from collections.abc import Sequence

from slmbench.suites.judge.reply import Question
from slmbench.suites.prompts import Prompts

YES_NO = ("yes", "no")
_SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s+|\n+")


def closed(
    prompts: Prompts, name: str, options: Sequence[str] = YES_NO, **values: object
) -> Question:
    """Return the question that a template asks, and the same with its options the other way.

    Args:
        prompts: where templates are.
        name: of the template.
        options: the replies on offer.
        values: what else the template is given.
    """
    listed = tuple(options)
    both = [prompts.render(name, options=list(order), **values) for order in (listed, listed[::-1])]
    return Question(both[0], both[1], listed)


def sentences(text: str) -> list[str]:
    """Return the sentences of a text: cut after an end mark before white space, and at lines."""
    parts = (part.strip() for part in _SENTENCE_END.split(text))
    return [part for part in parts if any(letter.isalnum() for letter in part)]
