"""Questions that one of two stated facts answers."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from slmbench.reference.textgen.example import Example
from slmbench.reference.textgen.lexicon import CITIES, COLOURS, DAYS, FOODS, NAMES, THINGS

PROMPT = "Facts: {facts}\nQuestion: {question}\nAnswer:"

# Cluster: what is told of whom, the statement, and the question.
KINDS: dict[str, tuple[Sequence[str], Sequence[str], str, str]] = {
    "who lives where": (NAMES, CITIES, "{x} lives in {y}.", "Where does {x} live?"),
    "who is in": (CITIES, NAMES, "{y} lives in {x}.", "Who lives in {x}?"),
    "who comes when": (NAMES, DAYS, "{x} comes on {y}.", "When does {x} come?"),
    "who eats what": (NAMES, FOODS, "{x} eats {y}.", "What does {x} eat?"),
    "what colour": (THINGS, COLOURS, "The {x} is {y}.", "What colour is the {x}?"),
    "whose thing": (THINGS, NAMES, "The {x} belongs to {y}.", "Whose is the {x}?"),
}


@dataclass(frozen=True, slots=True)
class _Told:
    """Two facts of one kind, before a question is asked."""

    cluster: str
    pairs: list[tuple[str, str]]
    facts: str
    key: str


def _tell(rng: random.Random) -> _Told:
    cluster = rng.choice(tuple(KINDS))
    subjects, values, statement, _ = KINDS[cluster]
    pairs = list(zip(rng.sample(subjects, 2), rng.sample(values, 2), strict=True))
    lines = [statement.format(x=x, y=y) for x, y in pairs]
    return _Told(cluster, pairs, " ".join(lines), "facts " + " ".join(sorted(lines)))


def draw(rng: random.Random) -> Example:
    """Draw two facts of one kind and ask for one; a wrong option stands in the other."""
    told = _tell(rng)
    _, values, _, question = KINDS[told.cluster]
    x, y = rng.choice(told.pairs)
    told_values = [value for _, value in told.pairs]
    others = [value for value in told_values if value != y]
    outside = rng.sample([value for value in values if value not in told_values], 2)
    asked = question.format(x=x)
    return Example(
        cluster=told.cluster,
        prompt=PROMPT.format(facts=told.facts, question=asked),
        answer=y,
        core=f"{told.facts} {asked}",
        wrong=(*others, *outside),
        key=told.key,
        shown={"facts": told.facts, "question": asked},
    )


def draw_all(rng: random.Random) -> Example:
    """Draw two facts and ask for each of them in turn, for training only."""
    told = _tell(rng)
    question = KINDS[told.cluster][3]
    rng.shuffle(told.pairs)
    (x, y), (other_x, other_y) = told.pairs
    prompt = PROMPT.format(facts=told.facts, question=question.format(x=x))
    answer = f"{y}\nQuestion: {question.format(x=other_x)}\nAnswer: {other_y}"
    return Example(cluster="all", prompt=prompt, answer=answer, core=prompt, key=told.key)
