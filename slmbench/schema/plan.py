"""What will be done: for each model, the jobs, the downloads and the memory it needs."""

from __future__ import annotations

from typing import Literal

from slmbench.schema.base import Frozen
from slmbench.schema.record import ModelFingerprint
from slmbench.schema.spec import ModelSpec, RunSpec

TaskKind = Literal["accuracy", "toxicity", "similarity", "workload"]


class TaskRef(Frozen):
    """A task that was found; ``path`` is its YAML file, or None for a stock lm-eval task."""

    name: str
    kind: TaskKind
    path: str | None = None
    item_count: int | None = None


class Job(Frozen):
    """One suite on one task; ``fresh_process`` jobs get a worker of their own."""

    job_id: str
    suite: str
    task: TaskRef
    fresh_process: bool = False


class RunPlan(Frozen):
    """One model's share of the plan.

    ``missing`` lists what this host lacks for it; without what ``blocking`` lists no job can run.
    """

    model: ModelSpec
    plan_hash: str
    fingerprint: ModelFingerprint | None
    jobs: tuple[Job, ...]
    local_path: str | None
    downloads: tuple[str, ...] = ()
    memory_bytes: int | None = None
    memory_note: str = ""
    missing: tuple[str, ...] = ()
    blocking: tuple[str, ...] = ()


class Plan(Frozen):
    """Every run a spec asks for."""

    spec: RunSpec
    runs: tuple[RunPlan, ...]
