"""Does retrieval find what a question needs, and does the model answer better with it?

Every question is answered without passages, with those that were retrieved and with the right ones,
so that three things stand apart: what the retriever finds, what the reader makes of good passages,
and what the model knew anyway. The retriever may be the model itself (``query_likelihood``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from slmbench.ports import Backend, Context, TextItem
from slmbench.schema.base import Absent
from slmbench.schema.plan import Job
from slmbench.schema.record import Fingerprints, JobResult, Sample
from slmbench.suites.rag.evidence import details_of, fit_notes, provenances, raw_rows
from slmbench.suites.rag.figures import (
    context_columns,
    gain_metrics,
    note_gains,
    ranking_columns,
    reader_columns,
)
from slmbench.suites.rag.judged import (
    Steps,
    check_into,
    judge_into,
    judge_notes,
    judge_scorers,
    judgements,
)
from slmbench.suites.rag.reader import Answer, Reader, Reading
from slmbench.suites.rag.retriever import Rankings, Retriever
from slmbench.suites.rag.task import Loaded, RagRow, RagTask, load_rag
from slmbench.suites.taskfile import TextItemRow, apply_limit, task_hash, text_hash
from slmbench.suites.textscores import ScoreSheet, metrics_of

#: Which answer is judged, and shown to a person: that of the first of these that was run.
_SHOWN = ("retrieved", "gold", "no_context")

Answers = dict[str, list[Answer] | Absent]


class Rag:
    """One job is one set of questions over one set of passages."""

    name = "rag"

    def run(self, job: Job, backend: Backend, context: Context) -> JobResult:
        """Rank the passages, have the questions answered, and score both."""
        path = Path(job.task.path or "")
        loaded = load_rag(path)
        task = loaded.task
        rows = loaded.rows[: apply_limit(len(loaded.rows), context.spec.limit)]
        questions = [row.question for row in rows]
        how = task.retrieval
        ways = (how.by, *how.also)
        steps = Steps(context, len(rows) * (len(task.conditions) + ways.count("query_likelihood")))
        retriever = Retriever(how, questions, loaded.passages, backend, context)
        ranked: dict[str, Rankings | Absent] = {by: retriever.rank(by, steps.add) for by in ways}
        rankings = ranked[how.by]
        reader = Reader(task, f"'{path}'", backend, context)
        readings = _readings(loaded, rows, rankings, reader)
        judge = context.second("judge")
        scorers = judge_scorers(judge, task, context, _shown(readings) != "no_context")
        judged = rows[: task.judged_items]
        steps.total += judgements(scorers, len(judged), task)
        answers = _answers(task, readings, rankings, reader, steps)

        sheets = [ScoreSheet() for _ in rows]
        columns = ranking_columns(sheets, rows, rankings, how.k)
        for by in how.also:
            columns += ranking_columns(sheets, rows, ranked[by], how.k, f"_{by}")
        columns += context_columns(sheets, rows, rankings, readings.get("retrieved"))
        columns += reader_columns(sheets, rows, answers, context)
        note_gains(sheets)
        items = _items(judged, readings, answers)
        size = 1 if isinstance(judge, Absent) else judge.backend.batch_size
        columns += judge_into(sheets, items, scorers, steps, size)
        columns += check_into(sheets, items, scorers, task, steps)
        context.progress(steps.total, steps.total)
        samples = _samples(sheets, rows, readings, answers)
        return JobResult(
            metrics=(
                *metrics_of("rag", task.task, samples, columns),
                *gain_metrics(task.task, samples, columns),
            ),
            samples=samples,
            raw=raw_rows(rows, ranked, readings, answers, how.k),
            fingerprints=Fingerprints(
                task=text_hash(task_hash(path), loaded.passages_hash),
                prompt=_prompts_hash(readings),
                scorer=provenances(columns),
            ),
            notes=(*fit_notes(ranked, readings), *judge_notes(sheets, scorers, len(items))),
            details=details_of(loaded, ranked),
        )


def _prompts_hash(readings: Mapping[str, list[Reading]]) -> str:
    return text_hash(repr([[each.tokens for each in part] for part in readings.values()]))


def _readings(
    loaded: Loaded, rows: Sequence[RagRow], rankings: Rankings | Absent, reader: Reader
) -> dict[str, list[Reading]]:
    """Return the prompts of every condition that can be run, in the task's order."""
    found: dict[str, list[Reading]] = {}
    k, order = loaded.task.retrieval.k, {key: at for at, key in enumerate(loaded.passages)}
    for condition in loaded.task.conditions:
        if condition == "no_context":
            ids: list[tuple[str, ...]] = [() for _ in rows]
        elif condition == "gold":
            ids = [_best_graded(row, order) for row in rows]
        elif isinstance(rankings, Absent):
            continue
        else:
            ids = [each[:k] for each in rankings.ids]
        found[condition] = [
            reader.put(row.question, each, loaded.passages)
            for row, each in zip(rows, ids, strict=True)
        ]
    return found


def _best_graded(row: RagRow, order: Mapping[str, int]) -> tuple[str, ...]:
    """Return the relevant passages, the most relevant first and else in the task's order."""
    grades = row.grades
    return tuple(sorted(grades, key=lambda each: (-grades[each], order[each])))


def _answers(
    task: RagTask,
    readings: Mapping[str, list[Reading]],
    rankings: Rankings | Absent,
    reader: Reader,
    steps: Steps,
) -> Answers:
    """Return the answers of every condition that the task names, or why there are none."""
    found: Answers = {}
    for condition in task.conditions:
        if condition in readings:
            found[condition] = reader.answer(condition, readings[condition], steps.add)
        elif isinstance(rankings, Absent):
            found[condition] = rankings
    return found


def _shown(readings: Mapping[str, object]) -> str:
    return next((each for each in _SHOWN if each in readings), "no_context")


def _items(
    rows: Sequence[RagRow], readings: Mapping[str, list[Reading]], answers: Answers
) -> list[TextItem]:
    """Return what the judge is shown: the answer and the passages it was written from."""
    shown = _shown(readings)
    given = answers.get(shown)
    if given is None or isinstance(given, Absent):
        return []
    return [
        TextItem(
            output=answer.text,
            reference=row.answer,
            prompt=row.question,
            contexts=reading.contexts,
        )
        for row, answer, reading in zip(rows, given, readings[shown], strict=False)
    ]


def _samples(
    sheets: Sequence[ScoreSheet],
    rows: Sequence[RagRow],
    readings: Mapping[str, list[Reading]],
    answers: Answers,
) -> tuple[Sample, ...]:
    """Return a sample of each question; its tokens are those of all conditions together."""
    found = []
    given = {name: each for name, each in answers.items() if not isinstance(each, Absent)}
    shown = given.get(_shown(readings))
    for number, (sheet, row) in enumerate(zip(sheets, rows, strict=True)):
        read = sum(len(each[number].tokens) for each in readings.values())
        written = sum(each[number].token_count for each in given.values())
        as_text = TextItemRow(
            id=row.id, cluster=row.cluster, prompt=row.question, reference=row.answer
        )
        output = None if shown is None else shown[number].text
        found.append(sheet.sample(as_text, output, (read, written)))
    return tuple(found)
