"""What a judge makes of the answers and of the passages they were given, through ragas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slmbench.ports import Context, Scorer, SecondModel, TextItem
from slmbench.schema.base import Absent
from slmbench.suites.rag.judge_faults import DRAWN_AT, ORDERLESS, faults_into
from slmbench.suites.rag.task import RagTask
from slmbench.suites.taskfile import text_hash
from slmbench.suites.textscores import Column, ScoreSheet

JUDGED = (
    "faithfulness", "answer_relevancy", "context_precision", "context_recall", "context_relevancy",
)  # fmt: skip
_NO_ENCODER = "no encoder: answer_relevancy needs one, named with scorers.embedding in the spec"


@dataclass
class Steps:
    """Counts what is done of a job, and tells the user."""

    context: Context
    total: int
    done: int = 0

    def add(self, count: int) -> None:
        """Note that ``count`` more questions were answered or judged."""
        self.done += count
        self.context.progress(self.done, self.total)


def judge_scorers(
    judge: SecondModel | Absent,
    task: RagTask,
    context: Context,
    has_passages: bool,
    temperature: float = 0.0,
) -> dict[str, Scorer | Absent]:
    """Return the scorer of every judged metric, or why there is none.

    A judge's replies are its likeliest, or drawn at a ``temperature``.
    """
    if not has_passages:
        judge = Absent(reason="no answer was written from passages, so there is none to judge")
    if isinstance(judge, Absent):
        return dict.fromkeys(JUDGED, judge)
    encoder = context.spec.scorers.embedding
    return {
        name: Absent(reason=_NO_ENCODER)
        if name == "answer_relevancy" and encoder is None
        else context.scorer(
            "ragas_judge",
            metric=name,
            judge=judge,
            embedding=encoder,
            max_new_tokens=task.judge_max_new_tokens,
            temperature=temperature,
            seed=context.spec.seed,
        )
        for name in JUDGED
    }


def judge_into(
    sheets: Sequence[ScoreSheet],
    items: Sequence[TextItem],
    scorers: dict[str, Scorer | Absent],
    steps: Steps,
    part_size: int,
) -> list[Column]:
    """Put the judged scores of ``items`` into the first sheets, journalled a part at a time.

    A metric without a scorer leaves the sheets alone. An item whose replies could not be read is
    noted with the reason, so that it is counted and never averaged.
    """
    columns = []
    for name, scorer in scorers.items():
        columns.append(Column(name, scorer, True))
        if isinstance(scorer, Absent):
            continue
        for start in range(0, len(items), part_size):
            part = list(items[start : start + part_size])

            def compute(part: list[TextItem] = part, scorer: Scorer = scorer) -> Any:
                found = scorer.score(part)
                return [
                    [None, each.reason] if isinstance(each, Absent) else [each, ""]
                    for each in found
                ]

            key = f"rag/{name}/{start}/{text_hash(repr(part), scorer.provenance)}"
            found = steps.context.checkpoint(key, compute)
            for sheet, (value, reason) in zip(sheets[start:], found, strict=False):
                sheet.put(name, Absent(reason=str(reason)) if value is None else float(value))
            steps.add(len(part))
    return columns


def check_into(
    sheets: Sequence[ScoreSheet],
    items: Sequence[TextItem],
    scorers: dict[str, Scorer | Absent],
    task: RagTask,
    steps: Steps,
) -> list[Column]:
    """Judge the first ``task.checked_items`` items again, and tell how far the judge holds."""
    there = {name: each for name, each in scorers.items() if not isinstance(each, Absent)}
    if not there or not items:
        return []
    if task.checked_items == 0:
        unasked = Absent(reason="checked_items of the task is 0: nothing was judged twice")
        return [
            Column("position_bias", unasked, False),
            Column("repeat_consistency", unasked, True),
        ]
    context = steps.context
    again = judge_scorers(context.second("judge"), task, context, True, DRAWN_AT)
    drawn = {name: each for name, each in again.items() if not isinstance(each, Absent)}
    columns = faults_into(sheets, items[: task.checked_items], there, drawn, context)
    steps.add(_again(scorers, len(items), task))
    return columns


def judgements(scorers: dict[str, Scorer | Absent], judged: int, task: RagTask) -> int:
    """Return how many judgements `judge_into` and `check_into` ask for, at most."""
    there = sum(not isinstance(each, Absent) for each in scorers.values())
    return judged * there + _again(scorers, judged, task)


def _again(scorers: dict[str, Scorer | Absent], judged: int, task: RagTask) -> int:
    there = [name for name, each in scorers.items() if not isinstance(each, Absent)]
    return min(judged, task.checked_items) * (len(there) + sum(n in ORDERLESS for n in there))


def judge_notes(
    sheets: Sequence[ScoreSheet], scorers: dict[str, Scorer | Absent], count: int
) -> tuple[str, ...]:
    """Return one sentence for each metric of which the judge left items unrated."""
    notes = []
    for name, scorer in scorers.items():
        lost = sum(name in sheet.unscored for sheet in sheets)
        if lost and not isinstance(scorer, Absent):
            notes.append(f"{name}: {lost} of {count} answers could not be judged")
    return tuple(notes)
