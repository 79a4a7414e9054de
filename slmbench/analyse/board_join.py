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
        fitting = [row for row in rows if all(_may_join(other, entry) for other in row)]
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


def _may_join(one: Entry, other: Entry) -> bool:
    left, right = one.record, other.record
    if knows_host(left) and knows_host(right) and host_key(left) != host_key(right):
        return False
    if origin_of(left) == origin_of(right) or (left.origin is None and right.origin is None):
        # One origin that lists a model twice tells two models, or two ways to run it.
        return False
    marks = (left.model.fingerprint, right.model.fingerprint)
    pairs = [(marks[0].weights, marks[1].weights), (marks[0].quantization, marks[1].quantization)]
    return all(not a or not b or a == b for a, b in pairs)
