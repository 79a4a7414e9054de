"""The training text: seeded, and free of every task's items."""

from __future__ import annotations

import pytest

from slmbench.reference.corpus import DOCUMENTS, documents, leaks
from slmbench.reference.items import SOURCES, examples, held_out
from slmbench.reference.textgen.example import words


@pytest.fixture(scope="module")
def corpus() -> list[str]:
    """The whole training text."""
    return list(documents())


def test_no_item_occurs_in_training(corpus: list[str]) -> None:
    assert len(corpus) == DOCUMENTS
    assert leaks(corpus, held_out()) == []


def test_plain_search_agrees(corpus: list[str]) -> None:
    """A second, simpler search of every fifth item finds nothing either."""
    whole = " | ".join(" ".join(words(document)) for document in corpus)
    padded = f" {whole} "
    assert not [i for i in held_out()[::5] if f" {' '.join(words(i.core))} " in padded]


@pytest.mark.parametrize("task", sorted(SOURCES))
def test_planted_leak_is_caught(task: str) -> None:
    for item in (examples(task)[0], examples(task)[-1]):
        planted = f"It was late. {item.core.upper()}, and so it ended."
        found = leaks(["Nothing here.", planted], held_out())
        assert item.identity in {leak.item.identity for leak in found}
        assert {leak.document for leak in found} == {planted}


def test_part_of_a_number_is_no_leak() -> None:
    item = next(i for i in examples("arithmetic_choice") if "+" in i.core)
    assert leaks([f"What is 9{item.core}5?"], [item]) == []
    assert len(leaks([f"What is {item.core}?"], [item])) == 1


def test_held_out_key_is_never_drawn() -> None:
    known = {item.identity for item in held_out()}
    open_items = [item for item in held_out() if item.cluster.startswith(("plus", "minus"))]
    assert open_items
    turned = [
        f"What is {b} {sign} {a}?"
        for a, sign, b in (item.core.split() for item in open_items)
        if sign == "+"
    ]
    text = "\n".join(documents(seed=1, count=3000))
    assert known
    assert not [question for question in turned if question in text]


def test_same_seed_same_text() -> None:
    assert list(documents(seed=4, count=200)) == list(documents(seed=4, count=200))
    assert list(documents(seed=4, count=200)) != list(documents(seed=5, count=200))
