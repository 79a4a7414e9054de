"""Mark the numbers of a column that can't be read like their neighbours, and rank the others."""

from __future__ import annotations

from collections.abc import Sequence

from slmbench.analyse.board_columns import Reading
from slmbench.schema.base import Measured
from slmbench.schema.board import Cell, Column, Mark
from slmbench.schema.energy_spec import PER_CORRECT
from slmbench.schema.record import JobRecord

#: Suites whose numbers belong to a model on a host, not to the model alone.
HOST_SUITES = frozenset({"latency", "load", "energy"})
HOST_METRICS = frozenset({"peak_resident_bytes", "peak_device_bytes", *PER_CORRECT})
_FALLBACK_SCORER = "profanity"
_BADGE_LENGTH = 18


def host_bound(column: Column) -> bool:
    """Tell whether a column's numbers can be held against each other on equal hardware only."""
    return column.suite in HOST_SUITES or column.metric in HOST_METRICS


def mark_column(column: Column, readings: Sequence[Reading]) -> list[tuple[Mark, ...]]:
    """Return the marks of each reading; an Absent has none."""
    jobs = [r.job for r in readings if r.job is not None and isinstance(r.value, Measured)]
    hows = {r.value.how for r in readings if isinstance(r.value, Measured)}
    versions = {job.fingerprints.task for job in jobs} - {""}
    limits = {job.limit_items for job in jobs}
    marks = []
    for reading in readings:
        value, job = reading.value, reading.job
        row: list[Mark] = []
        if isinstance(value, Measured):
            known = _provenance(column, value)
            if known is None and len(hows) > 1:
                meaning = f"known by {value.how}, unlike other numbers of this column"
                known = Mark(kind="provenance", badge=_short(value.how), meaning=meaning)
            row += [known] if known is not None else []
            if job is not None:
                row += _differences(job, len(versions) > 1, len(limits) > 1)
                row += _losses(job)
        marks.append(tuple(row))
    return marks


def rank_cells(column: Column, cells: Sequence[Cell], hosts: Sequence[str]) -> list[Cell]:
    """Mark the best of the cells known in the same way, and those the data can't tell from it."""
    if column.higher_is_better is None:
        return list(cells)
    ranked = list(cells)
    groups: dict[tuple[str, ...], list[int]] = {}
    for index, cell in enumerate(cells):
        if isinstance(cell.value, Measured):
            host = hosts[index] if host_bound(column) else ""
            badges = tuple(mark.badge for mark in cell.marks if mark.kind != "partial")
            groups.setdefault((host, *badges), []).append(index)
    for group in groups.values():
        # The only number of its kind is not the best of anything.
        if len(group) > 1:
            _rank_group(ranked, group, column.higher_is_better)
    return ranked


def _rank_group(cells: list[Cell], group: Sequence[int], higher_is_better: bool) -> None:
    values = {i: v for i in group if isinstance(v := cells[i].value, Measured)}
    choose = max if higher_is_better else min
    best = choose(values.values(), key=lambda value: value.value)
    for index, value in values.items():
        if value.value == best.value:
            cells[index] = cells[index].model_copy(update={"rank": "best"})
        elif overlap(value, best):
            cells[index] = cells[index].model_copy(update={"rank": "tied"})


def overlap(one: Measured, other: Measured) -> bool:
    """Tell whether two intervals share a value; a number without one has no width."""
    low, high = bounds(one)
    other_low, other_high = bounds(other)
    return low <= other_high and other_low <= high


def bounds(value: Measured) -> tuple[float, float]:
    """Return the ends of the interval, or the value twice."""
    if value.interval is None:
        return value.value, value.value
    return value.interval.low, value.interval.high


def _provenance(column: Column, value: Measured) -> Mark | None:
    source = f": {value.source}" if value.source else ""
    if value.how.startswith("estimated"):
        meaning = f"estimated, not measured by an instrument{source}"
        return Mark(kind="estimated", badge="est.", meaning=meaning)
    if value.how.startswith("published"):
        return Mark(kind="published", badge="pub.", meaning=f"published elsewhere{source}")
    if column.suite == "toxicity" and value.how.startswith(_FALLBACK_SCORER):
        meaning = "scored by the profanity fallback, which is weaker than a toxicity classifier"
        return Mark(kind="fallback", badge="fallback", meaning=meaning)
    return None


def _differences(job: JobRecord, versions_differ: bool, limits_differ: bool) -> list[Mark]:
    marks = []
    if versions_differ:
        version = job.fingerprints.task[:8] or "unknown"
        meaning = f"task version {version}: models of this column answered different versions"
        marks.append(Mark(kind="version", badge=f"v. {version}", meaning=meaning))
    if limits_differ:
        items = "all items" if job.limit_items is None else f"{job.limit_items} items"
        meaning = f"limit: {items}; models of this column answered different numbers of items"
        marks.append(Mark(kind="limit", badge=items, meaning=meaning))
    return marks


def _losses(job: JobRecord) -> list[Mark]:
    lost = [
        f"{count} of {job.sample_count} samples {what}"
        for count, what in ((job.failed_count, "failed"), (job.unscored_count, "have no score"))
        if count
    ]
    return [Mark(kind="partial", badge="partial", meaning="; ".join(lost))] if lost else []


def _short(text: str) -> str:
    return text if len(text) <= _BADGE_LENGTH else text[: _BADGE_LENGTH - 1] + "…"
