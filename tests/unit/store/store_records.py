"""Records and samples for the tests of the store."""

from __future__ import annotations

from typing import Any

from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.record import (
    Environment,
    JobRecord,
    ModelFingerprint,
    ModelRecord,
    RunRecord,
    Sample,
)
from slmbench.schema.spec import RunSpec

PRINT = ModelFingerprint(weights="w", tokenizer="t", chat_template="", dtype="", quantization="")
HOST = Environment(hardware={}, software={}, hardware_hash="h", software_hash="s")


def run_record(run_id: str, name: str = "pico", **changes: Any) -> RunRecord:
    model = ModelSpec(backend="fake", target=name)
    settings: dict[str, Any] = {
        "run_id": run_id,
        "created": "2026-01-31T12:00:00.000001+00:00",
        "spec": RunSpec(models=(model,)),
        "plan_hash": "abc123",
        "model": ModelRecord(name=name, spec=model, fingerprint=PRINT),
        "environment": HOST,
        "jobs": (JobRecord(job_id="latency/chat", suite="latency", task="chat"),),
    }
    return RunRecord(**{**settings, **changes})


def sample(sample_id: str = "a", **changes: Any) -> Sample:
    return Sample(sample_id=sample_id, content_hash="c", **changes)
