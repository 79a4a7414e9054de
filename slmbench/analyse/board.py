"""Turn the records of many runs into one leaderboard."""

from __future__ import annotations

from collections.abc import Sequence

from slmbench.analyse.board_columns import find_columns, read_cell
from slmbench.analyse.board_entries import Entry, choose_entries, hardware_label
from slmbench.analyse.board_marks import host_bound, mark_column, rank_cells
from slmbench.analyse.board_mean import MeanColumn, accuracy_mean
from slmbench.analyse.board_tradeoff import tradeoffs
from slmbench.schema.base import Absent, Measured
from slmbench.schema.board import Board, Cell, Column, FailedJob, Row, Setting
from slmbench.schema.record import JobRecord, RunRecord


def board(records: Sequence[RunRecord], title: str = "Model leaderboard") -> Board:
    """Return the leaderboard of the newest runs; the order of the records does not matter."""
    entries = choose_entries(records)
    columns = find_columns(entries)
    rows = [list(row) for row in zip(*(_cells(c, entries) for c in columns), strict=True)]
    rows = rows or [[] for _ in entries]
    notes = _notes(entries, columns)

    mean = accuracy_mean(columns, rows)
    if isinstance(mean, MeanColumn):
        at = next(i for i, column in enumerate(columns) if column.suite == "accuracy")
        columns.insert(at, mean.column)
        hosts = [entry.record.environment.hardware_hash for entry in entries]
        for row, cell in zip(rows, rank_cells(mean.column, mean.cells, hosts), strict=True):
            row.insert(at, cell)
    elif entries:
        notes.append(mean)

    order = _best_first(entries, rows, columns)
    ordered = [entries[index] for index in order]
    final = tuple(_row(number, entries[index], rows[index]) for number, index in enumerate(order))
    hosts = [entry.record.environment.hardware_hash for entry in ordered]
    shown = mean.column if isinstance(mean, MeanColumn) else None
    return Board(
        title=title,
        created=max((entry.record.created for entry in entries), default=None),
        columns=tuple(columns),
        rows=final,
        pictures=tradeoffs(columns, final, shown, hosts) if shown is not None else (),
        failed_jobs=_failed_jobs(ordered),
        settings=_settings(ordered),
        notes=tuple(notes),
    )


def _cells(column: Column, entries: Sequence[Entry]) -> list[Cell]:
    """Return the column's cell of every entry, marked and ranked."""
    readings = [read_cell(entry, column) for entry in entries]
    cells = [
        Cell(
            value=reading.value, marks=marks, failed=reading.failed, notes=_cell_notes(reading.job)
        )
        for reading, marks in zip(readings, mark_column(column, readings), strict=True)
    ]
    return rank_cells(column, cells, [entry.record.environment.hardware_hash for entry in entries])


def _cell_notes(job: JobRecord | None) -> tuple[str, ...]:
    if job is None:
        return ()
    limit = () if job.limit_items is None else (f"limited to {job.limit_items} items",)
    return (*limit, *job.notes)


def _best_first(
    entries: Sequence[Entry], rows: Sequence[Sequence[Cell]], columns: Sequence[Column]
) -> list[int]:
    """Order the rows by mean accuracy, those without one last, equals by label."""
    at = next((index for index, column in enumerate(columns) if column.derived), None)

    def key(index: int) -> tuple[bool, float, str]:
        value = rows[index][at].value if at is not None else Absent(reason="no mean")
        if isinstance(value, Measured):
            return (False, -value.value, entries[index].label)
        return (True, 0.0, entries[index].label)

    return sorted(range(len(entries)), key=key)


def _row(number: int, entry: Entry, cells: Sequence[Cell]) -> Row:
    record = entry.record
    spec = record.spec
    asked = [f"{spec.num_fewshot}-shot"] if spec.num_fewshot is not None else []
    asked += ["chat template"] if spec.apply_chat_template else []
    quantization = record.model.fingerprint.quantization
    return Row(
        row_id=f"r{number}",
        label=entry.label,
        model=record.model.name,
        run_id=record.run_id,
        created=record.created,
        status=record.status,
        architecture=record.model.architecture,
        parameter_count=record.model.parameter_count,
        dtype=record.model.dtype,
        quantization=quantization if quantization not in ("", "none") else None,
        device=record.model.device,
        hardware=hardware_label(record),
        asked=tuple(asked),
        cells=tuple(cells),
    )


def _failed_jobs(entries: Sequence[Entry]) -> tuple[FailedJob, ...]:
    return tuple(
        FailedJob(
            row_label=entry.label,
            run_id=entry.record.run_id,
            suite=job.suite,
            task=job.task,
            status="failed" if job.status == "failed" else "not finished",
            reason=job.reason or _default_reason(job),
        )
        for entry in entries
        for job in entry.record.jobs
        if job.status != "done"
    )


def _default_reason(job: JobRecord) -> str:
    if job.status == "failed":
        return "no reason was recorded"
    return "the run stopped before this job was done"


def _settings(entries: Sequence[Entry]) -> tuple[Setting, ...]:
    """Return each different environment once, with the rows measured in it."""
    groups: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        environment = entry.record.environment
        key = (environment.hardware_hash, environment.software_hash)
        groups.setdefault(key, []).append(entry)
    return tuple(
        Setting(
            hardware=group[0].record.environment.hardware,
            software=group[0].record.environment.software,
            row_labels=tuple(entry.label for entry in group),
        )
        for group in groups.values()
    )


def _notes(entries: Sequence[Entry], columns: Sequence[Column]) -> list[str]:
    notes = []
    hosts = {entry.record.environment.hardware_hash for entry in entries}
    if len(hosts) > 1 and any(host_bound(column) for column in columns):
        notes.append(
            f"The runs were made on {len(hosts)} different machines. Latency, energy and peak "
            "memory belong to a model on a machine: they are ranked within each machine only."
        )
    replaced = sum(len(entry.older) for entry in entries)
    if replaced:
        runs = "1 older run" if replaced == 1 else f"{replaced} older runs"
        notes.append(f"Only the newest run of each model is shown; {runs} left out.")
    unfinished = [entry.label for entry in entries if entry.record.status == "running"]
    if unfinished:
        notes.append(f"Not finished when the board was made: {', '.join(unfinished)}.")
    return notes
