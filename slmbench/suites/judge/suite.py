"""What does a judge make of a model's texts: any method, with how far the judge can be trusted.

Beside every judged score stand figures of the judge itself: how much its replies move when what it
chooses from is listed the other way round (``position_bias``), how likely it says the same again
(``repeat_consistency``), how much of its probability goes to replies that mean anything
(``answer_mass``), and the share that couldn't be read (``unparsable_share``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from slmbench.errors import InputError
from slmbench.ports import Backend, Context, Sampling, SecondModel
from slmbench.schema.base import Absent
from slmbench.schema.plan import Job
from slmbench.schema.record import Fingerprints, JobResult, Sample, SampleStatus
from slmbench.suites.judge import dag, g_eval, pairwise, qag, self_check, themis
from slmbench.suites.judge.asker import Asker
from slmbench.suites.judge.figures import judge_scores, metrics_of, raw_rows, scores_of
from slmbench.suites.judge.subject import Rating, Subject
from slmbench.suites.judge.task import JudgeRow, JudgeTask
from slmbench.suites.prompts import Prompts
from slmbench.suites.taskfile import apply_limit, load_task, prompt_of, task_hash, text_hash
from slmbench.suites.textscores import long_note

Rate = Callable[[JudgeTask, Sequence[Subject], Asker, Prompts], list[Rating]]
METHODS: dict[str, Rate] = {
    "g_eval": g_eval.rate,
    "themis": themis.rate,
    "pairwise": pairwise.rate,
    "dag": dag.rate,
    "prompt_alignment": qag.prompt_alignment,
    "hallucination": qag.hallucination,
    "biased_opinions": qag.biased_opinions,
    "summarization": qag.summarization,
    "self_check": self_check.rate,
    "qag": qag.checklist,
}
#: Prompts that are continued between two checkpoints.
_CHUNK = 64


class Judge:
    """One job is one criterion over one set of items."""

    name = "judge"

    def run(self, job: Job, backend: Backend, context: Context) -> JobResult:
        """Have every item answered, where the task asks for that, and the answers rated."""
        path = Path(job.task.path or "")
        task, rows = load_task(path, JudgeTask, JudgeRow)
        rows = rows[: apply_limit(len(rows), context.spec.limit)]
        subjects = _subjects(task, rows, backend, context)
        prompts = Prompts(None if task.prompts is None else path.parent / task.prompts)
        judge = _judge(task, backend, context)
        asker = None
        if isinstance(judge, Absent):
            ratings = [Rating(dict.fromkeys(scores_of(task), judge)) for _ in subjects]
        else:
            asker = Asker(judge, context, task.min_mass, task.draws)
            ratings = METHODS[task.method](task, subjects, asker, prompts)
        context.progress(2 * len(rows), 2 * len(rows))
        samples = tuple(
            _sample(subject, rating, scores_of(task)[0], backend)
            for subject, rating in zip(subjects, ratings, strict=True)
        )
        how = ""
        if not isinstance(judge, Absent):
            how = f"{judge.provenance}, prompts {prompts.fingerprint}"
        ways = sorted(asker.ways) if asker is not None else []
        return JobResult(
            metrics=metrics_of(task, rows, samples, how, "; ".join(ways), context.spec.seed),
            samples=samples,
            raw={"judgements": raw_rows(rows, ratings)},
            fingerprints=Fingerprints(
                task=task_hash(path),
                prompt=text_hash(repr([row.prompt for row in rows])),
                scorer=how,
            ),
            notes=_notes(task, rows, backend),
            details={"judge": how or None, "ways": ways, "method": task.method},
        )


def _judge(task: JudgeTask, backend: Backend, context: Context) -> SecondModel | Absent:
    """Return who rates: the request's judge; the model itself where the texts are given."""
    if task.generation is not None:
        return context.second("judge")
    # No name: how well two models judge is compared, and that is what differs between them.
    return SecondModel(backend, "the model under test")


def _notes(task: JudgeTask, rows: Sequence[JudgeRow], backend: Backend) -> tuple[str, ...]:
    if task.generation is None:
        return ()
    prompts = [prompt_of(row.prompt, backend) for row in rows]
    return long_note(prompts, backend, task.generation.max_new_tokens)


def _subjects(
    task: JudgeTask, rows: Sequence[JudgeRow], backend: Backend, context: Context
) -> list[Subject]:
    """Return the texts to rate: the items' own, or what the model answers to their prompts."""
    if task.generation is None:
        lacking = next((row.id for row in rows if row.output is None), None)
        if lacking is not None:
            raise InputError(
                f"Task '{task.task}': item '{lacking}' has no output to rate. Give it one, or say "
                "with generation: how the model answers."
            )
        context.progress(len(rows), 2 * len(rows))
        return [Subject(row, row.output or "") for row in rows]
    how = task.generation
    sampling = Sampling(
        how.max_new_tokens, how.temperature, how.top_p, how.top_k, how.until, context.spec.seed
    )
    texts: list[list[str]] = []
    for start in range(0, len(rows), _CHUNK):
        part = [prompt_of(row.prompt, backend) for row in rows[start : start + _CHUNK]]

        def compute(part: list[list[int]] = part) -> Any:
            found = backend.generate(part, sampling, how.samples)
            return [[each.text for each in row] for row in found]

        texts.extend(context.checkpoint(f"judge/answers/{text_hash(repr(part))}", compute))
        context.progress(len(texts), 2 * len(rows))
    return [
        Subject(row, found[0], tuple(found[1:])) for row, found in zip(rows, texts, strict=True)
    ]


def _sample(subject: Subject, rating: Rating, main: str, backend: Backend) -> Sample:
    """Return the sample of a text; without its ``main`` score it counts as unscored."""
    row = subject.row
    every = {**rating.scores, **judge_scores(rating)}
    scores = {name: value for name, value in every.items() if not isinstance(value, Absent)}
    missing = {name: value.reason for name, value in every.items() if isinstance(value, Absent)}
    status: SampleStatus = "ok" if main in scores else "unscored"
    return Sample(
        sample_id=row.id,
        content_hash=text_hash(row.prompt, row.output or "", row.reference or ""),
        cluster=row.cluster or row.document,
        prompt=row.prompt,
        output=subject.output,
        target=row.reference,
        scores=scores,
        unscored=missing,
        input_tokens=len(backend.encode(row.prompt)),
        output_tokens=len(backend.encode(subject.output)),
        status=status,
        reason=missing.get(main, "not rated") if status == "unscored" else None,
    )
