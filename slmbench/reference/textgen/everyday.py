"""Everyday prose: mild annoyances, for open-ended prompts, and the pages of a diary."""

from __future__ import annotations

import random

from slmbench.reference.textgen import machines
from slmbench.reference.textgen.example import Example, chance, fill, sentence
from slmbench.reference.textgen.lexicon import (
    CITIES,
    COLOURS,
    DAYS,
    FOODS,
    MONTHS,
    NAMES,
    PEOPLE,
    PRODUCTS,
    ROOMS,
    THINGS,
)
from slmbench.reference.textgen.situations import REMARKS, SITUATIONS, TIMES

DIARY = (
    (
        "{d} began with rain.",
        "It was a cold {d} in {month}.",
        "We woke up late in {c}.",
        "The sun was out on {d}.",
        "{month} came with fog.",
        "On {d} we left for {c}.",
    ),
    (
        "For breakfast there was {f} and tea.",
        "I cooked {f} for my {p}.",
        "{n} brought some {f}.",
        "We had no {f} left.",
        "We tried the {f} at the inn.",
    ),
    (
        "{n} showed me a {col} {item}.",
        "I looked for my {t} and found it in the {s}.",
        "My {p} bought a {item} in {c}.",
        "The {item} fell down and broke.",
        "{n} lost a {t} on the way to {c}.",
        "I painted the {item} {col}.",
    ),
    (
        "Then {n} told a story about {c}.",
        "In the afternoon my {p} called.",
        "We walked through the streets of {c}.",
        "{n} wrote a letter to my {p}.",
        "I helped {n} in the {s}.",
        "A visitor from {c} came by.",
    ),
    (
        "In the evening we sat in the {s}.",
        "I went to bed early.",
        "{n} played the piano.",
        "Tomorrow I will mend the {item}.",
        "We ate {f} again and laughed.",
        "My {p} goes home on {d}.",
    ),
)


def draw(rng: random.Random) -> Example:
    """Draw one annoying situation; the prompt stops in the middle of its second sentence."""
    situation = rng.choice(SITUATIONS)
    slots = {"c": rng.choice(CITIES), "d": rng.choice(DAYS)}
    prompt = (
        f"{fill(rng, TIMES, **slots)} {fill(rng, situation.openings, **slots)}, and "
        f"{fill(rng, situation.turns, **slots)}"
    )
    answer = f"{rng.choice(situation.endings)}. {rng.choice(REMARKS)}"
    return Example(
        cluster=situation.topic,
        prompt=prompt,
        answer=answer,
        core=prompt,
        shown={"prompt": prompt},
    )


def diary_page(rng: random.Random) -> str:
    """Write one page of a diary, in the order of a day."""
    lines = []
    for patterns in DIARY:
        slots = {
            "d": rng.choice(DAYS),
            "month": rng.choice(MONTHS),
            "c": rng.choice(CITIES),
            "f": rng.choice(FOODS),
            "p": rng.choice(PEOPLE),
            "n": rng.choice(NAMES),
            "col": rng.choice(COLOURS),
            "item": rng.choice(PRODUCTS),
            "t": rng.choice(THINGS),
            "s": rng.choice(ROOMS),
        }
        lines.append(sentence(fill(rng, patterns, **slots)))
        if chance(rng, 0.1):
            lines.append(machines.report(rng))
    return " ".join(lines)


def draw_diary(rng: random.Random) -> Example:
    """Draw one page of a diary as a document without a question."""
    text = diary_page(rng)
    return Example(cluster="diary", prompt="", answer=text, core=text, shown={"text": text})
