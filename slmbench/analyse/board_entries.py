"""Choose which runs stand on a leaderboard, and give each a label of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from slmbench.schema.record import RunRecord


@dataclass(frozen=True)
class Entry:
    """A run that becomes a row, and the runs of the same model and host that it replaces."""

    label: str
    record: RunRecord
    older: tuple[RunRecord, ...]


def choose_entries(records: Sequence[RunRecord]) -> list[Entry]:
    """Keep the newest run of each model on each hardware, oldest first."""
    groups: dict[tuple[str, ...], list[RunRecord]] = {}
    for record in sorted(records, key=lambda record: (record.created, record.run_id)):
        groups.setdefault(_identity(record), []).append(record)
    chosen = []
    for group in groups.values():
        # A run that was killed before its first result must not hide an older one with results.
        newest = max(group, key=lambda record: (bool(record.metrics), record.created))
        chosen.append((newest, tuple(record for record in group if record is not newest)))
    chosen.sort(key=lambda pair: (pair[0].created, pair[0].run_id))
    labels = _labels([record for record, _ in chosen])
    return [Entry(label, *pair) for label, pair in zip(labels, chosen, strict=True)]


def hardware_label(record: RunRecord) -> str:
    """Name the part of the host that counts most, as the environment recorded it."""
    hardware = record.environment.hardware
    for part in ("gpu", "accelerator", "cpu", "processor", "machine"):
        if hardware.get(part):
            return hardware[part]
    return f"hardware {record.environment.hardware_hash[:8]}"


def _identity(record: RunRecord) -> tuple[str, ...]:
    mark = record.model.fingerprint
    return (
        record.model.name,
        *(mark.weights, mark.tokenizer, mark.chat_template, mark.dtype, mark.quantization),
        record.environment.hardware_hash,
    )


def _numeric_format(record: RunRecord) -> str:
    mark = record.model.fingerprint
    return " ".join(part for part in (mark.dtype, mark.quantization) if part not in ("", "none"))


#: What may tell two runs of equally named models apart, the most readable first.
_DISCRIMINATORS: tuple[Callable[[RunRecord], str], ...] = (
    _numeric_format,
    hardware_label,
    lambda record: f"hardware {record.environment.hardware_hash[:8]}",
    lambda record: f"weights {record.model.fingerprint.weights[:8]}",
    lambda record: record.run_id,
)


def _labels(records: Sequence[RunRecord]) -> list[str]:
    return [
        _label(record, [other for other in records if _same_name(record, other)])
        for record in records
    ]


def _same_name(one: RunRecord, other: RunRecord) -> bool:
    return one.model.name == other.model.name


def _label(record: RunRecord, namesakes: Sequence[RunRecord]) -> str:
    """Add to the name what differs between its namesakes, until it is alone."""
    parts: list[str] = []
    for discriminate in _DISCRIMINATORS:
        if len(namesakes) == 1:
            break
        alike = [other for other in namesakes if discriminate(other) == discriminate(record)]
        if len(alike) < len(namesakes):
            parts.append(discriminate(record) or "default")
            namesakes = alike
    return f"{record.model.name} ({', '.join(parts)})" if parts else record.model.name
