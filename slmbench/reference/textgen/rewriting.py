"""Sentences to be said in other words, and notes to be cut down to their main point."""

from __future__ import annotations

import random

from slmbench.reference.textgen.example import Example, articles, fill
from slmbench.reference.textgen.lexicon import (
    CITIES,
    COLOURS,
    DAYS,
    MONTHS,
    NAMES,
    PEOPLE,
    PRODUCTS,
    ROOMS,
)

PARAPHRASE = "Text: {text}\nSame in other words:"
SUMMARY = "Text: {text}\nSummary:"

# Each group says one thing in several ways.
WAYS: dict[str, tuple[str, ...]] = {
    "buying": (
        "{n} bought a {col} {item} in {c} on {d}.",
        "On {d}, {n} got a {col} {item} from a shop in {c}.",
        "A {col} {item} was purchased by {n} in {c} on {d}.",
    ),
    "giving": (
        "{n} gave the {col} {item} to {m}.",
        "{m} received the {col} {item} from {n}.",
        "The {col} {item} was a present from {n} to {m}.",
    ),
    "moving": (
        "In {month} the {p} of {n} moved to {c}.",
        "{n} has a {p} who has been living in {c} since {month}.",
        "{c} became the home of the {p} of {n} in {month}.",
    ),
    "visit": (
        "{n} visits {m} in {c} every {d}.",
        "Each {d}, {m} has {n} as a guest in {c}.",
        "There is a visit from {n} to {m} in {c} every {d}.",
    ),
    "repair": (
        "{n} repaired the {item} in the {s}.",
        "The {item} in the {s} was mended by {n}.",
        "In the {s}, {n} made the {item} work again.",
    ),
    "liking": (
        "{n} likes {c} more than {c2}.",
        "To {n}, {c2} is less pleasant than {c}.",
        "{n} prefers {c} to {c2}.",
    ),
    "forgetting": (
        "{n} did not remember the {item} and left it in the {s}.",
        "The {item} stayed in the {s} because {n} forgot it.",
        "{n} forgot the {item} in the {s}.",
    ),
}
# Topic: the main point, what surrounds it, and the short form.
NOTES: dict[str, tuple[str, tuple[str, ...], str]] = {
    "repair": (
        "After many tries {n} repaired the {item} on {d}.",
        (
            "The {item} had stood in the {s} for weeks.",
            "Nobody in {c} had the right part.",
            "A neighbour lent a good tool.",
            "It was a long day.",
        ),
        "{n} repaired the {item} on {d}.",
    ),
    "journey": (
        "So it came that {n} travelled from {c} to {c2} in {month}.",
        (
            "The tickets were cheap.",
            "The {p} of {m} had told of a nice inn.",
            "A {col} {item} was in the luggage.",
            "The weather was fair.",
        ),
        "{n} travelled to {c2} in {month}.",
    ),
    "sale": (
        "On {d}, {n} finally sold the old {item} to {m}.",
        (
            "It had been in the {s} for years.",
            "The colour was {col}.",
            "Two people from {c} had asked for it.",
            "The price was low.",
        ),
        "{n} sold the {item} to {m}.",
    ),
    "meeting": (
        "In the end {n} and {m} agreed to meet in {c} on {d}.",
        (
            "There were many calls before.",
            "The {p} of {n} could not come.",
            "Everybody had another plan.",
            "The room has a {col} {item}.",
        ),
        "{n} and {m} meet in {c} on {d}.",
    ),
    "loss": (
        "When the bags were opened, {n} saw that the {col} {item} was lost.",
        (
            "The way from {c} had been long.",
            "It rained all {d}.",
            "{m} carried most of the bags.",
            "They looked in the {s} as well.",
        ),
        "{n} lost the {col} {item}.",
    ),
    "job": (
        "From {month} on, {n} will work for {m} in {c}.",
        (
            "The letter came on {d}.",
            "The pay is fair.",
            "The {p} of {n} is proud.",
            "There were many others who wanted it.",
        ),
        "{n} will work in {c} from {month}.",
    ),
}


def _slots(rng: random.Random) -> dict[str, str]:
    n, m = rng.sample(NAMES, 2)
    c, c2 = rng.sample(CITIES, 2)
    return {
        "n": n,
        "m": m,
        "c": c,
        "c2": c2,
        "d": rng.choice(DAYS),
        "month": rng.choice(MONTHS),
        "col": rng.choice(COLOURS),
        "item": rng.choice(PRODUCTS),
        "s": rng.choice(ROOMS),
        "p": rng.choice(PEOPLE),
    }


def draw_paraphrase(rng: random.Random) -> Example:
    """Draw one sentence and another way to say it."""
    cluster = rng.choice(tuple(WAYS))
    slots = _slots(rng)
    said, again = (articles(way.format(**slots)) for way in rng.sample(WAYS[cluster], 2))
    return Example(
        cluster=cluster,
        prompt=PARAPHRASE.format(text=said),
        answer=again,
        core=said,
        shown={"reference": again},
    )


def draw_summary(rng: random.Random) -> Example:
    """Draw one note of three sentences and its main point."""
    cluster = rng.choice(tuple(NOTES))
    main, details, short = NOTES[cluster]
    slots = _slots(rng)
    lines = [fill(rng, (detail,), **slots) for detail in rng.sample(details, 2)]
    lines.insert(rng.randrange(3), articles(main.format(**slots)))
    text = " ".join(lines)
    reference = articles(short.format(**slots))
    return Example(
        cluster=cluster,
        prompt=SUMMARY.format(text=text),
        answer=reference,
        core=text,
        shown={"reference": reference},
    )
