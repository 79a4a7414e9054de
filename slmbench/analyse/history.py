"""A metric over the runs of a store: which values may be compared, and where the level changed."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Literal

from slmbench.analyse.comparability import RESOURCE_SUITES, why_items_differ, why_not_comparable
from slmbench.analyse.data import MetricOf, Pair, RunData, metrics_by_path
from slmbench.analyse.metric_difference import metric_difference
from slmbench.errors import InputError
from slmbench.schema.base import Absent, Measured
from slmbench.schema.history import History, HistoryChange, HistoryRow, HistorySeries
from slmbench.stats.change_point import RULE, fewest_values, level_changes

#: How much of a hash is shown; as much as a commit's.
_SHORT_HASH = 12


class _Track:
    """Measured values that may be compared with each other, oldest first."""

    def __init__(self, number: int, first: MetricOf) -> None:
        self.number = number
        self.first = first
        self.members: list[MetricOf] = []


def history(
    runs: Sequence[RunData], metric: str, *, store: str, model: str | None, alpha: float
) -> History:
    """Return a series for each metric that the pattern matches and each model that has it.

    Values are put on tracks by their fingerprints, as `compare` would refuse them; a change of
    level is looked for within a track only.

    Raises:
        InputError: no run has such a metric or such a model, or ``alpha`` is no probability.
    """
    if not 0.0 < alpha < 0.5:
        raise InputError(f"--alpha {alpha:g} is not a chance of a false alarm: try 0.05.")
    ordered = sorted(runs, key=lambda run: (_when(run), run.record.run_id))
    if model is not None:
        ordered = _of_model(ordered, model)
    names = dict.fromkeys(m.path for run in ordered for m in run.record.metrics)
    matched = [name for name in names if _matches(metric, name)]
    if not matched:
        near = difflib.get_close_matches(metric, names, n=3, cutoff=0.3) or sorted(names)[:3]
        hint = f" Near names: {', '.join(near)}." if near else " The runs have no metrics at all."
        raise InputError(f"No run of '{store}' has the metric '{metric}'.{hint}")
    models = dict.fromkeys(run.record.model.name for run in ordered)
    found = [
        _series([run for run in ordered if run.record.model.name == name], path, alpha)
        for path in matched
        for name in models
    ]
    series = tuple(each for each in found if each is not None)
    return History(store=store, metric=metric, alpha=alpha, rule=RULE, series=series)


def _of_model(runs: list[RunData], model: str) -> list[RunData]:
    own = [run for run in runs if run.record.model.name == model]
    if not own:
        known = sorted({run.record.model.name for run in runs})
        raise InputError(f"No run of a model '{model}'. Known: {', '.join(known)}.")
    return own


def _matches(pattern: str, name: str) -> bool:
    """Say whether a name is meant; ``*`` stays within one of its three parts."""
    parts, pieces = pattern.split("/", 2), name.split("/", 2)
    return pattern == name or (len(parts) == len(pieces) and all(map(fnmatchcase, pieces, parts)))


def _when(run: RunData) -> datetime:
    try:
        when = datetime.fromisoformat(run.record.created)
    except ValueError as error:
        raise InputError(
            f"The run '{run.record.run_id}' says it was made at '{run.record.created}', which is "
            "not a time. Leave it out of the store."
        ) from error
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)


def _series(runs: list[RunData], path: str, alpha: float) -> HistorySeries | None:
    """Return one model's series, or None where it has no value and no reason for its lack."""
    tracks: list[_Track] = []
    rows: list[HistoryRow] = []
    last: MetricOf | None = None
    newest: MetricOf | None = None
    for run in runs:
        here = metrics_by_path(run).get(path)
        if here is None or _why_unused(here) is not None:
            missing = _absent_row(run, here, path)
            rows += [missing] if missing is not None else []
            newest = here or newest
            continue
        track = _track_of(here, tracks)
        broken = None if last is None else why_not_comparable(last, here)
        rows.append(_row(here, _measured(here), track.number, broken))
        last = newest = here
    if newest is None:
        return None
    changes = [change for track in tracks for change in _changes(track, alpha)]
    metric = newest.metric
    unit = None if last is None else _measured(last).unit
    return HistorySeries(
        suite=metric.suite,
        task=metric.task,
        metric=metric.metric,
        model=newest.run.record.model.name,
        unit=unit,
        higher_is_better=metric.higher_is_better,
        rows=tuple(rows),
        changes=tuple(sorted(changes, key=lambda change: (change.created, change.run_id))),
        notes=_notes(tracks, alpha),
    )


def _track_of(here: MetricOf, tracks: list[_Track]) -> _Track:
    """Return the track a value goes on; comparable is an equivalence, so its first value tells."""
    for track in tracks:
        if why_not_comparable(track.first, here) is None:
            break
    else:
        track = _Track(len(tracks), here)
        tracks.append(track)
    track.members.append(here)
    return track


def _row(here: MetricOf, value: Measured, track: int, broken: str | None) -> HistoryRow:
    record = here.run.record
    return HistoryRow(
        run_id=record.run_id,
        created=record.created,
        labels=record.spec.labels,
        weights=record.model.fingerprint.weights[:_SHORT_HASH],
        value=value.value,
        low=value.interval.low if value.interval else None,
        high=value.interval.high if value.interval else None,
        n=value.n,
        how=value.how,
        track=track,
        break_reason=broken,
    )


def _why_unused(here: MetricOf) -> str | None:
    """Return why a metric gives no value of the series, or None where it does."""
    if isinstance(here.metric.value, Absent):
        return here.metric.value.reason
    if here.job.items_total is not None:
        asked = f"{here.job.sample_count} of {here.job.items_total} items"
        return f"a gate stopped the job after {asked}"
    return None


def _absent_row(run: RunData, here: MetricOf | None, path: str) -> HistoryRow | None:
    """Return the row of a run that should have a value; None for one that was not asked for it."""
    suite, task, _ = path.split("/", 2)
    reason = None if here is None else _why_unused(here)
    if reason is None:
        jobs = [job for job in run.record.jobs if (job.suite, job.task) == (suite, task)]
        lost = [job for job in jobs if job.status != "done"]
        if not lost:
            return None
        reason = f"the job is {lost[0].status}" + (f": {lost[0].reason}" if lost[0].reason else "")
    record = run.record
    return HistoryRow(
        run_id=record.run_id,
        created=record.created,
        labels=record.spec.labels,
        weights=record.model.fingerprint.weights[:_SHORT_HASH],
        absent=reason,
    )


def _changes(track: _Track, alpha: float) -> list[HistoryChange]:
    values = [_measured(member).value for member in track.members]
    found = level_changes(values, alpha)
    cuts = [0, *(change.place for change in found), len(values)]
    levels = [sum(values[a:b]) / (b - a) for a, b in pairwise(cuts)]
    changes = []
    for number, change in enumerate(found):
        left, right = track.members[change.place - 1], track.members[change.place]
        record, (before, after) = right.run.record, levels[number : number + 2]
        up = right.metric.higher_is_better
        changes.append(
            HistoryChange(
                run_id=record.run_id,
                previous_run_id=left.run.record.run_id,
                created=record.created,
                labels=record.spec.labels,
                track=track.number,
                before=before,
                after=after,
                runs_before=cuts[number + 1] - cuts[number],
                runs_after=cuts[number + 2] - cuts[number + 1],
                p=change.p,
                reading=_reading(after - before, up),
            ).model_copy(update=_between(left, right))
        )
    return changes


def _between(left: MetricOf, right: MetricOf) -> dict[str, object]:
    """Return what the items of two neighbouring runs say of their difference."""
    if left.metric.aggregation is not None and left.metric.suite not in RESOURCE_SUITES:
        before, after = left.samples(), right.samples()
        reason = why_items_differ(before, after) if before and after else "no items were kept"
        if reason is not None:
            return {"note": reason}
    found = metric_difference(Pair(left, right, _measured(left), _measured(right)))
    difference = found.difference
    return {
        "difference": difference.difference,
        "low": difference.low,
        "high": difference.high,
        "paired": difference.paired,
        "note": "; ".join(found.notes) or None,
    }


def _reading(shift: float, up: bool | None) -> Literal["better", "worse", "changed"]:
    if up is None:
        return "changed"
    return "better" if (shift > 0) is up else "worse"


def _measured(member: MetricOf) -> Measured:
    value = member.metric.value
    assert isinstance(value, Measured), "a track holds measured values"
    return value


def _notes(tracks: list[_Track], alpha: float) -> tuple[str, ...]:
    fewest = fewest_values(alpha)
    longest = max((len(track.members) for track in tracks), default=0)
    if longest >= fewest:
        return ()
    return (
        f"{longest} comparable runs: at alpha {alpha:g} a change of level can be shown from "
        f"{fewest} on. 'slmbench compare' holds two runs against each other.",
    )
