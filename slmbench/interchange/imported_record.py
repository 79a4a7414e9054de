"""Build the record of a run that another tool made: what it did not say stays unknown."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.record import (
    Environment,
    JobRecord,
    ModelFingerprint,
    ModelRecord,
    Origin,
    RunRecord,
)
from slmbench.schema.spec import RunSpec
from slmbench.store.layout import make_run_id

#: The backend of a model that was run elsewhere: it can be shown and compared, not loaded.
BACKEND = "imported"
#: When a run was made of which no file says when: it sorts before all others.
UNKNOWN_TIME = "1970-01-01T00:00:00.000000+00:00"


@dataclass(frozen=True)
class ImportedModel:
    """What a file says of the model; what it does not say is None or empty."""

    name: str
    architecture: str | None = None
    parameter_count: int | None = None
    dtype: str | None = None
    device: str | None = None
    quantization: str = ""
    weights: str = ""
    chat_template: str = ""


@dataclass(frozen=True)
class ImportedHost:
    """What a file says of the machine and the software; empty where it says nothing."""

    hardware: Mapping[str, str] = field(default_factory=dict)
    software: Mapping[str, str] = field(default_factory=dict)


def imported_record(
    model: ImportedModel,
    origin: Origin,
    jobs: Sequence[JobRecord],
    created: str,
    host: ImportedHost | None = None,
    num_fewshot: int | None = None,
    labels: Mapping[str, str] | None = None,
) -> RunRecord:
    """Return a finished run; equal arguments give the same record with the same id.

    Args:
        model: the model as the file names it.
        origin: the tool, the importer and the files.
        jobs: what was measured, in the order of the file.
        created: when it was measured, ISO 8601 in UTC; the file's own time, never today's.
        host: where it was measured.
        num_fewshot: examples in each prompt, where it is one number for all tasks.
        labels: the run's tags.
    """
    from_file = host or ImportedHost()
    spec = RunSpec(
        name=f"import {origin.form}",
        models=(ModelSpec(backend=BACKEND, target=model.name, name=model.name),),
        suites=tuple(dict.fromkeys(job.suite for job in jobs)) or ("accuracy",),
        num_fewshot=num_fewshot,
        apply_chat_template=bool(model.chat_template),
        labels=dict(labels or {}),
    )
    # A file's name is left out: a copy under another name is the same run.
    source = [origin.tool, origin.form, origin.citation, sorted(origin.files.values())]
    content = [spec.model_dump(mode="json"), source, [job.model_dump() for job in jobs], created]
    plan_hash = _hash(content)
    return RunRecord(
        run_id=make_run_id(created, model.name, plan_hash),
        created=created,
        finished=created,
        status="failed" if any(job.status == "failed" for job in jobs) else "done",
        spec=spec,
        plan_hash=plan_hash,
        model=_model_record(model, spec.models[0]),
        environment=Environment(
            hardware=dict(from_file.hardware),
            software=dict(from_file.software),
            hardware_hash=_hash(dict(from_file.hardware)),
            software_hash=_hash(dict(from_file.software)),
        ),
        jobs=tuple(jobs),
        origin=origin,
    )


def _model_record(model: ImportedModel, spec: ModelSpec) -> ModelRecord:
    return ModelRecord(
        name=model.name,
        spec=spec,
        architecture=model.architecture,
        parameter_count=model.parameter_count,
        dtype=model.dtype,
        device=model.device,
        fingerprint=ModelFingerprint(
            weights=model.weights,
            tokenizer="",
            chat_template=model.chat_template,
            dtype=model.dtype or "",
            quantization=model.quantization,
        ),
    )


def _hash(content: object) -> str:
    return hashlib.sha256(json.dumps(content, allow_nan=False, sort_keys=True).encode()).hexdigest()


def renamed(record: RunRecord, name: str) -> RunRecord:
    """Return an imported run under another name of its model, with the id that goes with it."""
    spec = record.spec.models[0].model_copy(update={"target": name, "name": name})
    plan_hash = _hash([record.plan_hash, name])
    return record.model_copy(
        update={
            "run_id": make_run_id(record.created, name, plan_hash),
            "plan_hash": plan_hash,
            "spec": record.spec.model_copy(update={"models": (spec,)}),
            "model": record.model.model_copy(update={"name": name, "spec": spec}),
        }
    )
