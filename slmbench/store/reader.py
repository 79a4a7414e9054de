"""Read runs from a store at any URL that fsspec opens."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa

from slmbench.errors import RecordError, did_you_mean
from slmbench.schema.migrate import read_record
from slmbench.schema.record import RunRecord, Sample
from slmbench.store import layout, tables
from slmbench.store.collection import no_collection
from slmbench.store.columns import SCORED, ScoreColumns, score_columns

#: What a table whose bytes were changed makes of its columns.
_DAMAGED = (pa.ArrowException, ValueError, TypeError, IndexError, OverflowError)


@dataclass(frozen=True)
class StoredRun:
    """A run in a store: its record at once, its samples and raw readings when asked for."""

    record: RunRecord
    location: str

    def samples(self, job_id: str) -> list[Sample]:
        """Return the samples of a job, or an empty list for a job that has none.

        Raises:
            RecordError: the file is damaged, or holds not as many as a finished job's record says.
        """
        return self._samples(job_id, None)

    def scores(self, job_id: str) -> list[Sample]:
        """Return `samples` without their texts, which are most of what there is to read."""
        return self._samples(job_id, SCORED)

    def columns(self, job_id: str) -> ScoreColumns | None:
        """Return `scores` as columns, or None where only `samples` can tell what is there.

        Raises:
            RecordError: as `samples`.
        """
        name = f"{layout.SAMPLES}/{layout.file_name(job_id)}"
        table = self._table(name, SCORED)
        found = None
        # What is damaged within a column (letters that are no UTF-8) is told by a closer look.
        with suppress(*_DAMAGED):
            found = None if table is None else score_columns(table)
        if found is not None:
            self._check_count(job_id, name, len(found.ids))
        return found

    def _samples(self, job_id: str, columns: Sequence[str] | None) -> list[Sample]:
        name = f"{layout.SAMPLES}/{layout.file_name(job_id)}"
        table = self._table(name, columns)
        try:
            found = [] if table is None else tables.table_to_samples(table)
        except _DAMAGED as error:
            first = str(error).splitlines()[0]
            raise RecordError(f"{self.location}/{name} holds no samples: {first}.") from error
        self._check_count(job_id, name, len(found))
        return found

    def _check_count(self, job_id: str, name: str, found: int) -> None:
        jobs = [each for each in self.record.jobs if each.job_id == job_id]
        if any(job.status == "done" and job.sample_count != found for job in jobs):
            raise RecordError(
                f"{self.location}/{name} has {found} samples, and the record counts "
                f"{jobs[0].sample_count}: the run is not whole. Copy it again, or run it again."
            )

    def raw(self, meter: str, job_id: str) -> list[dict[str, Any]]:
        """Return the raw readings a meter took in a job, one dict a reading."""
        table = self._table(f"{layout.RAW}/{layout.file_name(f'{meter}/{job_id}')}")
        try:
            rows: list[dict[str, Any]] = [] if table is None else table.to_pylist()
        except _DAMAGED as error:
            raise RecordError(f"{self.location}: the readings of {job_id} are damaged.") from error
        return rows

    def _table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table | None:
        fs, root = _open(self.location)
        path = f"{root}/{name}"
        if not fs.exists(path):
            return None
        try:
            with fs.open(path, "rb") as file:
                return tables.read_parquet(file.read(), columns)
        except (*_DAMAGED, OSError) as error:
            raise RecordError(f"{self.location}/{name} cannot be read: {error}.") from error


def open_run(location: str) -> StoredRun:
    """Return the run in a folder.

    Raises:
        RecordError: no run is there, or its record is damaged.
    """
    fs, root = _open(location)
    try:
        with fs.open(f"{root}/{layout.RECORD}", "rb") as file:
            data = file.read()
        record = read_record(data, f"{location}/{layout.RECORD}")
    except FileNotFoundError as error:
        raise RecordError(f"No run at '{location}': it has no {layout.RECORD}.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise RecordError(f"'{location}/{layout.RECORD}' cannot be read: {error}.") from error
    return StoredRun(record, location)


def list_runs(store: str) -> list[StoredRun]:
    """Return every run of a store, oldest first.

    Raises:
        RecordError: there is no such store, or it holds no run.
    """
    fs, root = _open(store)
    if not fs.exists(root):
        raise RecordError(f"No store at '{store}'. Make one with: slmbench run ... --store {store}")
    runs = scan_runs(store)
    if not runs:
        raise RecordError(f"The store '{store}' holds no run. Fill it with: slmbench run ...")
    return runs


def scan_runs(store: str) -> list[StoredRun]:
    """Return every run of a store, oldest first; none where there is no store yet.

    Raises:
        RecordError: a run in it is damaged.
    """
    fs, root = _open(store)
    if not fs.exists(root):
        return []
    if fs.exists(f"{root}/{layout.RECORD}"):
        return [open_run(store)]
    names = sorted(
        str(entry["name"]).rstrip("/").rsplit("/", 1)[-1]
        for entry in fs.ls(root, detail=True)
        if entry["type"] == "directory"
    )
    base = store.rstrip("/")
    with no_collection():
        runs = [
            open_run(f"{base}/{name}")
            for name in names
            if fs.exists(f"{root}/{name}/{layout.RECORD}")
        ]
    return sorted(runs, key=lambda run: run.record.run_id)


def find_run(reference: str, store: str) -> StoredRun:
    """Return the run that a person means: a folder, an id (or its start), or a model's name.

    A model's name means its newest run in ``store``.

    Raises:
        RecordError: nothing fits, or an id's start fits several.
    """
    if _is_run(reference):
        return open_run(reference)
    if "://" in reference:
        return _only(list_runs(reference), reference)
    for folder in (Path(reference), Path(store, reference)):
        if (folder / layout.PAIR).is_file():
            raise RecordError(
                f"'{reference}' is a pair of models measured in turns, not a run: see it with "
                f"'slmbench ab {folder}'."
            )
    # A folder that happens to have a model's name is taken for a store only where it holds runs.
    inside = scan_runs(reference) if Path(reference).is_dir() else []
    if inside:
        return _only(inside, reference)
    runs = list_runs(store)
    by_id = [run for run in runs if run.record.run_id == reference]
    by_start = [run for run in runs if run.record.run_id.startswith(reference)]
    by_name = [run for run in runs if run.record.model.name == reference]
    if by_id or len(by_start) == 1:
        return (by_id or by_start)[0]
    if by_name:
        return by_name[-1]
    if by_start:
        raise RecordError(
            f"'{reference}' fits {len(by_start)} runs in '{store}': write more of it."
        )
    known = {run.record.model.name for run in runs} | {run.record.run_id for run in runs}
    raise RecordError(
        f"No run '{reference}' in the store '{store}'.{did_you_mean(reference, known)} "
        "Name a run folder, a run id or a model's name."
    )


def _only(runs: Sequence[StoredRun], reference: str) -> StoredRun:
    if len(runs) > 1:
        names = ", ".join(run.record.run_id for run in runs[:5])
        raise RecordError(f"'{reference}' is a store of {len(runs)} runs: name one of {names}.")
    return runs[0]


def _is_run(reference: str) -> bool:
    if "://" not in reference:
        return (Path(reference) / layout.RECORD).is_file()
    fs, root = _open(reference)
    return bool(fs.exists(f"{root}/{layout.RECORD}"))


def _open(location: str) -> tuple[Any, str]:
    """Return (file system, path in it) of a path or URL."""
    try:
        fs, root = fsspec.core.url_to_fs(location)
    except (ValueError, ImportError) as error:
        raise RecordError(f"'{location}' cannot be opened: {error}.") from error
    return fs, str(root).rstrip("/")
