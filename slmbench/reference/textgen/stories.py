"""Stories of four sentences with a right and a wrong ending."""

from __future__ import annotations

import random
from dataclasses import replace

from slmbench.reference.textgen.example import Example, chance, fill
from slmbench.reference.textgen.lexicon import CITIES, DAYS, NAMES, THINGS
from slmbench.reference.textgen.scripts import ASIDES, MIDDLES, SCRIPTS


def _tell(rng: random.Random) -> tuple[Example, str]:
    """Draw a story with the ending of one person, and that of the other if it tells of both."""
    script = rng.choice(SCRIPTS)
    people = rng.sample(NAMES, 2)
    branches = rng.sample((0, 1), 2)
    scene = {"t": rng.choice(THINGS), "c": rng.choice(CITIES), "d": rng.choice(DAYS)}
    told = [
        fill(rng, script.causes[branch], n=name, **scene)
        for name, branch in zip(people, branches, strict=True)
    ]
    opening = fill(rng, script.opening, n=people[0], m=people[1], **scene)
    hero = rng.randrange(2)
    both = chance(rng, 0.5)
    if both:
        rng.shuffle(told)
    else:
        told = [told[hero], fill(rng, ASIDES, n=people[1 - hero])]
    context = " ".join((opening, *told, fill(rng, MIDDLES, **scene)))
    right, wrong = (
        fill(rng, script.endings[branch], n=people[hero], **scene)
        for branch in (branches[hero], branches[1 - hero])
    )
    other = fill(rng, script.endings[branches[1 - hero]], n=people[1 - hero], **scene)
    example = Example(
        cluster=script.name,
        prompt=context,
        answer=right,
        core=context,
        wrong=(wrong,),
        shown={"story": context},
    )
    return example, other if both else ""


def draw(rng: random.Random) -> Example:
    """Draw one story; in half of them two people differ in what they did."""
    return _tell(rng)[0]


def draw_both(rng: random.Random) -> Example:
    """Draw one story that tells how it ended for each of its people, for training only."""
    example, other = _tell(rng)
    return replace(example, answer=f"{example.answer} {other}".rstrip())
