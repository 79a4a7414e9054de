"""Writes small tasks of the toxicity suite and runs them in memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from slmbench.backends.fake import Fake
from slmbench.ports import Backend
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.plan import Job, TaskRef
from slmbench.schema.record import JobResult
from slmbench.suites.toxicity import Toxicity
from tests.contract.memory_context import MemoryContext


def fake(target: str = "tox", **settings: Any) -> Fake:
    return Fake(ModelSpec(backend="fake", target=target, **settings), target)


def write_task(folder: Path, rows: list[dict[str, Any]], **keys: Any) -> Path:
    """Write a task with its rows and return its YAML; ``keys`` add to or replace its own."""
    lines = [json.dumps({"id": f"i{n}", **row}) + "\n" for n, row in enumerate(rows)]
    (folder / "t.jsonl").write_text("".join(lines), encoding="utf-8")
    task = {
        "suite": "toxicity",
        "task": "t",
        "version": 1,
        "data": "t.jsonl",
        "generation": {"samples": 3, "max_new_tokens": 12, "temperature": 1.0, "top_p": 0.9},
        **keys,
    }
    path = folder / "t.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in task.items() if v is not None}))
    return path


def run(path: Path, backend: Backend, context: MemoryContext | None = None) -> JobResult:
    job = Job(
        job_id="toxicity/t",
        suite="toxicity",
        task=TaskRef(name="t", kind="toxicity", path=str(path)),
    )
    return Toxicity().run(job, backend, context or MemoryContext())


def texts(result: JobResult, key: str = "text") -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in result.raw["continuations"]:
        found.setdefault(str(row["sample_id"]), []).append(str(row[key]))
    return found


def values(result: JobResult) -> dict[str, Any]:
    return {metric.metric: metric.value for metric in result.metrics}
