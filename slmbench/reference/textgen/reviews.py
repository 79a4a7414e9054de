"""Short reviews of places and products, with negation and contrast."""

from __future__ import annotations

import random

from slmbench.reference.textgen.example import Example, chance, fill, sentence
from slmbench.reference.textgen.lexicon import CITIES, DAYS, PEOPLE, listed

PROMPT = "Review: {review}\nSentiment:"

ASPECTS: dict[str, tuple[str, ...]] = {
    "restaurant": ("soup", "waiter", "menu", "dessert", "bread", "table by the window"),
    "hotel": ("room", "breakfast", "bed", "view", "reception", "bath"),
    "phone": ("screen", "battery", "camera", "sound", "keyboard", "case"),
    "film": ("story", "music", "ending", "actor", "picture", "first scene"),
    "shoe": ("sole", "leather", "fit", "colour", "lace", "heel"),
    "journey": ("bus", "seat", "driver", "timetable", "stop", "ticket office"),
    "course": ("teacher", "book", "exercise", "lesson", "classroom", "test"),
    "garden shop": ("advice", "spade", "soil", "staff", "hedge", "delivery"),
}
GOOD = listed(
    "good great lovely excellent wonderful pleasant superb delightful brilliant splendid fine "
    "charming"
)
BAD = listed("bad awful poor terrible horrible dreadful dull weak ugly useless nasty shabby")
PLAIN = (
    "The {n} was {a}",
    "We found the {n} {a}",
    "I think the {n} was {a}",
    "To me the {n} seemed {a}",
)
TURNED = (
    "The {n} was not {a}",
    "The {n} was far from {a}",
    "The {n} was anything but {a}",
    "Nobody could call the {n} {a}",
    "I would not say the {n} was {a}",
)
LAST_WINS = (
    "The {m} was {b}, but the {n} was {a}, and that decided it",
    "Although the {m} was {b}, the {n} was {a}",
    "The {m} may have been {b}, yet the {n} was {a} in the end",
    "We expected a {b} {m}, but the {n} proved {a}",
)
FIRST_WINS = (
    "The {n} was {a}, even though the {m} was {b}",
    "The {n} was {a}, whatever they say about a {b} {m}",
    "I call the {n} {a}, despite the {b} {m}",
)
# Plain verdicts are the commonest, as in life.
KINDS = ("plain", "plain", "plain", "turned", "last", "first")
BEFORE = (
    "We came on a {d}.",
    "I went there with my {p}.",
    "It was my second time in {c}.",
    "My {p} told me about it.",
    "This is about the {s}.",
)
AFTER = (
    "That is all I can say.",
    "My {p} thinks the same.",
    "I wrote this on {d}.",
    "We paid with a card.",
    "I live near {c}.",
)


def draw(rng: random.Random) -> Example:
    """Draw one review whose verdict is plain, turned round by a negation, or set by a contrast."""
    positive = chance(rng, 0.5)
    subject = rng.choice(tuple(ASPECTS))
    noun, other = rng.sample(ASPECTS[subject], 2)
    same, opposite = (GOOD, BAD) if positive else (BAD, GOOD)
    kind = rng.choice(KINDS)
    if kind == "plain":
        verdict = fill(rng, PLAIN, n=noun, a=rng.choice(same))
    elif kind == "turned":
        verdict = fill(rng, TURNED, n=noun, a=rng.choice(opposite))
    else:
        patterns = LAST_WINS if kind == "last" else FIRST_WINS
        verdict = fill(rng, patterns, n=noun, a=rng.choice(same), m=other, b=rng.choice(opposite))
    slots = {"d": rng.choice(DAYS), "p": rng.choice(PEOPLE), "c": rng.choice(CITIES)}
    parts = [sentence(verdict) + "."]
    if chance(rng, 0.25):
        parts.insert(0, fill(rng, BEFORE, s=subject, **slots))
    elif chance(rng, 0.3):
        parts.append(fill(rng, AFTER, **slots))
    review = " ".join(parts)
    return Example(
        cluster=f"{subject}, {kind}",
        prompt=PROMPT.format(review=review),
        answer="positive" if positive else "negative",
        core=review,
        wrong=("negative" if positive else "positive",),
        shown={"review": review},
    )
