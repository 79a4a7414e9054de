"""What an analysis reads of a run: its record, and its samples one job at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np

from slmbench.schema.base import Measured
from slmbench.schema.record import Aggregation, JobRecord, Metric, RunRecord, Sample
from slmbench.store.columns import ScoreColumns


class RunData(Protocol):
    """A stored run; the store's reader is one, a test's hand-made run another."""

    @property
    def record(self) -> RunRecord:
        """Return what ``run.json`` holds."""

    def samples(self, job_id: str) -> list[Sample]:
        """Return the samples of one job, or an empty list where none were kept."""


@runtime_checkable
class ColumnData(Protocol):
    """A run that can tell the scores of a job without making its samples; a store's is one."""

    def columns(self, job_id: str) -> ScoreColumns | None:
        """Return the scores of one job, or None where only its samples can tell them."""


def columns_of(run: RunData, job_id: str) -> ScoreColumns | None:
    """Return the scores of a run's job as columns where it has them so."""
    return run.columns(job_id) if isinstance(run, ColumnData) else None


@dataclass(frozen=True)
class Items:
    """The scores of some samples as columns: a gate asks for the same items twenty times.

    Attributes:
        ids: of each sample once, in the order of the record.
        clusters: of each.
        columns: score -> (samples,), not a number where a sample has no such score.
    """

    ids: tuple[str, ...]
    clusters: tuple[str | None, ...]
    columns: dict[str, np.ndarray]

    @cached_property
    def places(self) -> dict[str, int]:
        """Return where each id stands."""
        return {name: place for place, name in enumerate(self.ids)}

    def rows(self, aggregation: Aggregation) -> np.ndarray:
        """Return (samples, 2): score and weight, both not a number where one of them is lacking.

        The weight is 1 where the kind has none.
        """
        missing = np.full(len(self.ids), np.nan)
        scores = self.columns.get(aggregation.score, missing)
        weights = np.ones(len(self.ids))
        if aggregation.weight is not None:
            weights = self.columns.get(aggregation.weight, missing)
        found = np.column_stack([scores, weights])
        found[np.isnan(found).any(axis=1)] = np.nan
        return found


def items_of(samples: Sequence[Sample]) -> Items:
    """Return samples as columns; the last of several with one id counts."""
    unique = {sample.sample_id: sample for sample in samples}
    columns: dict[str, np.ndarray] = {}
    for place, sample in enumerate(unique.values()):
        for name, score in sample.scores.items():
            if name not in columns:
                columns[name] = np.full(len(unique), np.nan)
            columns[name][place] = score
    clusters = tuple(sample.cluster for sample in unique.values())
    return Items(tuple(unique), clusters, columns)


def own_samples(samples: Sequence[Sample], job: JobRecord, metric: Metric) -> list[Sample]:
    """Return the samples of a job that a metric rests on: of a group's those of its own task."""
    found = list(samples)
    if all(other.task == metric.task for other in job.metrics):
        return found
    own = [sample for sample in found if sample.sample_id.startswith(f"{metric.task}/")]
    return own or found


@dataclass(frozen=True)
class MetricOf:
    """A metric together with the job and the run it came from; ``kept`` is its job's `Items`."""

    metric: Metric
    job: JobRecord
    run: RunData
    kept: dict[str, Items] = field(default_factory=dict, compare=False, repr=False)

    def items(self) -> Items:
        """Return the scores of `samples`, made once for all metrics of the job's task."""
        task = self.metric.task
        if task not in self.kept:
            alone = all(metric.task == task for metric in self.job.metrics)
            found = columns_of(self.run, self.job.job_id) if alone else None
            self.kept[task] = (
                items_of(self.samples())
                if found is None
                else Items(found.ids, found.clusters, found.scores)
            )
        return self.kept[task]

    def samples(self) -> list[Sample]:
        """Return the samples of the metric's job; of a group's those of the metric's own task.

        The samples of a job of several tasks have their task before their id.
        """
        return own_samples(self.run.samples(self.job.job_id), self.job, self.metric)


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
    found: dict[str, MetricOf] = {}
    for job in run.record.jobs:
        kept: dict[str, Items] = {}
        found |= {metric.path: MetricOf(metric, job, run, kept) for metric in job.metrics}
    return found
