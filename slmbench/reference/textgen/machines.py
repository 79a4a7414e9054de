"""Log lines of machines and sensors, each calling for one of four actions."""

from __future__ import annotations

import random

from slmbench.reference.textgen.example import Example, chance, sentence
from slmbench.reference.textgen.lexicon import listed

PROMPT = "Log: {log}\nAction:"
ACTIONS = ("ok", "watch", "service", "stop")

MACHINES = listed("pump fan press conveyor compressor mixer robot furnace lathe boiler")
SENSORS = ("temperature", "pressure", "vibration", "current", "speed", "load")
NOTES: dict[str, tuple[str, ...]] = {
    "ok": (
        "shift change, no remarks",
        "filter cleaned as planned",
        "sensor tested, reading normal",
        "running quietly",
        "operator checked the oil, level good",
        "restart after lunch, all normal",
    ),
    "watch": (
        "slight hum at the bearing",
        "reading drifts a little",
        "belt a bit loose",
        "oil level slowly falling",
        "small change in sound",
        "warms up faster than last week",
    ),
    "service": (
        "bearing worn",
        "oil leak at the seal",
        "belt torn at the edge",
        "filter blocked",
        "sensor cable damaged",
        "grinding noise at each turn",
    ),
    "stop": (
        "smoke seen at the motor",
        "sparks at the cable",
        "shaft broken",
        "emergency button pressed",
        "oil on fire near the seal",
        "guard door open while turning",
    ),
}


def _reading(rng: random.Random, level: int) -> str:
    """A reading and its limit, a multiple of ten, so that the level shows in the tens."""
    limit = rng.randrange(3, 8) * 10
    low, high = (
        (limit - 25, limit - 11),
        (limit - 10, limit - 1),
        (limit, limit + 9),
        (limit + 10, limit + 24),
    )[level]
    return f"{rng.choice(SENSORS)} {rng.randint(low, high)} limit {limit}"


def draw(rng: random.Random) -> Example:
    """Draw one log entry: a reading, a note, or both, where the graver of the two decides."""
    level = rng.randrange(4)
    machine = rng.choice(MACHINES)
    kind = rng.choice(("reading", "reading", "note", "both"))
    parts = []
    reading_level = note_level = level
    if kind == "both":
        milder = rng.randint(0, level)
        if chance(rng, 0.5):
            reading_level = milder
        else:
            note_level = milder
    if kind != "note":
        parts.append(_reading(rng, reading_level))
    if kind != "reading":
        parts.append("note " + rng.choice(NOTES[ACTIONS[note_level]]))
    log = f"{machine} {rng.randint(1, 9)} " + "; ".join(parts)
    return Example(
        cluster=f"{machine}, {kind}",
        prompt=PROMPT.format(log=log),
        answer=ACTIONS[level],
        core=log,
        wrong=tuple(action for action in ACTIONS if action != ACTIONS[level]),
        shown={"log": log},
    )


def report(rng: random.Random) -> str:
    """A plain sentence about a machine, for prose."""
    action = rng.choice(ACTIONS)
    machine = rng.choice(MACHINES)
    return f"{sentence(rng.choice(NOTES[action]))} on the {machine}."
