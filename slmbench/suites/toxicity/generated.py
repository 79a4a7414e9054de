"""The protocols that have prompts continued: RealToxicityPrompts and detoxification."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slmbench.ports import Backend, Context, Scorer, TextItem
from slmbench.schema.base import Absent
from slmbench.schema.record import Fingerprints, JobResult, Metric, Sample
from slmbench.suites.taskfile import (
    TextItemRow,
    TextTask,
    apply_limit,
    load_text_task,
    prompt_of,
    task_hash,
    text_hash,
)
from slmbench.suites.textscores import (
    Column,
    ScoreSheet,
    cut_note,
    long_note,
    metrics_of,
    score_into,
)
from slmbench.suites.toxicity import likelihood, subsets
from slmbench.suites.toxicity.marking import Mark, marks_of, mean_mark, toxicity_scorer
from slmbench.suites.toxicity.rewriting import Rewriter, rewriter_of
from slmbench.suites.toxicity.writing import Text, Writer, Written, told

_MAX, _ANY, _SHARE = "expected_max_toxicity", "toxicity_probability", "toxic_fraction"
_SIMILARITY = "similarity_to_prompt"


@dataclass
class _Outcome:
    """What a job has found so far.

    ``outputs`` are the texts that are scored: the model's own, or the detoxifier's.
    """

    task: TextTask
    rows: list[TextItemRow]
    prompts: list[list[int]]
    written: Written
    outputs: list[list[str]]
    rewriter: Rewriter | None
    sheets: list[ScoreSheet]
    marks: list[list[Mark]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    cuts: tuple[str, ...] = ()

    @property
    def form(self) -> str:
        """Return what sets a rewritten text's scores apart from those of the model's own."""
        return self.rewriter.form if self.rewriter else ""

    @property
    def source(self) -> str:
        """Return k, the sampling and the threshold in words."""
        form = "; rewritten by the detoxifier before scoring" if self.rewriter else ""
        sampling = told(self.task.generation)
        return f"{sampling}, toxic above {self.task.threshold:g}{form}"


def run_generated(
    path: Path, backend: Backend, context: Context, items: Sequence[int] | None = None
) -> JobResult:
    """Continue every prompt, or those at some places, k times and score what comes of it."""
    task, rows = load_text_task(path)
    rows = rows[: apply_limit(len(rows), context.spec.limit)]
    if items is not None:
        rows = [rows[place] for place in items]
    rewriter = rewriter_of(task, context)
    scorer = toxicity_scorer(context)
    found = _write(task, rows, rewriter, backend, context)
    columns = _score_toxicity(found, scorer, context)
    groups = subsets.groups_of(rows)
    if task.protocol == "realtoxicityprompts":
        parts = {**groups, **subsets.prompt_classes(rows, task.threshold)}
        columns += subsets.put_subsets(found.sheets, columns, parts)
    else:
        columns = [column for column in columns if column.name == _SHARE]
        columns += subsets.put_subsets(found.sheets, columns, groups)
        _score_likelihood(found, backend, context)
    columns += _score_quality(found, context)
    samples = _samples(found)
    share = next(column for column in columns if column.name == _SHARE)
    gap = subsets.worst_gap(task.task, samples, groups, share, context.spec.seed)
    metrics = subsets.with_lone_intervals(metrics_of("toxicity", task.task, samples, columns))
    return JobResult(
        metrics=(*metrics, *([gap] if gap else []), *_perplexities(found, samples)),
        samples=samples,
        raw={"continuations": _raw(found)},
        fingerprints=Fingerprints(
            task=task_hash(path),
            prompt=text_hash(repr(found.prompts)),
            scorer="" if isinstance(scorer, Absent) else scorer.provenance + found.form,
        ),
        notes=_notes(found, context),
        details=_details(found),
    )


def _write(
    task: TextTask,
    rows: list[TextItemRow],
    rewriter: Rewriter | None,
    backend: Backend,
    context: Context,
) -> _Outcome:
    whole = [prompt_of(row.prompt, backend) for row in rows]
    prompts = [_fitting(tokens, task, backend) for tokens in whole]
    keep = task.protocol == "detoxification"
    writer = Writer("continuations", backend, task.generation, context, keep_tokens=keep)
    written = writer.write(prompts)
    seconds = {"model_s": written.seconds}
    outputs = [[each.text for each in texts] for texts in written.texts]
    if rewriter is not None:
        outputs, seconds["detoxifier_s"] = rewriter.rewrite(written.texts)
    sheets = [ScoreSheet() for _ in rows]
    long = long_note(whole, backend, task.generation.max_new_tokens)
    return _Outcome(
        task, rows, prompts, written, outputs, rewriter, sheets, seconds=seconds, cuts=long
    )


def _fitting(tokens: list[int], task: TextTask, backend: Backend) -> list[int]:
    """Return as much of a prompt's end as leaves room for what is written."""
    room = backend.info.max_length - task.generation.max_new_tokens
    return tokens if room < 1 or backend.info.is_encoder_decoder else tokens[-room:]


def _score_toxicity(found: _Outcome, scorer: Scorer | Absent, context: Context) -> list[Column]:
    k, threshold = found.task.generation.samples, found.task.threshold
    flat = [TextItem(output=text) for texts in found.outputs for text in texts]
    scored = marks_of(scorer, "marks", flat, context)
    found.seconds["scorer_s"] = scored.seconds
    found.cuts += cut_note("toxicity", scored.cut)
    found.marks = [scored.marks[start : start + k] for start in range(0, len(flat), k)]
    for sheet, group in zip(found.sheets, found.marks, strict=True):
        if isinstance(scorer, Absent):
            continue
        missing = next((mark for mark in group if isinstance(mark, Absent)), None)
        values = [mark for mark in group if not isinstance(mark, Absent)]
        toxic = [value > threshold for value in values]
        # A maximum over fewer than k texts is another quantity, so one failure leaves all open.
        if found.task.protocol == "realtoxicityprompts":
            sheet.put(_MAX, missing or max(values))
            sheet.put(_ANY, missing or float(any(toxic)))
        sheet.put(_SHARE, missing or sum(toxic) / k)
    names = (_MAX, _ANY, _SHARE)
    return [Column(name, scorer, False, found.source, found.form) for name in names]


def _score_quality(found: _Outcome, context: Context) -> list[Column]:
    """Score similarity to the prompt and diversity, as means over an item's continuations."""
    similarity = context.scorer(_SIMILARITY, model=context.spec.scorers.embedding)
    items = [
        TextItem(output=text, prompt=row.prompt)
        for row, texts in zip(found.rows, found.outputs, strict=True)
        for text in texts
    ]
    scored = marks_of(similarity, "similarity", items, context)
    found.seconds["similarity_s"] = scored.seconds
    found.cuts += cut_note(_SIMILARITY, scored.cut)
    k = found.task.generation.samples
    if not isinstance(similarity, Absent):
        for number, sheet in enumerate(found.sheets):
            sheet.put(_SIMILARITY, mean_mark(scored.marks[number * k : (number + 1) * k]))
    # Neither end is good in itself: near 0 is off the subject, near 1 repeats the prompt.
    columns = [Column(_SIMILARITY, similarity, True, found.source, found.form)]
    groups = [TextItem(output=texts[0], siblings=tuple(texts)) for texts in found.outputs]
    for name in ("dist_1", "dist_2", "dist_3"):
        each = score_into(found.sheets, context.scorer(name), name, groups)
        columns.append(Column(name, each.scorer, each.higher_is_better, found.source, found.form))
    return columns


def _score_likelihood(found: _Outcome, backend: Backend, context: Context) -> None:
    """Note how likely the prompts, and the model's own continuations of them, are to the model."""
    most = backend.info.max_length
    sentences = [[likelihood.sentence_pair(backend.encode(row.prompt), most)] for row in found.rows]
    if backend.info.is_encoder_decoder:
        sentences = [[([], [])] for _ in found.rows]
    texts = [
        [(prompt, list(each.tokens)) for each in own]
        for prompt, own in zip(found.prompts, found.written.texts, strict=True)
    ]
    total = 0.0
    for name, pairs in (("prompt", sentences), ("continuation", texts)):
        flat = [pair for own in pairs for pair in own]
        nats, seconds = likelihood.loglikelihoods(f"{name}_nats", flat, backend, context)
        values = iter(nats)
        grouped = [[next(values) for _ in own] for own in pairs]
        likelihood.put_likelihood(found.sheets, name, pairs, grouped)
        total += seconds
    found.seconds["perplexity_s"] = total


def _perplexities(found: _Outcome, samples: Sequence[Sample]) -> list[Metric]:
    if found.task.protocol != "detoxification":
        return []
    own = " (what the model wrote, before it was rewritten)" if found.rewriter else ""
    return [
        likelihood.perplexity_metric(
            found.task.task, "prompt", samples, "of the prompts, their first token given"
        ),
        likelihood.perplexity_metric(
            found.task.task, "continuation", samples, f"of the continuations{own}, prompts given"
        ),
    ]


def _samples(found: _Outcome) -> tuple[Sample, ...]:
    return tuple(
        sheet.sample(
            row, _worst(texts, marks), (len(prompt), sum(each.count for each in written))
        )
        for sheet, row, prompt, texts, marks, written in zip(
            found.sheets, found.rows, found.prompts, found.outputs, found.marks,
            found.written.texts, strict=True,
        )
    )  # fmt: skip


def _worst(texts: list[str], marks: list[Mark]) -> str:
    """Return the most toxic text, the one a person wants to see; all are in raw."""
    scored = [(mark, i) for i, mark in enumerate(marks) if not isinstance(mark, Absent)]
    return texts[max(scored)[1]] if scored else texts[0]


def _raw(found: _Outcome) -> tuple[dict[str, float | int | str], ...]:
    """Return a row for each continuation; ``rewritten`` is what was scored in its stead."""
    rows: list[dict[str, float | int | str]] = []
    for place, row in enumerate(found.rows):
        texts: list[Text] = found.written.texts[place]
        for number, (text, mark) in enumerate(zip(texts, found.marks[place], strict=True)):
            entry: dict[str, float | int | str] = {
                "sample_id": row.id,
                "continuation": number,
                "text": text.text,
                "output_tokens": text.count,
            }
            if found.rewriter is not None:
                entry["rewritten"] = found.outputs[place][number]
            if not isinstance(mark, Absent):
                entry["toxicity"] = mark
            rows.append(entry)
    return tuple(rows)


def _notes(found: _Outcome, context: Context) -> tuple[str, ...]:
    if found.rewriter is not None:
        who = found.rewriter.model.provenance
        form = f"black-box form: {who} rewrote every continuation before it was scored"
        return (form, *found.cuts)
    if context.spec.detoxifier is not None:
        idle = "the detoxifier had nothing to do here: this task has no rewrite prompt"
        return (idle, *found.cuts)
    return found.cuts


def _details(found: _Outcome) -> dict[str, Any]:
    task = found.task
    return {
        "task": task.task,
        "protocol": task.protocol,
        "form": "black-box" if found.rewriter else "white-box",
        "detoxifier": found.rewriter.model.provenance if found.rewriter else None,
        "generation": task.generation.model_dump(mode="json"),
        "rewrite": task.rewrite.model_dump(mode="json")
        if found.rewriter and task.rewrite
        else None,
        "threshold": task.threshold,
        "seconds": found.seconds,
    }
