"""What will be done: for each model, the jobs, the downloads and the memory it needs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from slmbench.schema.base import Frozen
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.record import ModelFingerprint
from slmbench.schema.spec import RunSpec

TaskKind = Literal[
    "accuracy", "toxicity", "similarity", "judge", "rag", "bias", "fidelity", "workload"
]  # fmt: skip


class TaskRef(Frozen):
    """A task that was found; ``path`` is its YAML file, or None for a stock lm-eval task."""

    name: str
    kind: TaskKind
    path: str | None = None
    item_count: int | None = None


class Job(Frozen):
    """One suite on one task; ``fresh_process`` jobs get a worker of their own.

    ``items`` are the places (from 0, ascending) of the items to ask; None asks all of them.
    """

    job_id: str
    suite: str
    task: TaskRef
    fresh_process: bool = False
    items: tuple[int, ...] | None = None


class SecondPlan(Frozen):
    """A model that helps with another one's run: its judge, its detoxifier."""

    model: ModelSpec
    local_path: str | None
    fingerprint: ModelFingerprint | None


class RunPlan(Frozen):
    """One model's share of the plan.

    ``seconds`` holds the models that help with it, by their role (``judge``, ``detoxifier``).

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
    seconds: dict[str, SecondPlan] = Field(default_factory=dict)


class Plan(Frozen):
    """Every run a spec asks for."""

    spec: RunSpec
    runs: tuple[RunPlan, ...]
