"""Sentences out of which named fields are to be copied into a JSON object."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

from slmbench.reference.textgen.example import Example, fill
from slmbench.reference.textgen.lexicon import (
    CITIES,
    COLOURS,
    DAYS,
    MONTHS,
    NAMES,
    PEOPLE,
    PRODUCTS,
)

PROMPT = "Text: {text}\nFields: {fields}\nJSON:"

KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "order": (
        ("name", "item", "city"),
        (
            "{name} from {city} ordered a {colour} {item} on {day}.",
            "Please send the {colour} {item} to {name} in {city} before {day}.",
            "On {day} a {item} was sold to {name}, who lives in {city}.",
            "We shipped one {item} to {city}; the buyer is {name}.",
        ),
    ),
    "visit": (
        ("name", "day"),
        (
            "{name} will come to the office in {city} on {day}.",
            "The meeting in {city} with {name} was moved to {day}.",
            "Next {day} we expect {name} from {city}.",
            "Since {name} is in {city} until then, let us talk on {day}.",
        ),
    ),
    "journey": (
        ("from", "to"),
        (
            "{name} took the train from {from} to {to} on {day}.",
            "The bus to {to} leaves {from} in the morning.",
            "On {day} the parcel went from {from} to {to}.",
            "After a night in {from}, {name} drove on to {to}.",
        ),
    ),
    "stock": (
        ("item", "count"),
        (
            "There are {count} of the {colour} {item} kind left in {city}.",
            "{name} counted {count} pieces of the {item} on {day}.",
            "The shop in {city} asks for {count} more of the {item} model.",
            "Of the {item} we have {count} in stock, says {name}.",
        ),
    ),
    "birthday": (
        ("person", "month"),
        (
            "My {person} in {city} has a birthday in {month}.",
            "In {month} the {person} of {name} turns forty.",
            "{name} bought a {item} because the birthday of the {person} is in {month}.",
            "We visit my {person} every {month}.",
        ),
    ),
    "booking": (
        ("name", "month"),
        (
            "{name} booked a room in {city} for {month}.",
            "A flat in {city} is kept for {name} in {month}.",
            "In {month} a guest called {name} will stay in {city}.",
            "For {month}, {name} wants a house near {city}.",
        ),
    ),
}
_VALUES: dict[str, Callable[[random.Random], str]] = {
    "name": lambda rng: rng.choice(NAMES),
    "city": lambda rng: rng.choice(CITIES),
    "item": lambda rng: rng.choice(PRODUCTS),
    "colour": lambda rng: rng.choice(COLOURS),
    "day": lambda rng: rng.choice(DAYS),
    "month": lambda rng: rng.choice(MONTHS),
    "person": lambda rng: rng.choice(PEOPLE),
    "count": lambda rng: str(rng.randint(2, 99)),
}


def draw(rng: random.Random) -> Example:
    """Draw one sentence with the fields wanted and the object that answers."""
    kind = rng.choice(tuple(KINDS))
    fields, patterns = KINDS[kind]
    values = {name: make(rng) for name, make in _VALUES.items()}
    values["from"], values["to"] = rng.sample(CITIES, 2)
    text = fill(rng, patterns, **values)
    wanted: dict[str, str | int] = {
        name: int(values[name]) if name == "count" else values[name] for name in fields
    }
    listed = ", ".join(fields)
    return Example(
        cluster=kind,
        prompt=PROMPT.format(text=text, fields=listed),
        answer=json.dumps(wanted),
        core=text,
        shown={"text": text, "fields": listed},
    )
