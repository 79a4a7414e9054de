"""How near are a model's texts to reference texts, by overlap and, given models, by meaning.

A task whose items hold texts that people rated asks something else: how far each scorer follows
people (STS-B, SummEval). Then no model is asked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slmbench.errors import InputError
from slmbench.ports import Backend, Context, Sampling, Scorer, TextItem
from slmbench.schema.base import Absent
from slmbench.schema.plan import Job
from slmbench.schema.record import Fingerprints, JobResult, Metric
from slmbench.suites.people import Rated, are_rated
from slmbench.suites.similarity_task import SimilarityRow, SimilarityTask
from slmbench.suites.taskfile import (
    GenerationSpec,
    apply_limit,
    load_task,
    prompt_of,
    task_hash,
    text_hash,
)
from slmbench.suites.textscores import (
    Column,
    ScoreSheet,
    cut_note,
    cut_of,
    long_note,
    metrics_of,
    score_into,
)

#: Scorers that need no model, and the columns for which less is better.
_OVERLAP = (
    "chrf", "bleu", "rouge_1", "rouge_2", "rouge_l", "token_f1", "meteor", "edit_distance",
)  # fmt: skip
_LOWER_IS_BETTER = {"edit_distance"}
#: Scorers that may be asked for and share the request's encoder.
_ENCODED = {"ragas_semantic"}
_OWN_TEXTS = "the texts are the items' own: the numbers tell of the scorers, and of no model"
#: Prompts of one call: the backend makes its own batches, a killed job loses at most one call.
_CALL = 256


class Similarity:
    """One job is one set of prompts with references."""

    name = "similarity"

    def run(self, job: Job, backend: Backend, context: Context) -> JobResult:
        """Score the text that continues every prompt, or the items' own, against its reference.

        Raises:
            InputError: a slip in the task or its data, or items with neither a prompt to continue
                nor texts that people rated.
        """
        path = Path(job.task.path or "")
        task, rows = load_task(path, SimilarityTask, SimilarityRow)
        rows = rows[: apply_limit(len(rows), context.spec.limit)]
        how = task.generation
        prompts = [[] if how is None else prompt_of(row.prompt, backend) for row in rows]
        answers = (
            _own_texts(task, rows) if how is None else _continue(how, prompts, backend, context)
        )
        sheets = [ScoreSheet() for _ in rows]
        columns = _columns(sheets, rows, answers, context)
        samples = tuple(
            sheet.sample(row, text, (len(prompt), count))
            for sheet, row, prompt, (text, count) in zip(
                sheets, rows, prompts, answers, strict=True
            )
        )
        rated = Rated("similarity", task.task, rows, samples, context.spec.seed)
        return JobResult(
            metrics=_agreement(rated, columns)
            if how is None
            else metrics_of("similarity", task.task, samples, columns),
            samples=samples,
            fingerprints=Fingerprints(
                task=task_hash(path), prompt=text_hash(repr(prompts)), scorer=_scored_by(columns)
            ),
            notes=(
                *(
                    (_OWN_TEXTS,)
                    if how is None
                    else long_note(prompts, backend, how.max_new_tokens)
                ),
                *_cut_notes(columns),
            ),
            details={"generation": None if how is None else how.model_dump(mode="json")},
        )


def _columns(
    sheets: list[ScoreSheet],
    rows: list[SimilarityRow],
    answers: list[tuple[str, int]],
    context: Context,
) -> list[Column]:
    """Put every scorer's score of each text into its sheet."""
    items = [
        TextItem(output=text, reference=row.reference, prompt=row.prompt)
        for row, (text, _) in zip(rows, answers, strict=True)
    ]
    return [
        _absent_or_scored(sheets, scorer, name, items) for name, scorer in _scorers(context).items()
    ]


def _cut_notes(columns: list[Column]) -> list[str]:
    return [note for each in columns for note in cut_note(each.name, cut_of(each.scorer))]


def _scored_by(columns: list[Column]) -> str:
    return ";".join(
        column.scorer.provenance for column in columns if not isinstance(column.scorer, Absent)
    )


def _own_texts(task: SimilarityTask, rows: list[SimilarityRow]) -> list[tuple[str, int]]:
    """Return each item's text, of which no model wrote a token."""
    lacking = next((row.id for row in rows if row.output is None), None)
    if lacking is not None or not are_rated(rows):
        lack = "'human' ratings" if lacking is None else f"an 'output' in item '{lacking}'"
        raise InputError(
            f"Task '{task.task}' lacks {lack}. Say with 'generation' how a model continues its "
            "prompts; without it every item has a text of its own, and people's ratings."
        )
    return [(row.output or "", 0) for row in rows]


def _agreement(rated: Rated, columns: list[Column]) -> tuple[Metric, ...]:
    """Return how far each scorer follows people, and people each other."""
    found = rated.people_agree()
    for column in columns:
        if isinstance(column.scorer, Absent):
            name = f"spearman_sample@{column.name}"
            found.append(rated.metric(name, column.scorer, column.name, column.higher_is_better))
            continue
        suffix, how = f"@{column.name}", column.scorer.provenance
        found += rated.follows(column.name, how, suffix, column.higher_is_better)
    return tuple(found)


def _scorers(context: Context) -> dict[str, Scorer | Absent]:
    """Return the scorer of every column, or why it can't be used."""
    chosen = context.spec.scorers
    return {
        **{name: context.scorer(name) for name in _OVERLAP},
        "embedding_cosine": context.scorer("embedding_cosine", model=chosen.embedding),
        "bertscore": context.scorer(
            "bertscore", model=chosen.bertscore, layer=chosen.bertscore_layer
        ),
        "entailment": context.scorer(
            "entailment",
            model=chosen.nli,
            label=chosen.nli_label,
            direction=chosen.nli_direction,
        ),
        **{
            name: context.scorer(name, **({"model": chosen.embedding} if name in _ENCODED else {}))
            for name in chosen.also
        },
    }


def _absent_or_scored(
    sheets: list[ScoreSheet], scorer: Scorer | Absent, name: str, items: list[TextItem]
) -> Column:
    if isinstance(scorer, Absent):
        return Column(name, scorer, name not in _LOWER_IS_BETTER)
    return score_into(sheets, scorer, name, items)


def _continue(
    how: GenerationSpec, prompts: list[list[int]], backend: Backend, context: Context
) -> list[tuple[str, int]]:
    """Return (text, token count) of each prompt's continuation."""
    sampling = Sampling(
        max_new_tokens=how.max_new_tokens,
        temperature=how.temperature,
        top_p=how.top_p,
        top_k=how.top_k,
        stop=how.until,
        seed=context.spec.seed,
    )
    answers: list[tuple[str, int]] = []
    for start in range(0, len(prompts), _CALL):
        part = prompts[start : start + _CALL]

        def compute(part: list[list[int]] = part) -> Any:
            found = backend.generate(part, sampling, 1)
            return [[each[0].text, len(each[0].tokens)] for each in found]

        key = f"similarity/{start}/{text_hash(repr(part))}"
        answers.extend((str(t), int(n)) for t, n in context.checkpoint(key, compute))
        context.progress(len(answers), len(prompts))
    return answers
