"""Minimal pairs of sentences that differ in agreement alone, held out by noun and verb."""

from __future__ import annotations

import random

from slmbench.reference.textgen.example import Example, chance
from slmbench.reference.textgen.lexicon import listed

MALE = listed("boy man king uncle waiter brother actor prince")
FEMALE = listed("girl woman queen aunt waitress sister actress princess")
PLAIN = listed(
    "dog cat horse teacher doctor farmer driver singer baker pilot nurse lawyer student player "
    "writer painter sailor tailor gardener neighbour"
)
IRREGULAR = {
    "man": "men",
    "woman": "women",
    "waitress": "waitresses",
    "actress": "actresses",
    "princess": "princesses",
}
# Third person singular, plural, and what follows both.
VERBS = (
    ("sleeps", "sleep", "in the shade"),
    ("walks", "walk", "to the station"),
    ("waits", "wait", "by the door"),
    ("sings", "sing", "every evening"),
    ("works", "work", "at night"),
    ("eats", "eat", "too fast"),
    ("lives", "live", "near the river"),
    ("knows", "know", "the way"),
    ("likes", "like", "warm milk"),
    ("runs", "run", "across the field"),
    ("laughs", "laugh", "at the joke"),
    ("is", "are", "very tired"),
    ("has", "have", "a new home"),
    ("was", "were", "late again"),
    ("looks", "look", "out of the window"),
    ("needs", "need", "some rest"),
    ("helps", "help", "on the farm"),
    ("talks", "talk", "all day"),
    ("comes", "come", "from the north"),
    ("hides", "hide", "under the bridge"),
)
ACTIONS = (
    "hurt",
    "saw",
    "blamed",
    "praised",
    "washed",
    "dressed",
    "taught",
    "defended",
    "asked",
    "trusted",
)
PLACES = ("near", "behind", "beside", "with", "in front of")
SEEN = ("sees", "follows", "calls", "visits")
FRAMES = (
    "We met {x} at the market.",
    "Nobody saw {x} today.",
    "I drew a picture of {x}.",
    "She wrote to {x} last week.",
    "They asked {x} for help.",
)


def plural(noun: str) -> str:
    """The plural of a noun in the lists."""
    return IRREGULAR.get(noun, noun + "s")


def _form(noun: str, many: bool) -> str:
    return plural(noun) if many else noun


def _pair(cluster: str, good: str, bad: str, key: str) -> Example:
    return Example(
        cluster=cluster, prompt="", answer=good, core=good, wrong=(bad,), key=f"agreement {key}"
    )


def _subject_verb(rng: random.Random, kind: str) -> Example:
    noun, other = rng.sample(PLAIN + MALE + FEMALE, 2)
    single, many_form, rest = rng.choice(VERBS)
    many = chance(rng, 0.5)
    subject = f"The {_form(noun, many)}"
    if kind == "phrase":
        subject += f" {rng.choice(PLACES)} the {_form(other, not many)}"
    if kind == "clause":
        seen = rng.choice(SEEN)
        subject += f" that the {other} {seen}" if many else f" that the {plural(other)} {seen[:-1]}"
    right, wrong = (many_form, single) if many else (single, many_form)
    return _pair(
        f"verb, {kind}",
        f"{subject} {right} {rest}.",
        f"{subject} {wrong} {rest}.",
        f"{noun} {single}",
    )


def _determiner(rng: random.Random) -> Example:
    noun = rng.choice(PLAIN + MALE + FEMALE)
    frame = rng.choice(FRAMES)
    many = chance(rng, 0.5)
    word = rng.choice(("these", "those") if many else ("this", "that"))
    good, bad = (frame.format(x=f"{word} {_form(noun, flag)}") for flag in (many, not many))
    return _pair("determiner", good, bad, f"{noun} {frame}")


def _reflexive(rng: random.Random) -> Example:
    female = chance(rng, 0.5)
    noun = rng.choice(FEMALE if female else MALE)
    many = chance(rng, 0.33)
    action = rng.choice(ACTIONS)
    forms = {"himself", "herself", "themselves"}
    right = "themselves" if many else "herself" if female else "himself"
    wrong = rng.choice(sorted(forms - {right}))
    subject = f"The {_form(noun, many)}"
    if chance(rng, 0.5):
        other = rng.choice(MALE if female else FEMALE)
        subject += f" {rng.choice(PLACES)} the {other}"
    return _pair(
        "reflexive",
        f"{subject} {action} {right}.",
        f"{subject} {action} {wrong}.",
        f"{noun} {action}",
    )


def draw(rng: random.Random) -> Example:
    """Draw one minimal pair of one of the five phenomena."""
    kind = rng.choice(("simple", "phrase", "clause", "determiner", "reflexive"))
    if kind == "determiner":
        return _determiner(rng)
    if kind == "reflexive":
        return _reflexive(rng)
    return _subject_verb(rng, kind)
