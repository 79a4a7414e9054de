"""A run of ours, or of another tool, task by task in the words of lm-eval."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from slmbench.interchange.lm_eval_samples import OWN_HASH
from slmbench.schema.base import Measured
from slmbench.schema.record import JobRecord, Metric, Sample
from slmbench.store.reader import StoredRun

_SUITE = "accuracy"
_NO_ERROR = "N/A"


@dataclass(frozen=True)
class FigureOfRun:
    """A metric under lm-eval's name, its value, and the filter it was made with."""

    name: str
    filter: str
    metric: Metric
    value: Measured


@dataclass(frozen=True)
class TaskOfRun:
    """One task, or group with ``members``, of a run; ``counts`` are its items, before and after.

    ``fewshot`` is None where the record doesn't tell.
    """

    name: str
    figures: tuple[FigureOfRun, ...]
    members: tuple[str, ...]
    samples: tuple[Sample, ...]
    version: float | int | str | None
    fewshot: int | None
    counts: Mapping[str, int]


def tasks_of(run: StoredRun) -> list[TaskOfRun]:
    """Return every task with a number, in the order of the jobs; other suites' have their name."""
    found: dict[str, TaskOfRun] = {}
    for job in run.record.jobs:
        samples = run.samples(job.job_id)
        names = list(dict.fromkeys(metric.task for metric in job.metrics))
        for name in names:
            task = _task(job, name, names, samples, run.record.spec.num_fewshot)
            if task.figures:
                found.setdefault(task.name, task)
    return list(found.values())


def entry_of(task: TaskOfRun) -> dict[str, Any]:
    """Return the task's entry under ``results``."""
    items = task.counts.get("effective", 0)
    entry: dict[str, Any] = {"name": task.name, "alias": task.name, "sample_len": items}
    for each in task.figures:
        entry[f"{each.name},{each.filter}"] = each.value.value
        entry[f"{each.name}_stderr,{each.filter}"] = _error(each, task.samples)
    return entry


def sample_rows(task: TaskOfRun) -> list[dict[str, Any]]:
    """Return a row for each sample and filter, as lm-eval writes them.

    A run of ours keeps no document, so its id stands for it, nor whether a continuation was the
    greedy one, so a scored one has its log-likelihood alone.
    """
    filters = list(dict.fromkeys(each.filter for each in task.figures))
    return [
        _row(number, sample, name, [each for each in task.figures if each.filter == name])
        for name in filters
        for number, sample in enumerate(task.samples)
    ]


def _task(
    job: JobRecord, name: str, names: Sequence[str], samples: Sequence[Sample], fewshot: int | None
) -> TaskOfRun:
    details = job.details
    filters = _of(details, "filters", name) or ["none"]
    members = tuple(other for other in names if other != name) if name == job.task else ()
    figures = tuple(
        _figure(metric, metric.value, filters)
        for metric in job.metrics
        if metric.task == name and isinstance(metric.value, Measured)
    )
    # The samples of a group are its tasks', each with its task before its id.
    own = samples if len(names) == 1 else [s for s in samples if s.sample_id.startswith(f"{name}/")]
    count = len(own) or max((each.value.n for each in figures), default=0)
    version = _of(details, "versions", name)
    shots = _of(details, "num_fewshot", name)
    return TaskOfRun(
        name=name if job.suite == _SUITE else f"{job.suite}_{name}",
        figures=figures,
        members=members,
        samples=tuple(own),
        version=_number(version),
        fewshot=shots if isinstance(shots, int) else fewshot,
        counts=_of(details, "items", name) or {"original": count, "effective": count},
    )


def _figure(metric: Metric, value: Measured, filters: Sequence[str]) -> FigureOfRun:
    name, comma, used = metric.metric.rpartition(",")
    if not comma or used not in filters:
        # A name of ours may hold a comma, and lm-eval takes what follows one for a filter.
        name, used = metric.metric.replace(",", ";"), filters[0]
    return FigureOfRun(name, used, metric, value)


def _error(figure: FigureOfRun, samples: Sequence[Sample]) -> float | str:
    """Return the standard error as lm-eval makes it: sample deviation over sqrt(n), of a mean."""
    rule = figure.metric.aggregation
    if rule is not None and rule.kind == "mean":
        scores = [sample.scores[rule.score] for sample in samples if rule.score in sample.scores]
        if len(scores) > 1:
            mean, n = sum(scores) / len(scores), len(scores)
            # To the last digit as lm-eval computes it.
            deviation = math.sqrt(sum([(score - mean) ** 2 for score in scores]) / (n - 1))
            return deviation / math.sqrt(n)
    bounds = figure.value.interval
    if bounds is not None and bounds.method.startswith("normal"):
        quantile = NormalDist().inv_cdf(0.5 + bounds.level / 2.0)
        return (bounds.high - bounds.low) / 2.0 / quantile
    return _NO_ERROR


def _row(number: int, sample: Sample, used: str, figures: Sequence[FigureOfRun]) -> dict[str, Any]:
    scores = {each.name: _score(each, sample) for each in figures}
    known = {name: score for name, score in scores.items() if score is not None}
    answers = [[str(each)] for each in sample.loglikelihoods] or [[sample.output or ""]]
    # What follows a prompt: the settings of an answer in words, which a run of ours does not keep.
    settings: dict[str, Any] = {} if sample.loglikelihoods else {"arg_1": {}}
    prompt, target = sample.prompt or "", sample.target or ""
    return {
        "doc_id": number,
        "doc": {"id": sample.sample_id, **({"cluster": sample.cluster} if sample.cluster else {})},
        "target": target,
        "arguments": {f"gen_args_{i}": {"arg_0": prompt, **settings} for i in range(len(answers))},
        "resps": answers,
        "filtered_resps": [] if sample.output is None else [sample.output],
        "filter": used,
        "metrics": list(known),
        "doc_hash": _hash(sample.sample_id),
        "prompt_hash": _hash(prompt),
        "target_hash": _hash(target),
        OWN_HASH: sample.content_hash,
        **known,
    }


def _score(figure: FigureOfRun, sample: Sample) -> float | list[float] | None:
    rule = figure.metric.aggregation
    name = rule.score if rule is not None and rule.score else figure.metric.metric
    score = sample.scores.get(name)
    if rule is None or rule.weight is None or score is None:
        return score
    return [score, sample.scores[rule.weight]] if rule.weight in sample.scores else None


def _of(details: Mapping[str, Any], key: str, task: str) -> Any:
    table = details.get(key)
    return table.get(task) if isinstance(table, dict) else None


def _number(text: Any) -> float | int | str | None:
    try:
        return float(text)
    except (TypeError, ValueError):
        return None if text is None else str(text)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
