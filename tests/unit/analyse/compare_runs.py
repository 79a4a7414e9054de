"""Hand-made runs for the comparison's tests."""

from __future__ import annotations

from dataclasses import dataclass, field

from slmbench.schema.base import Absent, Measured
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.record import (
    Aggregation,
    Environment,
    Fingerprints,
    JobRecord,
    Metric,
    ModelFingerprint,
    ModelRecord,
    RunRecord,
    Sample,
)
from slmbench.schema.spec import RunSpec
from slmbench.stats.interval import measured


@dataclass
class HandMadeRun:
    """A run in memory, as the comparison sees a stored one."""

    record: RunRecord
    kept: dict[str, list[Sample]] = field(default_factory=dict)

    def samples(self, job_id: str) -> list[Sample]:
        return self.kept.get(job_id, [])


def make_samples(scores, score="acc", clusters=None, salt="", weights=None):
    """Return one sample for each score; None makes an item that was not scored."""
    return [
        Sample(
            sample_id=str(i),
            content_hash=f"{salt}{i}",
            cluster=clusters[i] if clusters else None,
            scores={} if value is None else {score: value} | ({"w": weights[i]} if weights else {}),
            unscored={score: "empty output"} if value is None else {},
        )
        for i, value in enumerate(scores)
    ]


def make_metric(
    path, samples=(), *, kind="mean", q=None, weight=None, unit="", how="test", up=True
):
    """Return a metric of the samples' score, or (a number) a metric without samples."""
    suite, task, name = path.split("/")
    shared = {"suite": suite, "task": task, "metric": name, "higher_is_better": up}
    if isinstance(samples, Absent):
        return Metric(value=samples, **shared)
    if isinstance(samples, float):
        bare = Measured(value=samples, unit=unit, n=1, interval=None, how=how)
        return Metric(value=bare, **shared)
    aggregation = Aggregation(kind=kind, score=name.split("@")[0], q=q, weight=weight)
    return Metric(
        value=measured(aggregation, samples, unit, how, value=0.5),
        aggregation=aggregation,
        **shared,
    )


def make_job(metrics, *, status="done", reason=None, limit=None, task_hash="t1", **more):
    """Return the record of one job; suite and task are those of its metrics."""
    suite = more.pop("suite", None) or metrics[0].suite
    task = more.pop("task", None) or metrics[0].task
    prompt = more.pop("prompt", "")
    return JobRecord(
        job_id=f"{suite}.{task}",
        suite=suite,
        task=task,
        status=status,
        reason=reason,
        limit_items=limit,
        fingerprints=Fingerprints(task=task_hash, prompt=prompt),
        metrics=tuple(metrics),
        **more,
    )


def make_run(run_id, jobs, kept=None, *, weights="w", hardware="h1", cpu="A"):
    """Return a run of one model on one host."""
    spec = ModelSpec(target=f"models/{run_id}")
    record = RunRecord(
        run_id=run_id,
        created="2026-01-01T00:00:00Z",
        status="done",
        spec=RunSpec(models=(spec,)),
        plan_hash="p",
        model=ModelRecord(
            name=run_id,
            spec=spec,
            fingerprint=ModelFingerprint(
                weights=weights, tokenizer="t", chat_template="", dtype="f", quantization=""
            ),
        ),
        environment=Environment(
            hardware={"cpu": cpu},
            software={"python": "3.11"},
            hardware_hash=hardware,
            software_hash="s",
        ),
        jobs=tuple(jobs),
    )
    return HandMadeRun(record, kept or {})


def run_of(run_id, path, scores, *, job=None, salt="", clusters=None, item_weights=None, **metric):
    """Return a run with one job and one metric, made of its items' scores."""
    run = {key: metric.pop(key) for key in ("weights", "hardware", "cpu") if key in metric}
    suite, task, name = path.split("/")
    samples = make_samples(scores, name.split("@")[0], clusters, salt, item_weights)
    metric["weight"] = "w" if item_weights else None
    record = make_job([make_metric(path, samples, **metric)], **(job or {}))
    return make_run(run_id, [record], {f"{suite}.{task}": samples}, **run)
