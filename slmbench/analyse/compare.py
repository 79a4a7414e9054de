"""Two runs, metric by metric: each difference with its interval, or why none is stated."""

from __future__ import annotations

from slmbench.analyse.comparability import (
    RESOURCE_SUITES,
    environment_differences,
    prompt_note,
    why_hashes_differ,
    why_not_comparable,
)
from slmbench.analyse.data import MetricOf, Pair, RunData, columns_of, metrics_by_path
from slmbench.analyse.metric_difference import Found, metric_difference, score_rows
from slmbench.errors import NotComparable
from slmbench.schema.base import Absent, Measured
from slmbench.schema.finding import (
    CompareRow,
    Comparison,
    EnvironmentDifference,
    NotCompared,
)
from slmbench.schema.record import RunRecord, Sample
from slmbench.store.columns import ScoreColumns


class ReadOnce:
    """A run whose samples are read from the store only once for each job."""

    def __init__(self, run: RunData) -> None:
        """Take a run of a store."""
        self._run = run
        self._read: dict[str, list[Sample]] = {}
        self._columns: dict[str, ScoreColumns | None] = {}
        self._differ: dict[tuple[str, str], str | None] = {}
        self.record: RunRecord = run.record

    def samples(self, job_id: str) -> list[Sample]:
        """Return the samples of one job, from memory where they were read before."""
        if job_id not in self._read:
            self._read[job_id] = self._run.samples(job_id)
        return self._read[job_id]

    def columns(self, job_id: str) -> ScoreColumns | None:
        """Return the scores of one job as columns, where the run has them so."""
        if job_id not in self._columns:
            self._columns[job_id] = columns_of(self._run, job_id)
        return self._columns[job_id]

    def why_items_differ(self, job_id: str, other: MetricOf) -> str | None:
        """Return why a job's items are not another's, compared once for all their metrics."""
        key = (job_id, other.job.job_id)
        if key not in self._differ:
            before, after = _hashes(self, job_id), _hashes(other.run, other.job.job_id)
            self._differ[key] = why_hashes_differ(before, after) if before and after else None
        return self._differ[key]


def _hashes(run: RunData, job_id: str) -> dict[str, str]:
    """Return the content hash of each item of a job."""
    columns = columns_of(run, job_id)
    if columns is not None:
        return dict(zip(columns.ids, columns.hashes, strict=True))
    return {sample.sample_id: sample.content_hash for sample in run.samples(job_id)}


def compare(baseline: RunData, candidate: RunData) -> Comparison:
    """Return a row for every metric that both runs have and that may be compared.

    Raises:
        NotComparable: the runs share no metric at all.
    """
    old = ReadOnce(baseline)
    left, right = metrics_by_path(old), metrics_by_path(ReadOnce(candidate))
    if not left.keys() & right.keys():
        raise NotComparable(
            f"'{baseline.record.run_id}' and '{candidate.record.run_id}' share no metric. "
            "Run both models with the same suites and tasks."
        )
    rows: list[CompareRow] = []
    refused: list[NotCompared] = []
    for path in dict.fromkeys([*left, *right]):
        result = _compare_metric(left.get(path), right.get(path), old, candidate)
        if isinstance(result, CompareRow):
            rows.append(result)
        else:
            refused.append(result)
    differences = environment_differences(baseline.record.environment, candidate.record.environment)
    return Comparison(
        baseline=baseline.record.run_id,
        candidate=candidate.record.run_id,
        baseline_model=baseline.record.model.name,
        candidate_model=candidate.record.model.name,
        rows=tuple(rows),
        not_comparable=tuple(refused),
        environment_differences=tuple(
            EnvironmentDifference(key=key, baseline=old, candidate=new)
            for key, old, new in differences
        ),
    )


def _compare_metric(
    left: MetricOf | None, right: MetricOf | None, baseline: ReadOnce, candidate: RunData
) -> CompareRow | NotCompared:
    if left is None or right is None:
        here = left or right
        assert here is not None, "a path comes from one of the two runs"
        lacking, name = (baseline, "baseline") if left is None else (candidate, "candidate")
        return _refused(here, _why_missing(here, lacking.record, name))
    reason = why_not_comparable(left, right)
    if reason is not None:
        return _refused(left, reason)
    old, new = left.metric.value, right.metric.value
    if isinstance(old, Absent) or isinstance(new, Absent):
        return _absent_row(left, right)
    if left.metric.aggregation is not None:
        reason = baseline.why_items_differ(left.job.job_id, right)
        reason = reason or _why_lacking(left, old, "baseline")
        reason = reason or _why_lacking(right, new, "candidate")
        if reason is not None and left.metric.suite not in RESOURCE_SUITES:
            return _refused(left, reason)
    pair = Pair(left, right, old, new)
    found = metric_difference(pair)
    if not found.difference.is_finite:
        return _refused(left, "the difference is not a finite number")
    return _row(pair, found)


def _why_lacking(side: MetricOf, value: Measured, name: str) -> str | None:
    """Return why the samples of an own run can't be those of its record, or None.

    A results file of another tool may hold some samples only, and is taken as it is.
    """
    rule = side.metric.aggregation
    if rule is None or rule.kind == "other" or side.run.record.origin is not None:
        return None
    kept = side.items()
    scored = len(score_rows(rule, side))
    if not kept.ids or scored == value.n:
        return None
    return (
        f"the {name}'s record counts {value.n} items with this score, and {scored} were kept: the "
        "run is not whole"
    )


def _why_missing(here: MetricOf, lacking: RunRecord, name: str) -> str:
    for job in lacking.jobs:
        if (job.suite, job.task) == (here.job.suite, here.job.task) and job.status != "done":
            return f"the {name}'s job is {job.status}" + (f": {job.reason}" if job.reason else "")
    return f"the {name} does not have this metric"


def _refused(here: MetricOf, reason: str) -> NotCompared:
    metric = here.metric
    return NotCompared(suite=metric.suite, task=metric.task, metric=metric.metric, reason=reason)


def _absent_row(left: MetricOf, right: MetricOf) -> CompareRow:
    values: list[float | None] = []
    notes = []
    for side, name in ((left, "baseline"), (right, "candidate")):
        value = side.metric.value
        values.append(value.value if isinstance(value, Measured) else None)
        if isinstance(value, Absent):
            notes.append(f"{name}: {value.reason}")
    units = [s.metric.value.unit for s in (left, right) if isinstance(s.metric.value, Measured)]
    return CompareRow(
        suite=left.metric.suite,
        task=left.metric.task,
        metric=left.metric.metric,
        baseline=values[0],
        candidate=values[1],
        difference=None,
        low=None,
        high=None,
        standard_error=None,
        p=None,
        n=None,
        paired=False,
        clusters=None,
        detectable=None,
        unit=units[0] if units else None,
        note="; ".join(notes),
        higher_is_better=_direction(left, right),
    )


def _row(pair: Pair, found: Found) -> CompareRow:
    metric, difference = pair.baseline.metric, found.difference
    notes = [*found.notes, *_failed_notes(pair)]
    prompt = prompt_note(pair.baseline, pair.candidate)
    if prompt is not None:
        notes.append(prompt)
    return CompareRow(
        suite=metric.suite,
        task=metric.task,
        metric=metric.metric,
        baseline=pair.left.value,
        candidate=pair.right.value,
        difference=difference.difference,
        low=difference.low,
        high=difference.high,
        standard_error=difference.standard_error,
        p=difference.p,
        n=difference.n if found.sampled else None,
        paired=difference.paired,
        clusters=difference.clusters,
        detectable=difference.detectable,
        unit=pair.left.unit,
        note="; ".join(notes) or None,
        higher_is_better=_direction(pair.baseline, pair.candidate),
        df=difference.df,
        gained_count=difference.gained,
        lost_count=difference.lost,
    )


def _failed_notes(pair: Pair) -> list[str]:
    sides = ((pair.baseline.job, "baseline"), (pair.candidate.job, "candidate"))
    return [
        f"{job.failed_count} of {job.sample_count} items failed in the {name}"
        for job, name in sides
        if job.failed_count
    ]


def _direction(left: MetricOf, right: MetricOf) -> bool | None:
    known = left.metric.higher_is_better
    return right.metric.higher_is_better if known is None else known
