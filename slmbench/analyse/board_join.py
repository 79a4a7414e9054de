"""Join the runs of one model, wherever they come from, into one row for each machine."""

from __future__ import annotations

from collections.abc import Sequence

from slmbench.analyse.board_entries import (
    Entry,
    choose_entries,
    host_key,
    knows_host,
    make_labels,
    origin_of,
)
from slmbench.schema.record import RunRecord

#: How the note of what stays apart begins.
NOT_JOINED = "Not joined with the other rows of the model:"
#: Rows that a note names; the others are counted.
_NAMED = 6


def join_entries(records: Sequence[RunRecord]) -> list[Entry]:
    """Return one entry for each model on each machine, oldest first.

    A row takes each number from the first of its runs that has it: slmbench's own before those of
    other tools, these before publications; of one origin the newest. Runs that are known to differ
    in weights, quantization or machine, or that one origin lists beside each other, stay apart. A
    run that does not say where it was made stands in the row of every machine of its model.
    """
    models: dict[str, list[Entry]] = {}
    chosen = choose_entries(records)
    keys = _model_keys([entry.record.model.name for entry in chosen])
    for entry in chosen:
        models.setdefault(keys[entry.record.model.name], []).append(entry)
    rows = [row for entries in models.values() for row in _rows(entries)]
    rows.sort(key=lambda row: (row[0].record.created, row[0].record.run_id))
    labels = make_labels([row[0].record for row in rows])
    return [_joined(label, row) for label, row in zip(labels, rows, strict=True)]


def apart_notes(entries: Sequence[Entry]) -> list[str]:
    """Return which rows of one model a joined board keeps apart, and why; nothing where none are.

    Args:
        entries: the rows that `join_entries` made.
    """
    names = {entry.record.model.name for entry in entries}
    keys = _model_keys(sorted(names))
    models: dict[str, list[Entry]] = {}
    for entry in entries:
        models.setdefault(keys[entry.record.model.name], []).append(entry)
    told = [
        f"{entry.label} ({_why_rows_apart(own[0], entry)})"
        for own in models.values()
        for entry in own[1:]
    ]
    for key in sorted(key for key in models if "/" not in key):
        meant = sorted(name for name in names if name.casefold().rpartition("/")[2] == key)
        if len({name.casefold() for name in meant if "/" in name}) > 1:
            longer = " or ".join(name for name in meant if "/" in name)
            told.append(f"{models[key][0].label} (it could be {longer})")
    if not told:
        return []
    more = f" and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
    return [f"{NOT_JOINED} {'; '.join(told[:_NAMED])}{more}."]


def _why_rows_apart(first: Entry, other: Entry) -> str:
    runs = [(one, two) for one in _runs_of(first) for two in _runs_of(other)]
    return next((why for pair in runs if (why := _why_apart(*pair))), "another row fits better")


def _runs_of(entry: Entry) -> list[RunRecord]:
    return [look.record for look in entry.looks]


def _joined(label: str, row: Sequence[Entry]) -> Entry:
    """Return one entry; what is older fills gaps too, after all that is newest."""
    older = [run for entry in row for run in reversed(entry.older)]
    further = (*(entry.record for entry in row[1:]), *older)
    return Entry(label, row[0].record, (), further)


def _model_keys(names: Sequence[str]) -> dict[str, str]:
    """Return what the spellings of one model's name share.

    Case is none; and a bare name means the only one that ends in it (``Qwen3-0.6B``,
    ``Qwen/Qwen3-0.6B``).
    """
    folded = {name: name.strip().casefold() for name in names}
    whole: dict[str, set[str]] = {}
    for key in folded.values():
        if "/" in key:
            whole.setdefault(key.rpartition("/")[2], set()).add(key)
    return {
        name: next(iter(whole[key])) if len(whole.get(key, ())) == 1 else key
        for name, key in folded.items()
    }


def _rows(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Put each entry into every row that it does not contradict, or make a row of it."""
    rows: list[list[Entry]] = []
    for entry in sorted(_newest_first(entries), key=lambda entry: _rank(entry.record)):
        fitting = [
            row
            for row in rows
            if all(_why_apart(other.record, entry.record) is None for other in row)
        ]
        for row in fitting:
            row.append(entry)
        if not fitting:
            rows.append([entry])
    return rows


def _newest_first(entries: Sequence[Entry]) -> list[Entry]:
    return sorted(
        entries, key=lambda entry: (entry.record.created, entry.record.run_id), reverse=True
    )


def _rank(record: RunRecord) -> tuple[bool, bool, bool]:
    origin = record.origin
    return (origin is not None, not knows_host(record), bool(origin and origin.citation))


def _why_apart(left: RunRecord, right: RunRecord) -> str | None:
    """Return why two runs of one name can't share a row, or None where they can."""
    if knows_host(left) and knows_host(right) and host_key(left) != host_key(right):
        return "made on another machine"
    marks = (left.model.fingerprint, right.model.fingerprint)
    for name in ("weights", "quantization"):
        one, other = (getattr(mark, name) for mark in marks)
        if one and other and one != other:
            return f"other {name}"
    if origin_of(left) == origin_of(right):
        # One origin that lists a model twice tells two models, or two ways to run it.
        return f"{origin_of(left) or 'slmbench'} lists it beside the other"
    return None
