"""What a reader must know of a board: its machines, what it leaves out, and what it mixes."""

from __future__ import annotations

from collections.abc import Sequence

from slmbench.analyse.board_columns import Reading
from slmbench.analyse.board_entries import Entry, host_key, knows_host, origin_of
from slmbench.analyse.board_marks import fewshot, host_bound
from slmbench.analyse.comparability import machine_of
from slmbench.schema.base import Measured
from slmbench.schema.board import Column
from slmbench.schema.record import RunRecord

#: Columns that a note names; the others are counted.
_NAMED = 4
_OWN = "slmbench"


def board_notes(
    entries: Sequence[Entry],
    columns: Sequence[Column],
    readings: Sequence[Sequence[Reading]],
    join: bool,
) -> list[str]:
    """Return the notes, one sentence or two each."""
    notes = []
    hosts = {
        host_key(reading.record): reading.record
        for column, column_readings in zip(columns, readings, strict=True)
        if host_bound(column)
        for reading in column_readings
        if reading.record is not None and isinstance(reading.value, Measured)
    }
    if len(hosts) > 1:
        notes.append(_host_note(list(hosts.values())))
    replaced = sum(len(entry.older) for entry in entries)
    if replaced:
        runs = "1 older run" if replaced == 1 else f"{replaced} older runs"
        notes.append(f"Only the newest run of each model is shown; {runs} left out.")
    unfinished = [entry.label for entry in entries if entry.record.status == "running"]
    if unfinished:
        notes.append(f"Not finished when the board was made: {', '.join(unfinished)}.")
    return notes + _origin_notes(entries, columns, readings, join)


def _host_note(runs: Sequence[RunRecord]) -> str:
    """Say on how many machines, or in how many settings of one, the runs were made."""
    machines = _machine_count(runs)
    if machines == 1:
        return (
            f"The runs were made in {len(runs)} different settings of one machine (batch sizes, "
            "say). Latency and energy are ranked within each setting only."
        )
    settings = f" in {len(runs)} different settings" if len(runs) > machines else ""
    each = "machine and setting" if settings else "machine"
    return (
        f"The runs were made on {machines} different machines{settings}. Latency, energy and peak "
        f"memory belong to a model on a machine: they are ranked within each {each} only."
    )


def _machine_count(runs: Sequence[RunRecord]) -> int:
    """Return how many machines runs of different host keys were made on."""
    known = [run for run in runs if knows_host(run)]
    told = {
        tuple(sorted(machine_of(run.environment).items())) or run.environment.hardware_hash
        for run in known
    }
    return len(told) + len(runs) - len(known)


def _origin_notes(
    entries: Sequence[Entry],
    columns: Sequence[Column],
    readings: Sequence[Sequence[Reading]],
    join: bool,
) -> list[str]:
    """Say where the numbers come from, and why those of several origins can't be compared."""
    looks = [look for entry in entries for look in entry.looks]
    origins = sorted({origin_of(look.record) or _OWN for look in looks})
    if origins in ([], [_OWN]):
        return []
    if len(origins) == 1:
        return [f"All numbers come from {origins[0]}; none was measured by slmbench."]
    rows = "A row joins a model's numbers from all of them" if join else "Each has rows of its own"
    notes = [
        f"Numbers of {len(origins)} origins stand here: {', '.join(origins)}. {rows}; they are "
        "marked, and ranked only among those of their own origin."
    ]
    why: dict[str, list[str]] = {}
    for column, column_readings in zip(columns, readings, strict=True):
        groups = _by_origin(column_readings)
        if len(groups) > 1:
            for reason in _differences(column, groups):
                why.setdefault(reason, []).append(column.path)
    for reason, paths in why.items():
        named = ", ".join(paths[:_NAMED])
        more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
        notes.append(f"Can't be compared between origins: {named}{more}: {reason}.")
    return notes


def _by_origin(readings: Sequence[Reading]) -> dict[str, list[Reading]]:
    groups: dict[str, list[Reading]] = {}
    for each in (other for reading in readings for other in (reading, *reading.others)):
        if isinstance(each.value, Measured) and each.record is not None:
            groups.setdefault(origin_of(each.record) or _OWN, []).append(each)
    return groups


def _differences(column: Column, groups: dict[str, list[Reading]]) -> list[str]:
    """Return why a column's numbers of different origins are not of one kind, if they are not."""
    found = []
    if column.suite == "accuracy":
        shots = {name: _told({_shots(each) for each in own}) for name, own in groups.items()}
        if len(set(shots.values())) > 1 or "unknown" in shots.values():
            told = ", ".join(f"{name} {shot}" for name, shot in sorted(shots.items()))
            found.append(f"the examples in a prompt differ or are not told ({told})")
    versions = {name: {_version(each) for each in own} for name, own in groups.items()}
    if any("" in own for own in versions.values()):
        unknown = sorted(name for name, own in versions.items() if "" in own)
        found.append(f"the task's version is not told by {', '.join(unknown)}")
    elif len(set().union(*versions.values())) > 1:
        found.append("the task's version, definition or data differs")
    values = [each.value for own in groups.values() for each in own]
    if any(isinstance(v, Measured) and v.how.startswith("estimated") for v in values):
        found.append("some are estimates")
    if host_bound(column):
        found += _machines(groups)
    return found


def _machines(groups: dict[str, list[Reading]]) -> list[str]:
    runs = [each.record for own in groups.values() for each in own if each.record is not None]
    silent = sorted({_name(run) for run in runs if not knows_host(run)})
    if silent:
        return [f"the machine is not told by {', '.join(silent)}"]
    found = {host_key(run): run for run in runs}
    if len(found) < 2:
        return []
    one = _machine_count(list(found.values())) == 1
    return ["the settings differ (batch sizes, say)" if one else "the machines differ"]


def _name(record: RunRecord) -> str:
    return origin_of(record) or _OWN


def _shots(reading: Reading) -> str:
    count = fewshot(reading)
    return "unknown" if count is None else f"{count}-shot"


def _told(shots: set[str]) -> str:
    return "unknown" if "unknown" in shots else " and ".join(sorted(shots))


def _version(reading: Reading) -> str:
    return reading.job.fingerprints.task if reading.job is not None else ""
