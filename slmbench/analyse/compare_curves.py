"""The raw readings of two runs that a page draws: times of rounds and reliability of answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from slmbench.analyse.data import RunData
from slmbench.analyse.run_readings import bin_of
from slmbench.schema.curves import Curves, ReliabilityCurve, TimeCurve
from slmbench.schema.finding import Comparison
from slmbench.schema.record import JobRecord, Sample

_TIMES = ("ttft_s", "tpot_s", "e2e_s")


class RawRunData(RunData, Protocol):
    """A stored run whose raw readings can be read too."""

    def raw(self, meter: str, job_id: str) -> list[dict[str, Any]]:
        """Return the raw readings a meter took in a job, one dict a reading."""


def curves(baseline: RawRunData, candidate: RawRunData, comparison: Comparison) -> Curves:
    """Return the readings behind the rows of a comparison; what was refused is not drawn."""
    compared = {(row.suite, row.task, row.metric) for row in comparison.rows}
    jobs = {job.job_id: job for job in candidate.record.jobs if job.status == "done"}
    times: list[TimeCurve] = []
    reliability: list[ReliabilityCurve] = []
    for job in baseline.record.jobs:
        if job.status != "done" or job.job_id not in jobs:
            continue
        if job.suite == "latency":
            sides = [run.samples(job.job_id) for run in (baseline, candidate)]
            names = [name for name in _TIMES if (job.suite, job.task, name) in compared]
            times += _times(job.task, names, sides)
        elif any((job.suite, metric.task, "ece") in compared for metric in job.metrics):
            raws = [run.raw("reliability", job.job_id) for run in (baseline, candidate)]
            reliability += _reliability(job, raws)
    return Curves(times=tuple(times), reliability=tuple(reliability))


def _times(task: str, names: Sequence[str], sides: Sequence[list[Sample]]) -> list[TimeCurve]:
    found = []
    for name in names:
        old, new = (
            tuple(sorted(sample.scores[name] for sample in side if name in sample.scores))
            for side in sides
        )
        if old and new:
            found.append(TimeCurve(task=task, metric=name, baseline=old, candidate=new))
    return found


def _reliability(job: JobRecord, raws: Sequence[list[dict[str, Any]]]) -> list[ReliabilityCurve]:
    """Return the curve of each task of a job that has one in both runs."""
    tasks = dict.fromkeys(str(row["task"]) for row in raws[0] if "task" in row)
    found = []
    for task in tasks:
        old, new = (
            tuple(bin_of(row) for row in rows if str(row.get("task")) == task) for rows in raws
        )
        if old and new:
            found.append(ReliabilityCurve(task=task, baseline=old, candidate=new))
    return found
