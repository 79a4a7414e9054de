"""The generators: seeded, well formed, and importable without torch."""

from __future__ import annotations

import json
import random
import subprocess
import sys

import pytest

from slmbench.reference.corpus import MIX
from slmbench.reference.items import SOURCES, examples, rows
from slmbench.reference.textgen import machines, sums
from slmbench.reference.textgen.documents import long_text
from slmbench.reference.textgen.example import articles, words

TASKS = sorted(SOURCES)


@pytest.mark.parametrize("task", TASKS)
def test_same_seed_same_examples(task: str) -> None:
    draw = SOURCES[task].draw
    first, second = random.Random(3), random.Random(3)
    assert [draw(first) for _ in range(50)] == [draw(second) for _ in range(50)]


@pytest.mark.parametrize("task", TASKS)
def test_no_slot_stays_open_and_options_differ(task: str) -> None:
    rng = random.Random(5)
    for _ in range(300):
        example = SOURCES[task].draw(rng)
        text = example.document.replace(example.answer, "") + example.core
        assert "{" not in text
        assert "}" not in text
        assert "  " not in example.document
        assert example.answer not in example.wrong
        assert len(set(example.wrong)) == len(example.wrong)


@pytest.mark.parametrize("task", TASKS)
def test_items_of_a_task_share_no_key(task: str) -> None:
    keys = [example.identity for example in examples(task)]
    assert len(set(keys)) == len(keys) == SOURCES[task].count
    assert len(rows(task)) == len(keys)


def test_every_training_draw_is_listed_once() -> None:
    assert len({part.draw for part in MIX}) == len(MIX)


def test_arithmetic_is_right() -> None:
    rng = random.Random(11)
    for _ in range(500):
        example = sums.draw(rng)
        a, sign, b = example.core.split()
        right = int(a) + int(b) if sign == "+" else int(a) - int(b)
        assert example.answer == str(right)


def test_sums_are_held_out_in_both_orders() -> None:
    by_core = {e.core: e.identity for e in (sums.draw(random.Random(i)) for i in range(4000))}
    turned = [core for core in by_core if " + " in core and _turn(core) in by_core]
    assert turned
    assert all(by_core[core] == by_core[_turn(core)] for core in turned)


def _turn(core: str) -> str:
    return " ".join(reversed(core.split()))


def test_graver_half_of_a_log_decides() -> None:
    rng = random.Random(2)
    for _ in range(1000):
        example = machines.draw(rng)
        level = machines.ACTIONS.index(example.answer)
        found = [
            machines.ACTIONS.index(action)
            for action, notes in machines.NOTES.items()
            if any(example.core.endswith("note " + note) for note in notes)
        ]
        told = example.core.split(";")[0].split()
        if "limit" in told:
            value, limit = int(told[-3]), int(told[-1])
            found.append(sum(value >= limit + step for step in (-10, 0, 10)))
        assert max(found) == level


def test_extracted_fields_stand_in_the_text() -> None:
    for example in examples("field_extraction"):
        for value in json.loads(example.answer).values():
            assert str(value) in example.core


def test_articles_and_words() -> None:
    assert articles("a orange, a useless A apple") == "an orange, a useless An apple"
    assert words('What\'s 12 + 7? "Yes," said Tom.') == [
        "what's",
        "12",
        "+",
        "7",
        "yes",
        "said",
        "tom",
    ]


def test_long_text_is_long_enough() -> None:
    assert len(long_text(random.Random(1), 2048).split()) >= 2048


def test_generators_need_no_torch() -> None:
    code = (
        "import sys, slmbench.reference.make_tasks, slmbench.reference.corpus;"
        "sys.exit(any(m in sys.modules for m in ('torch', 'transformers', 'lm_eval')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
