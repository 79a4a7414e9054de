"""Documents whose whole text is scored, drawn from the same prose the models are trained on."""

from __future__ import annotations

import random

from slmbench.reference.textgen import everyday, passages, rewriting, stories
from slmbench.reference.textgen.example import Draw, Example

KINDS: tuple[tuple[str, Draw], ...] = (
    ("story", stories.draw),
    ("passage", passages.draw),
    ("everyday", everyday.draw),
    ("diary", everyday.draw_diary),
    ("diary", everyday.draw_diary),
)


def draw(rng: random.Random) -> Example:
    """Draw one document; it is held out by the same key as the example inside it."""
    cluster, source = rng.choice(KINDS)
    inner = source(rng)
    return Example(
        cluster=cluster,
        prompt="",
        answer=inner.document,
        core=inner.core,
        key=inner.identity,
        shown={"text": inner.document},
    )


def long_text(rng: random.Random, least_words: int) -> str:
    """Write paragraphs of prose until there are at least this many words."""
    paragraphs: list[str] = []
    count = 0
    while count < least_words:
        sources = (everyday.draw_diary, stories.draw, rewriting.draw_summary)
        pick = rng.choice(sources)(rng)
        text = pick.core if pick.prompt.endswith("Summary:") else pick.document
        paragraphs.append(text)
        count += len(text.split())
    return "\n\n".join(paragraphs) + "\n"
