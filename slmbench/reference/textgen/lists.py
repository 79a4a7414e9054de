"""Lists of words that are read back, for training only: they teach a model to copy."""

from __future__ import annotations

import json
import random

from slmbench.reference.textgen.example import Example
from slmbench.reference.textgen.lexicon import (
    CITIES,
    COLOURS,
    DAYS,
    FOODS,
    MONTHS,
    NAMES,
    PEOPLE,
    PRODUCTS,
    SPOTS,
    THINGS,
)

GROUPS = {
    "name": NAMES,
    "city": CITIES,
    "item": PRODUCTS,
    "thing": THINGS,
    "place": SPOTS,
    "colour": COLOURS,
    "day": DAYS,
    "month": MONTHS,
    "food": FOODS,
    "person": PEOPLE,
}


def draw(rng: random.Random) -> Example:
    """Draw some words and the same words again: plain, quoted, or named in a JSON object."""
    kinds = rng.sample(sorted(GROUPS), rng.randint(3, 6))
    chosen = {kind: rng.choice(GROUPS[kind]) for kind in kinds}
    style = rng.choice(("again", "quoted", "named"))
    told = ", ".join(chosen.values())
    if style == "again":
        prompt, answer = f"List: {told}\nAgain:", told
    elif style == "quoted":
        prompt, answer = f"List: {told}\nQuoted:", json.dumps(list(chosen.values()))
    else:
        named = ", ".join(f"{kind} {word}" for kind, word in chosen.items())
        rng.shuffle(kinds)
        answer = json.dumps({kind: chosen[kind] for kind in kinds})
        prompt = f"List: {named}\nJSON:"
    return Example(cluster=style, prompt=prompt, answer=answer, core=f"{prompt} {answer}")
