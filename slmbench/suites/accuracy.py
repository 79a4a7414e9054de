"""How often is the model right: any lm-eval task, scored by lm-eval's own rules."""

from __future__ import annotations

import math
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from slmbench.ports import Backend, Context
from slmbench.schema.plan import Job, TaskRef
from slmbench.schema.record import Aggregation, Fingerprints, JobResult, Metric, Sample
from slmbench.stats.interval import measured
from slmbench.suites.calibrated import Row, add_calibration
from slmbench.suites.lm_eval_bridge import BridgeLM, TaskInParts, evaluate
from slmbench.suites.lm_eval_names import (
    WEIGHTED,
    aggregation_of,
    answer_of,
    shown_name,
    unit_of,
    weight_name,
)
from slmbench.suites.taskfile import definition_hash, text_hash


class Accuracy:
    """One job is one lm-eval task or group; what was loaded to ask a part is kept for the next."""

    name = "accuracy"

    def __init__(self) -> None:
        """Load nothing yet."""
        self._parts: tuple[str, TaskInParts] | None = None

    def count_items(self, job: Job, backend: Backend, context: Context) -> int | None:
        """Return the items of a task, or None for a group of several."""
        return self._in_parts(job, context).count()

    def run(self, job: Job, backend: Backend, context: Context) -> JobResult:
        """Ask every item and return lm-eval's metrics, each with an interval, and all samples."""
        lm = BridgeLM(backend, context)
        if job.items is None:
            results, tasks = evaluate(job.task, lm, context.spec)
        else:
            results, tasks = self._in_parts(job, context).evaluate(lm, job.items)
        several = len(results["samples"]) > 1
        metrics: list[Metric] = []
        samples: list[Sample] = []
        curve: list[Row] = []
        for task in sorted(results["samples"]):
            own, merged = _task_metrics(task, results, tasks[task], lm)
            more, merged, bins = add_calibration(
                task, tasks[task], _documents(results["samples"][task]), merged, _provenance()
            )
            metrics.extend([*own, *more])
            curve.extend(bins)
            samples.extend(_prefixed(merged, task) if several else merged)
        for group in sorted(results.get("groups", {})):
            metrics.extend(_group_metrics(group, results))
        return JobResult(
            metrics=tuple(metrics),
            samples=tuple(samples),
            raw={"reliability": tuple(curve)} if curve else {},
            fingerprints=Fingerprints(
                task=_task_fingerprint(job.task, results),
                prompt=lm.sent,
                scorer=_provenance(),
            ),
            details={
                "versions": {name: str(v) for name, v in results["versions"].items()},
                "num_fewshot": dict(results["n-shot"]),
                "items": {name: dict(count) for name, count in results["n-samples"].items()},
                "filters": {
                    name: list(dict.fromkeys(row["filter"] for row in rows))
                    for name, rows in results["samples"].items()
                },
            },
        )

    def _in_parts(self, job: Job, context: Context) -> TaskInParts:
        if self._parts is None or self._parts[0] != job.job_id:
            self._parts = (job.job_id, TaskInParts(job.task, context.spec))
        return self._parts[1]


def _task_metrics(
    task: str, results: dict[str, Any], loaded: Any, lm: BridgeLM
) -> tuple[list[Metric], list[Sample]]:
    rows = results["samples"][task]
    filters = list(dict.fromkeys(row["filter"] for row in rows))
    rules = {name: _rule(function) for name, function in loaded.aggregation().items()}
    samples = [_with_tokens(*each, lm) for each in _merge(rows, filters, rules)]
    metrics = []
    for key, value in results["results"][task].items():
        name, comma, filter_name = key.partition(",")
        if not comma or name.endswith("_stderr"):
            continue
        shown = shown_name(name, filter_name, filters)
        aggregation = aggregation_of(rules.get(name, "mean"), name, shown)
        number = float(value) if _is_number(value) else None
        metrics.append(
            Metric(
                suite="accuracy",
                task=task,
                metric=shown,
                value=measured(aggregation, samples, unit_of(name), _provenance(), value=number),
                higher_is_better=results["higher_is_better"].get(task, {}).get(name),
                aggregation=aggregation,
            )
        )
    return metrics, samples


def _merge(
    rows: list[dict[str, Any]], filters: list[str], rules: dict[str, str]
) -> list[tuple[Sample, Any]]:
    """Return a sample and its requests' arguments for each document.

    lm-eval logs a row for each document and filter.
    """
    merged: dict[int, dict[str, Any]] = {}
    for row in rows:
        entry = merged.setdefault(row["doc_id"], {"row": row, "scores": {}, "unscored": {}})
        for name in row["metrics"]:
            shown = shown_name(name, row["filter"], filters)
            _add_score(entry, shown, row[name], rules.get(name, "mean"))
    return [(_sample(entry), entry["row"]["arguments"]) for _, entry in sorted(merged.items())]


def _documents(rows: list[dict[str, Any]]) -> list[Any]:
    """Return each document once, in the order of the samples."""
    return [doc for _, doc in sorted({row["doc_id"]: row["doc"] for row in rows}.items())]


def _with_tokens(sample: Sample, arguments: Any, lm: BridgeLM) -> Sample:
    """Add the tokens of the prompt, and those scored or written over all its requests."""
    keys = [(each[0], _second(each)) for each in arguments]
    counts = [lm.token_counts[key] for key in keys if key in lm.token_counts]
    if len(counts) < len(keys):
        return sample
    update = {"input_tokens": counts[0][0], "output_tokens": sum(count for _, count in counts)}
    return sample.model_copy(update=update)


def _second(arguments: Any) -> str:
    second = arguments[1] if len(arguments) > 1 else ""
    return second if isinstance(second, str) else repr(second)


def _add_score(entry: dict[str, Any], name: str, value: Any, rule: str) -> None:
    if rule in WEIGHTED and isinstance(value, tuple):
        entry["scores"]["loglikelihood"] = float(value[0])
        entry["scores"][weight_name(name)] = float(value[1])
    elif _is_number(value):
        entry["scores"][name] = float(value)
    else:
        entry["unscored"][name] = f"the task scores it as a whole, from {type(value).__name__}s"


def _sample(entry: dict[str, Any]) -> Sample:
    row = entry["row"]
    document = row["doc"] if isinstance(row["doc"], dict) else {}
    cluster = document.get("cluster", document.get("subject"))
    choices = [arguments[1] for arguments in row["arguments"] if len(arguments) > 1]
    responses = [each for group in row["resps"] for each in _flat(group)]
    loglikelihoods = tuple(x[0] for x in responses if isinstance(x, tuple))
    rolling = tuple(x for x in responses if isinstance(x, float))
    return Sample(
        sample_id=str(document.get("id", row["doc_id"])),
        content_hash=text_hash(row["doc_hash"], row["prompt_hash"], row["target_hash"]),
        cluster=None if cluster is None else str(cluster),
        prompt=str(row["arguments"][0][0]),
        output=answer_of(loglikelihoods, choices, row["filtered_resps"]),
        target=str(row["target"]),
        scores=entry["scores"],
        unscored=entry["unscored"],
        loglikelihoods=loglikelihoods or rolling,
        status="ok" if entry["scores"] else "unscored",
        reason=None if entry["scores"] else "no metric gave this item a score of its own",
    )


def _group_metrics(group: str, results: dict[str, Any]) -> Iterable[Metric]:
    """Yield lm-eval's own number for a group; its parts carry the intervals."""
    filters = [key.partition(",")[2] for key in results["groups"][group] if "," in key]
    for key, value in results["groups"][group].items():
        name, comma, filter_name = key.partition(",")
        if comma and not name.endswith("_stderr"):
            aggregation = Aggregation(kind="other")
            number = float(value) if _is_number(value) else None
            yield Metric(
                suite="accuracy",
                task=group,
                metric=shown_name(name, filter_name, list(dict.fromkeys(filters))),
                value=measured(aggregation, (), unit_of(name), _provenance(), value=number),
                higher_is_better=results["higher_is_better"].get(group, {}).get(name),
                aggregation=aggregation,
            )


def _rule(function: Any) -> str:
    """Return the name of lm-eval's aggregation function."""
    return str(getattr(function, "__name__", "other"))


def _is_number(value: Any) -> bool:
    try:
        return not isinstance(value, str) and math.isfinite(float(value))
    except (TypeError, ValueError):
        return False


def _flat(group: Any) -> list[Any]:
    """Return the responses of one request: ``repeats`` of them, in a list."""
    return list(group) if isinstance(group, list) else [group]


def _prefixed(samples: list[Sample], task: str) -> list[Sample]:
    return [
        sample.model_copy(
            update={"sample_id": f"{task}/{sample.sample_id}", "cluster": sample.cluster or task}
        )
        for sample in samples
    ]


def _task_fingerprint(task: TaskRef, results: dict[str, Any]) -> str:
    if task.path is not None:
        return text_hash(definition_hash(Path(task.path), task.name), repr(results["n-shot"]))
    return text_hash(
        task.name, version("lm_eval"), repr(results["versions"]), repr(results["n-shot"])
    )


def _provenance() -> str:
    return f"lm-eval@{version('lm_eval')}"
