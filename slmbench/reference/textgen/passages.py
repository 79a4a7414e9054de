"""Passages whose last word can be known only from what was said before."""

from __future__ import annotations

import random

from slmbench.reference.textgen.example import Example, articles, chance
from slmbench.reference.textgen.lexicon import (
    COLOURS,
    MEN,
    NAMES,
    ROOMS,
    SPOTS,
    THINGS,
    WOMEN,
    pronoun,
)

AUNTS = ("sister", "mother", "aunt", "daughter")
UNCLES = ("brother", "father", "uncle", "son")
FILLERS = (
    "It was a quiet day.",
    "Outside it began to rain.",
    "Then the phone rang.",
    "After lunch the house was silent.",
    "The clock struck four.",
    "A dog barked in the street.",
    "Nobody said a word.",
    "The radio played an old song.",
)


def _moved(rng: random.Random) -> tuple[str, str, str]:
    a, b = rng.sample(NAMES, 2)
    thing, other = rng.sample(THINGS, 2)
    first, second, third = rng.sample(SPOTS, 3)
    text = [f"{a} put the {thing} in the {first}.", f"{b} left the {other} in the {third}."]
    rng.shuffle(text)
    place = first
    if chance(rng, 0.5):
        text.append(f"Later {b} moved the {thing} to the {second}.")
        place = second
    text.append(rng.choice(FILLERS))
    text.append(f"When {a} came back, {pronoun(a)} found the {thing} in the")
    return "moved thing", " ".join(text), place


def _given(rng: random.Random) -> tuple[str, str, str]:
    a, b, c = rng.sample(NAMES, 3)
    thing, other = rng.sample(THINGS, 2)
    text = [f"{a} gave the {thing} to {b}.", f"{a} gave the {other} to {c}."]
    rng.shuffle(text)
    text.append(rng.choice(FILLERS))
    text.append(f"Now the {thing} belongs to")
    return "given thing", " ".join(text), b


def _coloured(rng: random.Random) -> tuple[str, str, str]:
    name = rng.choice(NAMES)
    one, two, three = rng.sample(THINGS, 3)
    shades = rng.sample(COLOURS, 3)
    text = articles(
        f"{name} has a {shades[0]} {one}, a {shades[1]} {two} and a {shades[2]} {three}. "
        f"{rng.choice(FILLERS)} "
    )
    which = rng.randrange(3)
    asked = (one, two, three)[which]
    return "coloured thing", text + f"The colour of the {asked} is", shades[which]


def _called(rng: random.Random) -> tuple[str, str, str]:
    female = chance(rng, 0.5)
    relation = rng.choice(AUNTS if female else UNCLES)
    a, b = rng.choice(NAMES), rng.choice(WOMEN if female else MEN)
    if a == b:
        return _called(rng)
    text = (
        f"The {relation} of {a} is called {b}. {rng.choice(FILLERS)} "
        f"{a} opened the door and saw that it was the {relation}. "
        f'"Come in," said {a} to'
    )
    return "called by name", text, b


def _travelled(rng: random.Random) -> tuple[str, str, str]:
    a, b = rng.sample(NAMES, 2)
    first, second = rng.sample(ROOMS, 2)
    text = [f"{a} went to the {first}.", f"{b} stayed in the {second}."]
    rng.shuffle(text)
    who, place = rng.choice(((a, first), (b, second)))
    text.append(rng.choice(FILLERS))
    text.append(f"A visitor asked for {who} and was sent to the")
    return "place of a person", " ".join(text), place


_KINDS = (_moved, _given, _coloured, _called, _travelled)


def draw(rng: random.Random) -> Example:
    """Draw one passage that stops before its last word."""
    cluster, context, word = rng.choice(_KINDS)(rng)
    return Example(
        cluster=cluster,
        prompt=context,
        answer=word,
        core=f"{context} {word}",
        shown={"context": context, "word": word},
    )
