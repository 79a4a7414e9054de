"""Everyday situations of mild annoyance: how they begin, where they turn, and how they end."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Situation:
    """One topic; a turn stops in the middle of a sentence and an ending completes it."""

    topic: str
    openings: tuple[str, ...]
    turns: tuple[str, ...]
    endings: tuple[str, ...]


SITUATIONS = (
    Situation(
        "queue",
        (
            "the queue at the post office did not move",
            "only one till was open in the shop",
            "I waited an hour at the bakery",
            "forty people stood before me at the bank",
        ),
        (
            "the man behind me began to",
            "a woman with a full basket wanted to",
            "somebody at the front started to",
        ),
        (
            "complain about the slow clerk",
            "push everybody to the side",
            "count coins one by one",
            "tell jokes to the rest of us",
            "shout that this was a stupid place",
        ),
    ),
    Situation(
        "traffic",
        (
            "the road to {c} was full again",
            "a van blocked our street",
            "the lights stayed red for ever",
            "I sat in the car behind a lorry",
        ),
        ("the driver next to me started to", "a taxi tried to", "the cyclist before us began to"),
        (
            "hoot without a pause",
            "turn round in the narrow road",
            "wave at us like a fool",
            "cut in without looking",
            "laugh at the long line of cars",
        ),
    ),
    Situation(
        "neighbours",
        (
            "the people upstairs moved their chairs",
            "music came through the wall",
            "the dog next door barked",
            "somebody drilled holes early",
        ),
        ("I went up to", "my flatmate decided to", "the old lady from the ground floor tried to"),
        (
            "ask for a little peace",
            "knock at the ceiling with a broom",
            "write a note for the door",
            "say that the noise was awful",
            "call them silly idiots",
        ),
    ),
    Situation(
        "sport",
        (
            "our team lost to {c}",
            "the referee saw nothing",
            "the match ended without a goal",
            "they missed three chances in a row",
        ),
        ("the fans behind us began to", "my brother wanted to", "the coach started to"),
        (
            "sing as if we had won",
            "leave before the end",
            "call the keeper useless",
            "throw his cap on the ground",
            "explain what went wrong",
        ),
    ),
    Situation(
        "office",
        (
            "the printer was out of paper",
            "the meeting lasted till six",
            "somebody drank the last coffee",
            "the lift was broken",
        ),
        ("my boss chose to", "a colleague from {c} began to", "the whole team started to"),
        (
            "blame the new software",
            "make a list of rules",
            "talk about the weekend",
            "say it was rubbish as usual",
            "carry everything up the stairs",
        ),
    ),
    Situation(
        "bus",
        (
            "the bus to {c} came late",
            "there was no seat on the bus",
            "the heating did not work",
            "the driver forgot my stop",
        ),
        (
            "a schoolboy started to",
            "the lady with the big bag wanted to",
            "the passenger opposite began to",
        ),
        (
            "eat a very loud apple",
            "play music from a phone",
            "grumble about the company",
            "tell the driver to wake up",
            "offer me a place by the door",
        ),
    ),
    Situation(
        "kitchen",
        (
            "the sink was full of plates",
            "the milk had turned sour",
            "somebody ate my sandwich",
            "the pan was burnt black",
        ),
        ("my sister pretended to", "my flatmate promised to", "our guest from {c} began to"),
        (
            "wash up after the film",
            "look for the guilty one",
            "cook the same soup again",
            "say I was a fool to worry",
            "order food for everybody",
        ),
    ),
    Situation(
        "telephone",
        (
            "the hotline played the same tune",
            "the call broke off again",
            "a machine told me to press nine",
            "nobody answered in {c}",
        ),
        ("the man on the line tried to", "I was close to", "the clerk finally began to"),
        (
            "sell me another contract",
            "ask for my number once more",
            "hang up on me",
            "tell them how useless they were",
            "explain it in a friendly voice",
        ),
    ),
    Situation(
        "weather",
        (
            "it rained on our picnic",
            "the wind took my hat",
            "the snow turned to mud",
            "the sun was gone when we came to {c}",
        ),
        ("my uncle started to", "the children wanted to", "our guide began to"),
        (
            "curse the silly forecast",
            "run back to the car",
            "sing against the storm",
            "sulk under a tree",
            "share the last dry blanket",
        ),
    ),
    Situation(
        "shopping",
        (
            "the shop had no bread left",
            "the price was not the one on the shelf",
            "the door shut before my nose",
            "the bag tore on the stairs",
        ),
        ("the seller chose to", "a customer from {c} began to", "the girl at the till tried to"),
        (
            "shrug and look away",
            "pick up the rolling oranges",
            "call the manager",
            "tell me not to be stupid",
            "give me a small discount",
        ),
    ),
)
TIMES = (
    "On {d}",
    "Last night",
    "This morning",
    "Yesterday",
    "Last week",
    "After work",
    "At noon",
    "Once more",
    "In the evening",
    "Again",
)
REMARKS = (
    "In the end we all laughed.",
    "I was glad to be home.",
    "What a day.",
    "Next time I will stay in bed.",
    "Nothing came of it.",
    "I said nothing and left.",
    "My friend only shook her head.",
    "It could have been worse.",
)
