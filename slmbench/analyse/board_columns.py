"""Find the columns of a leaderboard, and what each run has to say in each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from slmbench.analyse.board_entries import Entry, Look
from slmbench.schema.base import Absent, Measured
from slmbench.schema.board import Column
from slmbench.schema.energy_spec import PER_CORRECT
from slmbench.schema.record import JobRecord, Metric, RunRecord
from slmbench.schema.spec import SUITES

#: Suites whose numbers come from a scorer: two scorers measure two different things.
SCORED_SUITES = frozenset({"toxicity", "similarity", "judge", "rag", "bias", "fidelity"})
#: Numbers that explain others: a board of all of them would hide the others. Records keep them, and
#: so does ``slmbench show``; nor has a board columns for groups, kinds and categories (``@...=``).
_DETAILS = frozenset(
    {
        "ece_equal_mass", "aurc", "selective_acc@50", "answer_mass", "repeat_consistency",
        "first_preference", "alignment", "coverage", "scaled_perplexity_auc", "perplexity_auc",
        "net_j_per_request", "net_wh_per_1000_requests", "net_gco2e_per_1000_requests",
        "idle_power_w", "mean_power_w", *PER_CORRECT,
        "peak_device_reserved_bytes", "process_device_bytes", "running_peak_resident_bytes",
        "loaded_resident_bytes", "baseline_resident_bytes", "overhead_bytes", "kv_cache_bytes",
        "kv_cache_predicted_bytes", "activation_bytes",
    }
)  # fmt: skip
#: Stands in for the metric's name where a job failed for every model that tried it.
NO_RESULT = "no result"

_Key = tuple[str, str, str, str | None, str]


@dataclass(frozen=True)
class Reading:
    """What a row says in one column; ``job`` is None where its runs have no such job.

    Attributes:
        record: the run that the value is from.
        metric: the metric that holds the value, where there is one.
        others: what further runs of a joined row measured too.
    """

    value: Measured | Absent
    job: JobRecord | None
    failed: bool = False
    record: RunRecord | None = None
    metric: Metric | None = None
    others: tuple[Reading, ...] = ()


def find_columns(entries: Sequence[Entry]) -> list[Column]:
    """Return one column for each number found, ordered by suite, then as the runs list them."""
    found: dict[_Key, Metric | None] = {}
    for metric in _metrics(entries):
        if isinstance(metric.value, Measured):
            found.setdefault(_key(metric, metric.value), metric)
    measured = {key[:3] for key in found}
    for metric in _metrics(entries):
        place = (metric.suite, metric.task, metric.metric)
        if place not in measured:
            found.setdefault((*place, None, ""), metric)
    answered = {key[:2] for key in found}
    for job in (job for entry in entries for look in entry.looks for job in look.record.jobs):
        if (job.suite, job.task) not in answered:
            found.setdefault((job.suite, job.task, NO_RESULT, None, ""), None)
    # Tasks come as the runs list them, a task's columns together even where runs differ.
    tasks = {task: place for place, task in enumerate(dict.fromkeys(key[:2] for key in found))}
    ordered = sorted(found, key=lambda key: (suite_rank(key[0]), tasks[key[:2]]))
    namesakes = Counter(key[:3] for key in ordered)
    return [_column(key, found[key], namesakes[key[:3]]) for key in ordered]


def read_column(entries: Sequence[Entry], column: Column) -> tuple[Reading, ...]:
    """Return what each entry says in a column; see `read_cell`."""
    key = (column.suite, column.task, column.metric)
    # Without a namesake each number of that name is the column's.
    is_alone = column.column_id == column.path
    readings = []
    for entry in entries:
        look = entry.looks[0]
        named = look.metrics.get(key, ()) if is_alone and not entry.further else ()
        job, metric = named[0] if len(named) == 1 else (None, None)
        if metric is not None and isinstance(metric.value, Measured):
            readings.append(Reading(metric.value, job, False, look.record, metric))
        else:
            readings.append(read_cell(entry, column))
    return tuple(readings)


def read_cell(entry: Entry, column: Column) -> Reading:
    """Return what the entry's runs measured for the column, or the reason they did not."""
    if not entry.further:
        return _read(entry.looks[0], entry, column)
    readings = [_read(look, entry, column) for look in entry.looks]
    measured = [reading for reading in readings if isinstance(reading.value, Measured)]
    if measured:
        return replace(measured[0], others=tuple(measured[1:]))
    return next((reading for reading in readings if reading.job is not None), readings[0])


def _read(look: Look, entry: Entry, column: Column) -> Reading:
    record = look.record
    found = _last_job(look, column)
    if found is None:
        return Reading(Absent(reason=_why_no_job(entry, column)), None, record=record)
    job, metric = found
    if metric is not None and isinstance(metric.value, Absent):
        return Reading(metric.value, job, job.status == "failed", record, metric)
    if metric is not None and isinstance(metric.value, Measured):
        if _belongs(metric, column):
            return Reading(metric.value, job, record=record, metric=metric)
        given = metric.value.how if metric.suite in SCORED_SUITES else metric.value.unit
        elsewhere = Absent(reason=f"measured with {given}, see that column")
        return Reading(elsewhere, job, record=record)
    if job.status == "failed":
        reason = f"the job failed: {job.reason or 'no reason was recorded'}"
        return Reading(Absent(reason=reason), job, True, record)
    if job.status != "done":
        reason = "the run stopped before this job was done"
        return Reading(Absent(reason=reason), job, True, record)
    named = "number" if column.metric == NO_RESULT else column.metric
    return Reading(Absent(reason=f"the job is done, but reports no {named}"), job, record=record)


def _metrics(entries: Iterable[Entry]) -> Iterator[Metric]:
    for look in (look for entry in entries for look in entry.looks):
        for metric in look.record.metrics:
            if metric.metric not in _DETAILS and "=" not in metric.metric:
                yield metric


def _unit(unit: str) -> str:
    return "" if unit in ("1", "ratio") else unit


def _key(metric: Metric, value: Measured) -> _Key:
    scorer = value.how if metric.suite in SCORED_SUITES else None
    return (metric.suite, metric.task, metric.metric, scorer, _unit(value.unit))


def suite_rank(suite: str) -> tuple[int, str]:
    """Order suites as the spec does, unknown ones after them by name."""
    return (SUITES.index(suite) if suite in SUITES else len(SUITES), suite)


def _column(key: _Key, metric: Metric | None, namesakes: int) -> Column:
    suite, task, name, scorer, unit = key
    extra = f" [{scorer or ''}|{unit}]" if namesakes > 1 else ""
    return Column(
        column_id=f"{suite}/{task}/{name}{extra}",
        suite=suite,
        task=task,
        metric=name,
        unit=unit,
        scorer=scorer,
        higher_is_better=metric.higher_is_better if metric is not None else None,
    )


def _last_job(look: Look, column: Column) -> tuple[JobRecord, Metric | None] | None:
    """Return the run's job for the column; a job repeated by a resume counts as it ended.

    With it comes its metric of that name, the column's own where two scorers share a name.
    """
    named = look.metrics.get((column.suite, column.task, column.metric))
    if named and len(named) == 1:
        return named[0]
    if named:
        job = named[-1][0]
        metrics = [metric for other, metric in named if other is job]
        own = [metric for metric in metrics if _belongs(metric, column)]
        return job, next(iter(own or metrics))
    jobs = look.jobs.get((column.suite, column.task))
    return (jobs[-1], None) if jobs else None


def _belongs(metric: Metric, column: Column) -> bool:
    value = metric.value
    if isinstance(value, Absent) or _unit(value.unit) != _unit(column.unit):
        return False
    return column.scorer == (value.how if metric.suite in SCORED_SUITES else None)


def _why_no_job(entry: Entry, column: Column) -> str:
    if entry.further:
        return "no run of this model measured it"
    older = entry.older_runs.get(column.path)
    if older is not None:
        return f"not part of this run; the older run {older} measured it"
    return "not part of this run"
