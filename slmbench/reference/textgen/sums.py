"""Small additions and subtractions, held out by their pair of numbers."""

from __future__ import annotations

import random

from slmbench.reference.textgen.example import Example, chance, fill
from slmbench.reference.textgen.lexicon import NAMES, THINGS

PROMPT = "Question: {question}\nAnswer:"
LARGEST = 30
PLUS_STORIES = (
    "{n} has {a} {t}s and gets {b} more. Now {n} has {c}.",
    "There are {a} {t}s here and {b} there. Together there are {c}.",
)
MINUS_STORIES = (
    "{n} has {a} {t}s and gives {b} away. Now {n} has {c}.",
    "There were {a} {t}s. {n} took {b} of them, and {c} are left.",
)
_COUNTED = [thing for thing in THINGS if thing != "watch"]


def _wrong(rng: random.Random, result: int, a: int, b: int, plus: bool) -> tuple[str, ...]:
    """One near miss, one wild guess, and the result of the other operation or another guess."""
    near = [value for step in (1, 2) for value in (result - step, result + step) if value >= 0]
    wrong = [abs(a - b) if plus else a + b, rng.choice(near)]
    wild = [value for value in range(2 * LARGEST + 1) if value != result and value not in wrong]
    chosen = {value for value in wrong if value != result} | {rng.choice(wild)}
    while len(chosen) < 3:
        chosen.add(rng.choice(wild))
    return tuple(str(value) for value in sorted(chosen))


def _operands(rng: random.Random) -> tuple[bool, int, int]:
    plus = chance(rng, 0.5)
    a, b = rng.randint(1, LARGEST), rng.randint(1, LARGEST)
    if not plus:
        a, b = max(a, b), min(a, b)
    return plus, a, b


def _key(plus: bool, a: int, b: int) -> str:
    """One key for a pair in either order: 3 + 4 gives 4 + 3 away."""
    return f"{max(a, b)} {'+' if plus else '-'} {min(a, b)}"


def draw(rng: random.Random) -> Example:
    """Draw one sum with three wrong results."""
    plus, a, b = _operands(rng)
    sign, result = ("+", a + b) if plus else ("-", a - b)
    carries = (a % 10 + b % 10 > 9) if plus else (a % 10 < b % 10)
    question = f"What is {a} {sign} {b}?"
    return Example(
        cluster=f"{'plus' if plus else 'minus'}, {'carry' if carries else 'no carry'}",
        prompt=PROMPT.format(question=question),
        answer=str(result),
        core=f"{a} {sign} {b}",
        wrong=_wrong(rng, result, a, b, plus),
        key=_key(plus, a, b),
        shown={"question": question},
    )


def draw_story(rng: random.Random) -> Example:
    """Draw the same kind of sum told as a story, for training only."""
    plus, a, b = _operands(rng)
    result = a + b if plus else a - b
    text = fill(
        rng,
        PLUS_STORIES if plus else MINUS_STORIES,
        n=rng.choice(NAMES),
        t=rng.choice(_COUNTED),
        a=str(a),
        b=str(b),
        c=str(result),
    )
    return Example(cluster="story", prompt="", answer=text, core=text, key=_key(plus, a, b))
