"""Choose which runs stand on a leaderboard, and give each a label of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from slmbench.schema.base import Measured
from slmbench.schema.record import JobRecord, Metric, RunRecord


@dataclass(frozen=True)
class Look:
    """A run's jobs and metrics by name, so that a board of many columns searches none of them."""

    record: RunRecord

    @cached_property
    def jobs(self) -> dict[tuple[str, str], list[JobRecord]]:
        """Return the jobs of each (suite, task); a resume may have repeated one.

        A job of a group of tasks is the job of each of them.
        """
        found: dict[tuple[str, str], list[JobRecord]] = {}
        for job in self.record.jobs:
            for task in dict.fromkeys((job.task, *(metric.task for metric in job.metrics))):
                found.setdefault((job.suite, task), []).append(job)
        return found

    @cached_property
    def metrics(self) -> dict[tuple[str, str, str], list[tuple[JobRecord, Metric]]]:
        """Return each (suite, task, metric) with its job, in the order of the record."""
        found: dict[tuple[str, str, str], list[tuple[JobRecord, Metric]]] = {}
        for job in self.record.jobs:
            for metric in job.metrics:
                found.setdefault((job.suite, metric.task, metric.metric), []).append((job, metric))
        return found


@dataclass(frozen=True)
class Entry:
    """A run that becomes a row, and the runs of the same model and host that it replaces.

    ``further`` are the runs that fill a joined row where ``record`` has no number, in the order in
    which they are asked; empty where each run stands for itself.
    """

    label: str
    record: RunRecord
    older: tuple[RunRecord, ...]
    further: tuple[RunRecord, ...] = ()

    @cached_property
    def looks(self) -> tuple[Look, ...]:
        """Return the runs that the row's numbers may come from, its own first."""
        return tuple(Look(record) for record in (self.record, *self.further))

    @cached_property
    def older_runs(self) -> dict[str, str]:
        """Return metric's path -> id of the newest of the older runs that measured it."""
        return {
            metric.path: run.run_id
            for run in self.older
            for metric in run.metrics
            if isinstance(metric.value, Measured)
        }

    @property
    def host(self) -> str:
        """Return the key of the row's machine; see `host_key`."""
        runs = (self.record, *self.further)
        known = [run for run in runs if knows_host(run)]
        return host_key((known or runs)[0])


def choose_entries(records: Sequence[RunRecord]) -> list[Entry]:
    """Keep the newest run of each model on each hardware from each origin, oldest first."""
    groups: dict[tuple[str, ...], list[RunRecord]] = {}
    for record in sorted(records, key=lambda record: (record.created, record.run_id)):
        groups.setdefault(_identity(record), []).append(record)
    chosen = []
    for group in groups.values():
        # A run that was killed before its first result must not hide an older one with results.
        newest = max(group, key=lambda record: (bool(record.metrics), record.created))
        chosen.append((newest, tuple(record for record in group if record is not newest)))
    chosen.sort(key=lambda pair: (pair[0].created, pair[0].run_id))
    labels = make_labels([record for record, _ in chosen])
    return [Entry(label, *pair) for label, pair in zip(labels, chosen, strict=True)]


def hardware_label(record: RunRecord) -> str:
    """Name the part of the host that counts most, as the environment recorded it."""
    hardware = record.environment.hardware
    for part in ("gpu", "accelerator", "cpu", "processor", "machine"):
        if hardware.get(part):
            return hardware[part]
    if not knows_host(record):
        return "hardware not recorded"
    return f"hardware {record.environment.hardware_hash[:8]}"


def knows_host(record: RunRecord) -> bool:
    """Tell whether the run says where it was made; what was imported often does not."""
    return record.origin is None or bool(record.environment.hardware)


def host_key(record: RunRecord) -> str:
    """Return what runs of one machine share.

    Two runs that do not say where they were made are not of one machine, unless one publication
    gives both.
    """
    if knows_host(record):
        return record.environment.hardware_hash
    return f"unknown: {(record.origin and record.origin.citation) or record.run_id}"


def origin_of(record: RunRecord) -> str:
    """Return where a run's numbers come from: a citation, a tool; empty for slmbench's own."""
    if record.origin is None:
        return ""
    return record.origin.citation or record.origin.tool


def _identity(record: RunRecord) -> tuple[str, ...]:
    mark, origin = record.model.fingerprint, record.origin
    return (
        record.model.name,
        *(mark.weights, mark.tokenizer, mark.chat_template, mark.dtype, mark.quantization),
        record.environment.hardware_hash,
        *(("", "") if origin is None else (origin.form, origin.citation or "")),
    )


def _numeric_format(record: RunRecord) -> str:
    mark = record.model.fingerprint
    return " ".join(part for part in (mark.dtype, mark.quantization) if part not in ("", "none"))


#: What may tell two runs of equally named models apart, the most readable first.
_DISCRIMINATORS: tuple[Callable[[RunRecord], str], ...] = (
    lambda record: origin_of(record) or "own run",
    _numeric_format,
    hardware_label,
    lambda record: f"hardware {record.environment.hardware_hash[:8]}",
    lambda record: f"weights {record.model.fingerprint.weights[:8]}",
    lambda record: record.run_id,
)


def make_labels(records: Sequence[RunRecord]) -> list[str]:
    """Return each run's model name, with what differs between its namesakes until it is alone."""
    names: dict[str, list[int]] = {}
    for place, record in enumerate(records):
        names.setdefault(record.model.name, []).append(place)
    parts: list[list[str]] = [[] for _ in records]
    for places in names.values():
        _tell_apart(records, places, parts, 0)
    return [
        f"{record.model.name} ({', '.join(own)})" if own else record.model.name
        for record, own in zip(records, parts, strict=True)
    ]


def _tell_apart(
    records: Sequence[RunRecord], places: Sequence[int], parts: list[list[str]], depth: int
) -> None:
    """Add to each label what its run has alone among the others, discriminator by discriminator."""
    if len(places) == 1 or depth == len(_DISCRIMINATORS):
        return
    groups: dict[str, list[int]] = {}
    for place in places:
        groups.setdefault(_DISCRIMINATORS[depth](records[place]), []).append(place)
    for text, group in groups.items():
        if len(groups) > 1:
            for place in group:
                parts[place].append(text or "default")
        _tell_apart(records, group, parts, depth + 1)
