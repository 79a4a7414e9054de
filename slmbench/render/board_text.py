"""Make a text from a record fit to be shown: no control signs, no endless strings."""

from __future__ import annotations

import re

#: Longer texts are cut, with a mark that says how long they were.
MOST_CHARACTERS = 400
#: What can't be shown, or turns the order of the text around it: control signs, lone surrogates,
#: and the signs that embed, override or isolate a direction. A page isolates names by itself.
_UNSHOWN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def shown(text: str, most: int = MOST_CHARACTERS) -> str:
    """Return the text with a sign for what can't be shown, cut after ``most`` characters."""
    if len(text) > most:
        text = f"{text[:most]}… [{len(text):,} characters]"
    return _UNSHOWN.sub("\ufffd", text)


def finalized(value: object) -> object:
    """Return what a template prints for a value: text is made fit, markup is left as it is."""
    return shown(value) if type(value) is str else value
