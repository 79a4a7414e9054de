"""One run, made ready for its report: its record, its raw readings, and how to repeat it."""

from __future__ import annotations

from typing import Any

from slmbench.analyse.compare_curves import RawRunData
from slmbench.analyse.run_command import reproduction
from slmbench.analyse.run_readings import (
    cache_growth,
    load_times,
    power_windows,
    reliability_of,
    round_times,
    toxicity_marks,
)
from slmbench.schema.record import JobRecord, RunRecord
from slmbench.schema.run_report import Reproduction, RunReport


def run_report(run: RawRunData, tags: tuple[str, ...] = ()) -> RunReport:
    """Return the report of a run; ``tags`` are the names that its store has for it.

    Raises:
        RecordError: a file of raw readings is damaged.
    """
    found: dict[str, list[Any]] = {
        name: [] for name in ("times", "loads", "caches", "powers", "toxicity", "reliability")
    }
    for job in run.record.jobs:
        if job.status == "done":
            for name, curve in _curves(run, job):
                if curve is not None:
                    found[name].append(curve)
    curves = {name: tuple(each) for name, each in found.items()}
    return RunReport(record=run.record, tags=tags, reproduction=_reproduction(run.record), **curves)


def _curves(run: RawRunData, job: JobRecord) -> list[tuple[str, Any]]:
    def raw(meter: str) -> list[dict[str, Any]]:
        return run.raw(meter, job.job_id)

    if job.suite == "latency":
        return [("times", round_times(job.task, raw("tokens")))]
    if job.suite == "load":
        return [("loads", load_times(job.task, raw("requests"), raw("tokens")))]
    if job.suite == "memory":
        return [("caches", cache_growth(job.task, raw("kv_cache")))]
    if job.suite == "energy":
        return [("powers", power_windows(job.task, raw("energy"), raw("idle")))]
    if job.suite == "toxicity":
        threshold = job.details.get("threshold")
        limit = threshold if isinstance(threshold, float) else 0.5
        return [("toxicity", toxicity_marks(job.task, limit, raw("continuations")))]
    return [("reliability", each) for each in reliability_of(raw("reliability"))]


def _reproduction(record: RunRecord) -> Reproduction:
    """Return how to repeat this run; a request for several models made one run of each."""
    spec = record.spec
    notes = []
    if len(spec.models) > 1:
        notes.append(
            f"The request was for {len(spec.models)} models, each with a run of its own; this is "
            "the part that made this run."
        )
        spec = spec.model_copy(update={"models": (record.model.spec,)})
    version = record.environment.software.get("slmbench")
    if version:
        notes.append(f"It was made with slmbench {version}.")
    notes.append(
        "The same model is one with the fingerprints above; a target names it, and what lies there "
        "may change."
    )
    return reproduction(spec, tuple(notes))
