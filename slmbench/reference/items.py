"""Draws the items of every shipped task, so that training can leave them out."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from slmbench.reference.textgen import (
    documents,
    everyday,
    extraction,
    facts,
    grammar,
    machines,
    passages,
    reviews,
    rewriting,
    stories,
    sums,
    support,
)
from slmbench.reference.textgen.example import Draw, Example

Row = Mapping[str, Any]
ToRow = Callable[[Example, tuple[str, ...]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Source:
    """How the items of one task are drawn.

    `fixed` gives the options one order for every item; then the right answers are balanced by
    drawing equally many of each. Otherwise the right option goes round the positions.
    """

    draw: Draw
    count: int
    seed: int
    to_row: ToRow
    fixed: tuple[str, ...] = ()


def _choice(example: Example, options: tuple[str, ...]) -> dict[str, Any]:
    return {
        **example.shown,
        "choices": list(options),
        "answer": options.index(example.answer),
    }


def _target(example: Example, _: tuple[str, ...]) -> dict[str, Any]:
    return {**example.shown, "target": example.answer}


def _shown(example: Example, _: tuple[str, ...]) -> dict[str, Any]:
    return dict(example.shown)


def _prompt(example: Example, _: tuple[str, ...]) -> dict[str, Any]:
    return {"prompt": example.prompt, **example.shown}


SOURCES: dict[str, Source] = {
    "customer_intent": Source(support.draw, 240, 101, _choice),
    "sentiment": Source(reviews.draw, 240, 102, _choice, ("negative", "positive")),
    "log_triage": Source(machines.draw, 240, 103, _choice, machines.ACTIONS),
    "field_extraction": Source(extraction.draw, 200, 104, _target),
    "arithmetic_choice": Source(sums.draw, 240, 105, _choice),
    "agreement": Source(grammar.draw, 250, 106, _choice),
    "story_cloze": Source(stories.draw, 240, 107, _choice),
    "heldout_perplexity": Source(documents.draw, 200, 108, _shown),
    "last_word": Source(passages.draw, 240, 109, _shown),
    "fact_lookup": Source(facts.draw, 240, 110, _choice),
    "everyday": Source(everyday.draw, 100, 111, _prompt),
    "paraphrase": Source(rewriting.draw_paraphrase, 200, 112, _prompt),
    "summary": Source(rewriting.draw_summary, 200, 113, _prompt),
}


@cache
def examples(task: str) -> tuple[Example, ...]:
    """Draw the examples of one task, all different."""
    source = SOURCES[task]
    rng = random.Random(source.seed)
    quota = source.count // len(source.fixed) if source.fixed else source.count
    taken: Counter[str] = Counter()
    seen: set[str] = set()
    chosen: list[Example] = []
    while len(chosen) < source.count:
        example = source.draw(rng)
        kind = example.answer if source.fixed else ""
        if example.identity in seen or taken[kind] >= quota:
            continue
        seen.add(example.identity)
        taken[kind] += 1
        chosen.append(example)
    return tuple(chosen)


def _options(example: Example, source: Source, index: int) -> tuple[str, ...]:
    """Order the options of one item."""
    if source.fixed or not example.wrong:
        return source.fixed
    wrong = list(example.wrong)
    random.Random(source.seed * 10_000 + index).shuffle(wrong)
    wrong.insert(index % (len(wrong) + 1), example.answer)
    return tuple(wrong)


def rows(task: str) -> list[Row]:
    """The rows of a task's JSONL file."""
    source = SOURCES[task]
    return [
        {
            "id": f"{task}-{index:04d}",
            "cluster": example.cluster,
            **source.to_row(example, _options(example, source, index)),
        }
        for index, example in enumerate(examples(task))
    ]


@cache
def held_out() -> tuple[Example, ...]:
    """Every example of every task."""
    return tuple(example for task in SOURCES for example in examples(task))
