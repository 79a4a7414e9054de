"""The training text: generated prose and solved questions, with every item of a task left out."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from slmbench.reference.items import held_out
from slmbench.reference.textgen import (
    everyday,
    extraction,
    facts,
    grammar,
    lists,
    machines,
    passages,
    reviews,
    rewriting,
    stories,
    sums,
    support,
)
from slmbench.reference.textgen.example import Draw, Example, words

SEED = 20_240
DOCUMENTS = 60_000


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of text: how often it is a document, and how many examples stand in one."""

    draw: Draw
    weight: float
    between: str = "\n\n"
    sizes: tuple[int, ...] = (1, 1, 1, 1, 2, 3)


FEW = (1, 1, 2, 3)
MANY = (1, 3, 4, 5, 6)
MIX = (
    Part(support.draw, 6, sizes=FEW),
    Part(reviews.draw, 10, sizes=MANY),
    Part(machines.draw, 9, sizes=MANY),
    Part(extraction.draw, 11, sizes=FEW),
    Part(lists.draw, 8),
    Part(sums.draw, 14, sizes=MANY),
    Part(sums.draw_story, 1, " "),
    Part(grammar.draw, 8, " ", MANY),
    Part(stories.draw, 5),
    Part(stories.draw_both, 6, sizes=(1,)),
    Part(passages.draw, 10),
    Part(facts.draw, 4, sizes=FEW),
    Part(facts.draw_all, 8),
    Part(everyday.draw, 3),
    Part(everyday.draw_diary, 2),
    Part(rewriting.draw_paraphrase, 4),
    Part(rewriting.draw_summary, 3),
)


@dataclass(frozen=True, slots=True)
class Leak:
    """An item whose core text occurs in a training document."""

    item: Example
    document: str


class LeakIndex:
    """Finds the core texts of items inside documents, whatever their case and punctuation."""

    _HEAD = 6

    def __init__(self, items: Iterable[Example]) -> None:
        self._heads: dict[int, dict[tuple[str, ...], list[tuple[tuple[str, ...], Example]]]]
        self._heads = defaultdict(lambda: defaultdict(list))
        for item in items:
            core = tuple(words(item.core))
            head = core[: self._HEAD]
            self._heads[len(head)][head].append((core, item))

    def find(self, document: str) -> Iterator[Leak]:
        """Yield the items that occur in a document."""
        told = words(document)
        for size, heads in self._heads.items():
            for start in range(len(told) - size + 1):
                for core, item in heads.get(tuple(told[start : start + size]), ()):
                    if tuple(told[start : start + len(core)]) == core:
                        yield Leak(item, document)


def leaks(documents: Iterable[str], items: Iterable[Example]) -> list[Leak]:
    """List every item that occurs in the documents; empty for a clean corpus."""
    index = LeakIndex(items)
    return [leak for document in documents for leak in index.find(document)]


def _allowed(rng: random.Random, draw: Draw, banned: frozenset[str]) -> Example:
    """Draw until the example is nobody's item."""
    while True:
        example = draw(rng)
        if example.identity not in banned:
            return example


@dataclass(frozen=True, slots=True)
class Document:
    """A training text, and where the answers in it stand (first character, one past the last)."""

    text: str
    answers: tuple[tuple[int, int], ...]


def _join(examples: Sequence[Example], between: str) -> Document:
    text = ""
    answers = []
    for example in examples:
        text += (between if text else "") + example.document
        if example.prompt:
            answers.append((len(text) - len(example.answer) - 1, len(text)))
    return Document(text, tuple(answers))


def marked_documents(
    seed: int = SEED, count: int = DOCUMENTS, items: Sequence[Example] | None = None
) -> Iterator[Document]:
    """Yield the training documents; an example that gives an item away is drawn again."""
    known = held_out() if items is None else tuple(items)
    banned = frozenset(item.identity for item in known)
    index = LeakIndex(known)
    rng = random.Random(seed)
    for part in rng.choices(MIX, weights=[part.weight for part in MIX], k=count):
        while True:
            size = rng.choice(part.sizes)
            drawn = [_allowed(rng, part.draw, banned) for _ in range(size)]
            document = _join(drawn, part.between)
            # A short core can also appear inside a longer text, which no key shows.
            if next(index.find(document.text), None) is None:
                break
        yield document


def documents(
    seed: int = SEED, count: int = DOCUMENTS, items: Sequence[Example] | None = None
) -> Iterator[str]:
    """Yield the texts of the training documents."""
    return (document.text for document in marked_documents(seed, count, items))
