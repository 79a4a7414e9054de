"""One run while it is made: its record in memory, and on disk after every change."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from slmbench.execute.limits import planned_limit, told_limit
from slmbench.meters.environment import environment
from slmbench.meters.noise import host_noise
from slmbench.schema.plan import RunPlan
from slmbench.schema.record import (
    JobRecord,
    JobResult,
    ModelFingerprint,
    ModelRecord,
    RunRecord,
)
from slmbench.schema.spec import RunSpec
from slmbench.store import journal, layout
from slmbench.store.writer import RunWriter

_UNKNOWN = ModelFingerprint(weights="", tokenizer="", chat_template="", dtype="", quantization="")


@dataclass
class RunState:
    """The record of a run and its writer; every method leaves the folder consistent."""

    record: RunRecord
    writer: RunWriter

    @classmethod
    def create(cls, store: Path, spec: RunSpec, plan: RunPlan) -> RunState:
        """Begin a new run in ``store``."""
        created = datetime.now(UTC).isoformat()
        run_id = layout.make_run_id(created, plan.model.label, plan.plan_hash)
        record = RunRecord(
            run_id=run_id,
            created=created,
            spec=spec.model_copy(update={"models": (plan.model,)}),
            plan_hash=plan.plan_hash,
            model=ModelRecord(
                name=plan.model.label,
                spec=plan.model,
                fingerprint=plan.fingerprint or _UNKNOWN,
            ),
            environment=environment(host_noise()),
            jobs=tuple(
                JobRecord(
                    job_id=job.job_id,
                    suite=job.suite,
                    task=job.task.name,
                    limit_items=planned_limit(job, spec),
                )
                for job in plan.jobs
            ),
        )
        state = cls(record, RunWriter(store / run_id))
        state.writer.save_record(record)
        state.writer.append({"event": "run", "run": run_id})
        return state

    @classmethod
    def reopen(cls, folder: Path, record: RunRecord) -> RunState:
        """Go on with a run: what its journal says was done is done."""
        state = cls(record, RunWriter(folder))
        for event in journal.read_events(folder / layout.JOURNAL):
            if event.get("event") == "job_ended":
                state._put(JobRecord.model_validate(event["record"]))
        state.record = state.record.model_copy(update={"status": "running", "finished": None})
        state.writer.append({"event": "resumed"})
        return state

    def set_model(self, info: dict[str, Any], fingerprint: ModelFingerprint | None) -> None:
        """Note what the loaded model is."""
        update: dict[str, Any] = {
            "architecture": info["architecture"],
            "parameter_count": info["parameter_count"],
            "dtype": info["dtype"],
            "device": info["device"],
        }
        if fingerprint is not None:
            update["fingerprint"] = fingerprint
        model = self.record.model.model_copy(update=update)
        self.record = self.record.model_copy(update={"model": model})
        self.writer.save_record(self.record)

    def known(self, job_id: str) -> dict[str, Any]:
        """Return the checkpoints of a job that were journalled before."""
        return journal.checkpoints(self.writer.folder / layout.JOURNAL, job_id)

    def checkpoint(self, job_id: str, key: str, value: Any) -> None:
        """Journal one checkpoint; it survives any crash after this returns."""
        self.writer.append({"event": "checkpoint", "job": job_id, "key": key, "value": value})

    def stop_early(self, job_id: str, asked: int, total: int) -> None:
        """Note that a job was asked some of its items only; it has yet to end."""
        self._put(self.job(job_id).model_copy(update={"limit_items": asked, "items_total": total}))

    def trace(self, job_id: str, trace: str) -> None:
        """Journal the traceback of a failure, for whoever mends it; no page shows it."""
        self.writer.append({"event": "trace", "job": job_id, "trace": trace})

    def end(self, job_id: str, result: JobResult | str, elapsed_s: float) -> JobRecord:
        """Record how a job ended: its result, or the reason it failed."""
        job = self.job(job_id)
        if isinstance(result, str):
            job = job.model_copy(
                update={"status": "failed", "reason": result, "elapsed_s": elapsed_s}
            )
        else:
            self.writer.save_result(job_id, result)
            job = _with_result(job, result, elapsed_s)
        self.writer.append({"event": "job_ended", "record": job.model_dump(mode="json")})
        self._put(job)
        self.writer.save_record(self.record)
        return job

    def finish(self) -> RunRecord:
        """Close the run; it is failed where any job of it is."""
        failed = any(job.status != "done" for job in self.record.jobs)
        self.record = self.record.model_copy(
            update={
                "status": "failed" if failed else "done",
                "finished": datetime.now(UTC).isoformat(),
            }
        )
        self.writer.save_record(self.record)
        self.writer.append({"event": "finished", "status": self.record.status})
        self.writer.close()
        return self.record

    def job(self, job_id: str) -> JobRecord:
        """Return a job's record."""
        return next(job for job in self.record.jobs if job.job_id == job_id)

    def _put(self, changed: JobRecord) -> None:
        jobs = tuple(changed if job.job_id == changed.job_id else job for job in self.record.jobs)
        self.record = self.record.model_copy(update={"jobs": jobs})


def _with_result(job: JobRecord, result: JobResult, elapsed_s: float) -> JobRecord:
    counts = Counter(sample.status for sample in result.samples)
    limit = job.limit_items
    if job.items_total is None and "items" in result.details:
        planned = limit if limit == len(result.samples) else None
        limit = told_limit(result.details) or planned
    return job.model_copy(
        update={
            "status": "done",
            "reason": None,
            "elapsed_s": elapsed_s,
            "limit_items": limit,
            "sample_count": len(result.samples),
            "failed_count": counts["failed"],
            "unscored_count": counts["unscored"],
            "fingerprints": result.fingerprints,
            "metrics": result.metrics,
            "notes": result.notes,
            "details": result.details,
        }
    )
