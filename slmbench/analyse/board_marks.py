"""Mark the numbers of a column that can't be read like their neighbours, and rank the others."""

from __future__ import annotations

from collections.abc import Sequence

from slmbench.analyse.board_columns import Reading
from slmbench.analyse.board_judges import judge_marks
from slmbench.analyse.comparability import asked_items
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


def mark_column(
    column: Column, readings: Sequence[Reading], asked: Sequence[int | None]
) -> list[tuple[Mark, ...]]:
    """Return the marks of each reading; an Absent has none.

    Args:
        column: that the readings stand in.
        readings: one for each row.
        asked: `limit_of` each reading.
    """
    there = [r for r in readings if r.job is not None and isinstance(r.value, Measured)]
    hows = {r.value.how for r in readings if isinstance(r.value, Measured)}
    versions = {version for r in there if (version := _version(r)) is not None}
    limits = {
        limit
        for r, limit in zip(readings, asked, strict=True)
        if r.job is not None and isinstance(r.value, Measured)
    }
    shots = {fewshot(r) for r in there} if column.suite == "accuracy" else {None}
    differ = (len(hows) > 1, len(versions) > 1, len(limits) > 1, len(shots) > 1)
    plain = {how for how in hows if not any(differ) and not _is_telling(column, how)}
    return [
        ()
        if not isinstance(reading.value, Measured)
        else judge_marks(column, reading)
        if _is_plain(reading, reading.value.how in plain)
        else (*_marks(column, reading, reading.value, differ), *judge_marks(column, reading))
        for reading in readings
    ]


def _is_telling(column: Column, how: str) -> bool:
    """Tell whether the way in which a number is known gives it a mark by itself."""
    weak = column.suite == "toxicity" and how.startswith(_FALLBACK_SCORER)
    return weak or how.startswith(("estimated", "published", "imported"))


def _is_plain(reading: Reading, how_is_plain: bool) -> bool:
    """Tell whether a number has no mark, which most have not."""
    record, job = reading.record, reading.job
    if not how_is_plain or record is None or record.origin is not None:
        return False
    return job is None or not (job.failed_count or job.unscored_count)


def _marks(
    column: Column, reading: Reading, value: Measured, differ: tuple[bool, bool, bool, bool]
) -> tuple[Mark, ...]:
    """Return a number's marks; ``differ``: whether sources, versions, limits and examples do."""
    hows, versions, limits, shots = differ
    job = reading.job
    row = _provenance(column, value, reading)
    if not row and hows:
        meaning = f"known by {value.how}, unlike other numbers of this column"
        row.append(Mark(kind="provenance", badge=_short(value.how), meaning=meaning))
    if shots:
        row += _shots(fewshot(reading))
    if job is not None and (versions or limits):
        row += _differences(reading, job, versions, limits)
    if job is not None and (job.failed_count or job.unscored_count):
        row += _losses(job)
    return tuple(row)


def rank_cells(column: Column, cells: Sequence[Cell], hosts: Sequence[str]) -> list[Cell]:
    """Mark the best of the cells known in the same way, and those the data can't tell from it."""
    if column.higher_is_better is None:
        return list(cells)
    ranked = list(cells)
    for group in rank_groups(column, cells, hosts):
        # The only number of its kind is not the best of anything.
        if len(group) > 1:
            _rank_group(ranked, group, column)
    return ranked


def rank_groups(column: Column, cells: Sequence[Cell], hosts: Sequence[str]) -> list[list[int]]:
    """Return the places of the numbers that are known in the same way, kind by kind."""
    groups: dict[tuple[str, ...], list[int]] = {}
    bound = host_bound(column)
    for index, cell in enumerate(cells):
        if isinstance(cell.value, Measured):
            host = hosts[index] if bound else ""
            key: tuple[str, ...] = (host, cell.origin)
            if cell.marks:
                key += tuple(mark.badge for mark in cell.marks if mark.sets_apart)
            groups.setdefault(key, []).append(index)
    return list(groups.values())


def is_exact(column: Column, value: Measured) -> bool:
    """Tell whether a number without an interval is a count, and not a reading of unknown spread."""
    return value.interval is None and column.unit == "bytes" and not host_bound(column)


def _rank_group(cells: list[Cell], group: Sequence[int], column: Column) -> None:
    values = {i: v for i in group if isinstance(v := cells[i].value, Measured)}
    choose = max if column.higher_is_better else min
    best = choose(values.values(), key=lambda value: value.value)
    foreign = any(cells[index].origin for index in group)
    if foreign and best.interval is None and not is_exact(column, best):
        return  # a figure from elsewhere without its error is shown to be better than none
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


def fewshot(reading: Reading) -> int | None:
    """Return the examples in each prompt of an accuracy task, where the run tells them."""
    if reading.job is None or reading.record is None or reading.job.suite != "accuracy":
        return None
    told = reading.job.details.get("num_fewshot")
    if isinstance(told, dict):
        told = next(iter(set(told.values())), None) if len(set(told.values())) == 1 else None
    return told if isinstance(told, int) else reading.record.spec.num_fewshot


def limit_of(reading: Reading) -> int | None:
    """Return how many items were asked where these were not all; see `asked_items`."""
    if reading.job is None or reading.record is None:
        return None
    return asked_items(reading.record, reading.job)


def _version(reading: Reading) -> str | None:
    """Return the task's fingerprint; what an import does not tell may be any version."""
    if reading.job is None or reading.record is None:
        return None
    told = reading.job.fingerprints.task
    return told if told or reading.record.origin is not None else None


def _provenance(column: Column, value: Measured, reading: Reading) -> list[Mark]:
    source = f": {value.source}" if value.source else ""
    origin = reading.record.origin if reading.record is not None else None
    marks = []
    if value.how.startswith("estimated"):
        meaning = f"estimated, not measured by an instrument{source}"
        marks.append(Mark(kind="estimated", badge="est.", meaning=meaning))
    if value.how.startswith("published"):
        cited = source or (f": {origin.citation}" if origin and origin.citation else "")
        marks.append(Mark(kind="published", badge="pub.", meaning=f"published elsewhere{cited}"))
    elif origin is not None or value.how.startswith("imported"):
        tool = origin.tool if origin is not None else value.how.partition(":")[2].strip()
        meaning = f"measured by {tool}, whose file was imported{source}"
        marks.append(Mark(kind="imported", badge="imp.", meaning=meaning))
    if column.suite == "toxicity" and value.how.startswith(_FALLBACK_SCORER):
        meaning = "scored by the profanity fallback, which is weaker than a toxicity classifier"
        marks.append(Mark(kind="fallback", badge="fallback", meaning=meaning))
    return marks


def _shots(count: int | None) -> list[Mark]:
    told = "an unknown number of" if count is None else str(count)
    meaning = f"{told} examples in each prompt; models of this column were given different numbers"
    badge = "shots ?" if count is None else f"{count}-shot"
    return [Mark(kind="protocol", badge=badge, meaning=meaning)]


def _differences(
    reading: Reading, job: JobRecord, versions_differ: bool, limits_differ: bool
) -> list[Mark]:
    marks = []
    if versions_differ:
        version = job.fingerprints.task[:8] or "unknown"
        meaning = f"task version {version}: models of this column answered different versions"
        marks.append(Mark(kind="version", badge=f"v. {version}", meaning=meaning))
    if limits_differ:
        limit = limit_of(reading)
        items = "all items" if limit is None else f"{limit} items"
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
