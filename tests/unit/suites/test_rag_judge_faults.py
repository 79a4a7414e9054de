"""A judge that looks at the first passage alone, or changes its mind, is seen to."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from slmbench.ports import Scorer, TextItem
from slmbench.schema.base import Absent
from slmbench.suites.rag.judge_faults import faults_into, turned
from slmbench.suites.textscores import ScoreSheet
from tests.contract.memory_context import MemoryContext

ITEMS = [
    TextItem(output="oats", contexts=("the mill grinds oats", "the inn serves soup")),
    TextItem(output="soup", contexts=("the mill grinds oats", "the inn serves soup")),
    TextItem(output="oats", contexts=("the mill grinds oats",)),
]


class Rule:
    """Scores by a rule, and counts how often it was asked."""

    higher_is_better = True

    def __init__(self, metric: str, provenance: str, anywhere: bool, flat: float | None) -> None:
        self.metric = metric
        self.provenance = provenance
        self._anywhere = anywhere
        self._flat = flat
        self.asked = 0

    def score(self, items: Sequence[TextItem]) -> list[float | Absent]:
        self.asked += len(items)
        if self._flat is not None:
            return [self._flat] * len(items)
        seen = [each.contexts if self._anywhere else each.contexts[:1] for each in items]
        return [float(any(i.output in c for c in s)) for i, s in zip(items, seen, strict=True)]


class Mute(Rule):
    """A judge whose replies can't be read."""

    def score(self, items: Sequence[TextItem]) -> list[float | Absent]:
        return [Absent(reason="no JSON")] * len(items)


def judged(scorers: dict[str, Scorer]) -> list[ScoreSheet]:
    sheets = [ScoreSheet() for _ in ITEMS]
    for name, scorer in scorers.items():
        for sheet, value in zip(sheets, scorer.score(ITEMS), strict=True):
            sheet.put(name, value)
    return sheets


def test_passages_are_turned_and_nothing_else() -> None:
    (first, *_) = turned(ITEMS)
    assert first.contexts == ("the inn serves soup", "the mill grinds oats")
    assert first.output == "oats" and turned(turned(ITEMS)) == ITEMS


def test_a_judge_of_the_first_passage_alone_is_moved_by_the_order() -> None:
    blind = Rule("faithfulness", "blind", anywhere=False, flat=None)
    sees = Rule("context_recall", "sees", anywhere=True, flat=None)
    ranks = Rule("context_precision", "ranks", anywhere=False, flat=None)
    scorers: dict[str, Scorer] = {each.metric: each for each in (blind, sees, ranks)}
    drawn: dict[str, Scorer] = {name: Rule(name, f"{name}*", True, 0.5) for name in scorers}
    sheets = judged(scorers)
    columns = faults_into(sheets, ITEMS, scorers, drawn, MemoryContext())
    # The blind judge's score moves from one end to the other, the other's not at all.
    assert [sheet.scores.get("position_bias") for sheet in sheets] == [0.5, 0.5, None]
    assert "two passages" in sheets[2].unscored["position_bias"]
    # 1 - |0.5 - {0, 1}| everywhere.
    assert [sheet.scores["repeat_consistency"] for sheet in sheets] == [0.5, 0.5, 0.5]
    assert [column.higher_is_better for column in columns] == [False, True]
    assert ranks.asked == len(ITEMS), "a metric that ranks is not asked about another ranking"


def test_what_cannot_be_read_twice_is_no_number() -> None:
    scorers: dict[str, Scorer] = {"faithfulness": Rule("faithfulness", "sees", True, None)}
    drawn: dict[str, Scorer] = {"faithfulness": Mute("faithfulness", "mute", True, None)}
    sheets = judged(scorers)
    faults_into(sheets, ITEMS, scorers, drawn, MemoryContext())
    assert all("no second reply" in sheet.unscored["repeat_consistency"] for sheet in sheets)


def test_what_was_judged_is_journalled() -> None:
    scorers: dict[str, Scorer] = {"faithfulness": Rule("faithfulness", "sees", True, None)}
    drawn: dict[str, Scorer] = {"faithfulness": Rule("faithfulness", "sees*", True, 1.0)}
    context, sheets = MemoryContext(), judged(scorers)
    faults_into(sheets, ITEMS, scorers, drawn, context)
    resumed = MemoryContext()
    resumed.kept = dict(context.kept)
    again = judged(scorers)
    faults_into(again, ITEMS, scorers, drawn, resumed)
    assert resumed.computed == []
    assert [s.scores for s in again] == [pytest.approx(s.scores) for s in sheets]
