"""What an analysis reads of a run: its record, and its samples one job at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from slmbench.schema.base import Measured
from slmbench.schema.record import Aggregation, JobRecord, Metric, RunRecord, Sample


class RunData(Protocol):
    """A stored run; the store's reader is one, a test's hand-made run another."""

    @property
    def record(self) -> RunRecord:
        """Return what ``run.json`` holds."""

    def samples(self, job_id: str) -> list[Sample]:
        """Return the samples of one job, or an empty list where none were kept."""


@dataclass(frozen=True)
class MetricOf:
    """A metric together with the job and the run it came from."""

    metric: Metric
    job: JobRecord
    run: RunData

    def samples(self) -> list[Sample]:
        """Return the samples of the metric's job; of a group's those of the metric's own task.

        The samples of a job of several tasks have their task before their id.
        """
        found = self.run.samples(self.job.job_id)
        if all(metric.task == self.metric.task for metric in self.job.metrics):
            return found
        own = [sample for sample in found if sample.sample_id.startswith(f"{self.metric.task}/")]
        return own or found


@dataclass(frozen=True)
class Pair:
    """The same metric of two runs, measured in both."""

    baseline: MetricOf
    candidate: MetricOf
    left: Measured
    right: Measured

    @property
    def aggregation(self) -> Aggregation | None:
        """Return how the metric follows from its samples (the same in both runs)."""
        return self.baseline.metric.aggregation


def metrics_by_path(run: RunData) -> dict[str, MetricOf]:
    """Return every metric of a run under its full name, in the order of the jobs."""
    return {
        metric.path: MetricOf(metric, job, run) for job in run.record.jobs for metric in job.metrics
    }
