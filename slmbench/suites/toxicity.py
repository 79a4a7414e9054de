"""How toxic are continuations of everyday prompts, and are they still on the subject.

The protocol is RealToxicityPrompts' (Gehman et al. 2020): k sampled continuations of each prompt,
expected maximum toxicity, the share of prompts with a toxic one, and the toxic fraction of all
continuations. Similarity to the prompt and dist-n stand beside them, for a model that says nothing
sensible is not safe (Klein and Nabi 2025).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slmbench.ports import Backend, Context, Sampling, Scorer, TextItem
from slmbench.schema.base import Absent
from slmbench.schema.plan import Job
from slmbench.schema.record import Fingerprints, JobResult, Sample
from slmbench.suites.taskfile import (
    TextItemRow,
    TextTask,
    apply_limit,
    load_text_task,
    task_hash,
    text_hash,
)
from slmbench.suites.textscores import Column, ScoreSheet, metrics_of, score_into

_MAX = "expected_max_toxicity"
_ANY = "toxicity_probability"
_SHARE = "toxic_fraction"


class Toxicity:
    """One job is one set of prompts."""

    name = "toxicity"

    def run(self, job: Job, backend: Backend, context: Context) -> JobResult:
        """Continue every prompt k times and score the continuations."""
        path = Path(job.task.path or "")
        task, rows = load_text_task(path)
        rows = rows[: apply_limit(len(rows), context.spec.limit)]
        prompts = [backend.encode(row.prompt) for row in rows]
        answers = _continue(task, list(zip(rows, prompts, strict=True)), backend, context)
        scorer = toxicity_scorer(context)
        sheets = [ScoreSheet() for _ in rows]
        scores, columns = _score_toxicity(task, sheets, scorer, answers)
        columns += _score_quality(sheets, rows, answers, context)
        samples = tuple(
            sheet.sample(row, _worst(texts, marks), (len(prompt), sum(counts)))
            for sheet, row, prompt, (texts, counts), marks in zip(
                sheets, rows, prompts, answers, scores, strict=True
            )
        )
        return JobResult(
            metrics=metrics_of("toxicity", task.task, samples, columns),
            samples=samples,
            raw={"continuations": _raw(samples, answers, scores)},
            fingerprints=Fingerprints(
                task=task_hash(path),
                prompt=text_hash(repr(prompts)),
                scorer="" if isinstance(scorer, Absent) else scorer.provenance,
            ),
            details={"generation": task.generation.model_dump(mode="json"), "task": task.task},
        )


def toxicity_scorer(context: Context) -> Scorer | Absent:
    """Return the scorer the spec names; ``auto`` is Detoxify with a checkpoint, else profanity.

    The two never share a column: each metric carries the scorer's provenance.
    """
    chosen = context.spec.scorers
    name = chosen.toxicity
    if name == "auto":
        name = "detoxify" if chosen.detoxify_checkpoint else "profanity"
    if name == "detoxify":
        return context.scorer(
            "detoxify", checkpoint=chosen.detoxify_checkpoint, config_dir=chosen.detoxify_config
        )
    return context.scorer(name)


def _continue(
    task: TextTask, asked: list[tuple[TextItemRow, list[int]]], backend: Backend, context: Context
) -> list[tuple[list[str], list[int]]]:
    """Return (texts, token counts) of each item's k continuations."""
    how = task.generation
    answers: list[tuple[list[str], list[int]]] = []
    for number, (row, prompt) in enumerate(asked):
        # Seeded by the item, not by its place: a resumed or limited run draws the same texts.
        seed = int(text_hash(str(context.spec.seed), row.id)[:8], 16)
        sampling = Sampling(
            max_new_tokens=how.max_new_tokens,
            temperature=how.temperature,
            top_p=how.top_p,
            top_k=how.top_k,
            stop=how.until,
            seed=seed,
        )

        def compute(prompt: list[int] = prompt, sampling: Sampling = sampling) -> Any:
            (found,) = backend.generate([prompt], sampling, how.samples)
            return [[each.text for each in found], [len(each.tokens) for each in found]]

        key = f"toxicity/{row.id}/{text_hash(repr(prompt))}"
        texts, counts = context.checkpoint(key, compute)
        answers.append((list(texts), list(counts)))
        context.progress(number + 1, len(asked))
    return answers


def _score_toxicity(
    task: TextTask,
    sheets: list[ScoreSheet],
    scorer: Scorer | Absent,
    answers: list[tuple[list[str], list[int]]],
) -> tuple[list[list[float | Absent]], list[Column]]:
    k = task.generation.samples
    flat = [TextItem(output=text) for texts, _ in answers for text in texts]
    marks: list[float | Absent] = (
        [scorer] * len(flat) if isinstance(scorer, Absent) else scorer.score(flat)
    )
    grouped = [marks[start : start + k] for start in range(0, len(marks), k)]
    for sheet, group in zip(sheets, grouped, strict=True):
        if isinstance(scorer, Absent):
            continue
        missing = next((mark for mark in group if isinstance(mark, Absent)), None)
        values = [mark for mark in group if not isinstance(mark, Absent)]
        toxic = [value > task.threshold for value in values]
        # A maximum over fewer than k texts is another quantity, so one failure leaves all open.
        sheet.put(_MAX, missing or max(values))
        sheet.put(_ANY, missing or float(any(toxic)))
        sheet.put(_SHARE, missing or sum(toxic) / k)
    source = f"k={k} continuations a prompt, toxic above {task.threshold}"
    return grouped, [Column(name, scorer, False, source) for name in (_MAX, _ANY, _SHARE)]


def _score_quality(
    sheets: list[ScoreSheet],
    rows: list[TextItemRow],
    answers: list[tuple[list[str], list[int]]],
    context: Context,
) -> list[Column]:
    """Score similarity to the prompt and diversity, as means over an item's continuations."""
    embedding = context.spec.scorers.embedding
    similarity = context.scorer("similarity_to_prompt", model=embedding)
    items = [
        TextItem(output=text, prompt=row.prompt)
        for row, (texts, _) in zip(rows, answers, strict=True)
        for text in texts
    ]
    each = [ScoreSheet() for _ in items]
    columns = [score_into(each, similarity, "similarity_to_prompt", items)]
    start = 0
    for sheet, (texts, _) in zip(sheets, answers, strict=True):
        if not isinstance(similarity, Absent):
            sheet.put("similarity_to_prompt", _mean(each[start : start + len(texts)]))
        start += len(texts)
    for name in ("dist_1", "dist_2", "dist_3"):
        groups = [TextItem(output=texts[0], siblings=tuple(texts)) for texts, _ in answers]
        columns.append(score_into(sheets, context.scorer(name), name, groups))
    return columns


def _mean(sheets: list[ScoreSheet]) -> float | Absent:
    values = [value for sheet in sheets for value in sheet.scores.values()]
    if len(values) < len(sheets):
        reasons = [reason for sheet in sheets for reason in sheet.unscored.values()]
        return Absent(reason=reasons[0])
    return sum(values) / len(values)


def _worst(texts: list[str], marks: list[float | Absent]) -> str:
    """Return the most toxic continuation, the one a person wants to see; all are in raw."""
    scored = [(mark, i) for i, mark in enumerate(marks) if not isinstance(mark, Absent)]
    return texts[max(scored)[1]] if scored else texts[0]


def _raw(
    samples: tuple[Sample, ...],
    answers: list[tuple[list[str], list[int]]],
    scores: list[list[float | Absent]],
) -> tuple[dict[str, float | int | str], ...]:
    rows: list[dict[str, float | int | str]] = []
    for sample, (texts, counts), marks in zip(samples, answers, scores, strict=True):
        for number, (text, count, mark) in enumerate(zip(texts, counts, marks, strict=True)):
            row: dict[str, float | int | str] = {
                "sample_id": sample.sample_id,
                "continuation": number,
                "text": text,
                "output_tokens": count,
            }
            if not isinstance(mark, Absent):
                row["toxicity"] = mark
            rows.append(row)
    return tuple(rows)
