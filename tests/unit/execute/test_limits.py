"""A record says of each job how many items it was asked, where a limit left some out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slmbench.execute.limits import planned_limit, told_limit
from slmbench.execute.run_state import RunState
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.plan import Job, RunPlan, TaskRef
from slmbench.schema.record import JobResult, Sample
from slmbench.schema.spec import RunSpec

MODEL = ModelSpec(target="fake:x", name="x")


def job(count: int | None, kind: str = "similarity") -> Job:
    task = TaskRef.model_validate({"name": "t", "kind": kind, "item_count": count})
    return Job(job_id="suite/t", suite="suite", task=task)


def spec(limit: float | None) -> RunSpec:
    return RunSpec(models=(MODEL,), limit=limit)


@pytest.mark.parametrize(
    ("count", "limit", "asked"),
    [
        (60, None, None),
        (60, 20, 20),
        (60, 60, None),
        (60, 99, None),
        (60, 0.25, 15),
        (None, 9, None),
    ],
)
def test_a_limit_counts_where_it_leaves_items_out(
    count: int | None, limit: float | None, asked: int | None
) -> None:
    assert planned_limit(job(count), spec(limit)) == asked
    assert planned_limit(job(count, "workload"), spec(limit)) is None


def test_the_counts_of_lm_eval_are_taken_where_a_job_has_them() -> None:
    items = {"a": {"original": 90, "effective": 20}, "b": {"original": 20, "effective": 20}}
    assert told_limit({"items": items}) == 40
    assert told_limit({"items": {"b": items["b"]}}) is None
    assert told_limit({"items": {"a": {"original": 90}}}) is None
    assert told_limit({}) is None


def ended(folder: Path, limit: float | None, planned: Job, details: dict[str, Any]) -> int | None:
    plan = RunPlan(
        model=MODEL, plan_hash="p" * 8, fingerprint=None, jobs=(planned,), local_path=None
    )
    state = RunState.create(folder, spec(limit), plan)
    samples = tuple(Sample(sample_id=str(i), content_hash="c") for i in range(20))
    state.end(planned.job_id, JobResult(metrics=(), samples=samples, details=details), 1.0)
    return state.finish().jobs[0].limit_items


def test_the_record_of_a_job_has_its_limit(tmp_path: Path) -> None:
    told = {"items": {"t": {"original": 90, "effective": 20}}}
    whole = {"items": {"t": {"original": 20, "effective": 20}}}
    assert ended(tmp_path / "text", 20, job(60), {}) == 20
    assert ended(tmp_path / "all", None, job(60), {}) is None
    assert ended(tmp_path / "stock", 20, job(None, "accuracy"), told) == 20
    # The data file has more rows than the task takes: lm-eval's own count decides.
    assert ended(tmp_path / "filtered", 30, job(60, "accuracy"), whole) is None
    # A gate asks in parts, of which lm-eval knows no limit.
    assert ended(tmp_path / "parts", 20, job(60, "accuracy"), whole) == 20
