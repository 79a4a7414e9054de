"""Write one run so that a crash at any moment loses nothing that was journalled."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow.parquet as pq

from slmbench.errors import RecordError, SaveError
from slmbench.schema.record import JobResult, RunRecord
from slmbench.store import layout, tables
from slmbench.store.journal import repair


@contextmanager
def _saving(path: Path) -> Iterator[None]:
    """Turn what the file system refuses into the error that stops the run."""
    try:
        yield
    except OSError as error:
        raise SaveError(
            f"Cannot write {path}: {error.strerror or error}. What was recorded before is intact; "
            "free the store and go on with --resume."
        ) from error


class RunWriter:
    """The only writer of one run folder: record, samples, raw readings and journal.

    A record or table appears whole or not at all (temporary file, fsync, rename, fsync of the
    folder); a journal line is fsynced before `append` returns.

    Args:
        folder: the run's folder, made if it is not there.

    Raises:
        SaveError: the folder cannot be written.
        RecordError: another process is writing this run.
    """

    def __init__(self, folder: Path) -> None:
        """Open the folder, take its lock and cut a torn last line off the journal."""
        self.folder = folder
        with _saving(folder):
            for part in (layout.SAMPLES, layout.RAW):
                (folder / part).mkdir(parents=True, exist_ok=True)
            self._lock = (folder / layout.LOCK).open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock.close()
            raise RecordError(
                f"Another slmbench is writing {folder}. Wait for it, or use another --store."
            ) from error
        with _saving(folder / layout.JOURNAL):
            repair(folder / layout.JOURNAL)
            # Unbuffered: a line that a full disk refused must not be tried again on closing.
            self._journal = (folder / layout.JOURNAL).open("ab", buffering=0)

    def append(self, event: dict[str, Any]) -> None:
        """Add one event to the journal and wait until it is on disk."""
        line = (json.dumps(tables.clean(event), allow_nan=False) + "\n").encode()
        with _saving(self.folder / layout.JOURNAL):
            while line:
                line = line[self._journal.write(line) :]
            os.fsync(self._journal.fileno())

    def save_record(self, record: RunRecord) -> None:
        """Replace ``run.json``."""
        data = tables.clean(record.model_dump())
        text = json.dumps(data, allow_nan=False, ensure_ascii=False, indent=1) + "\n"
        self._replace(layout.RECORD, lambda file: file.write(text.encode()))

    def save_result(self, job_id: str, result: JobResult) -> None:
        """Write the samples and raw readings of a finished job."""
        if result.samples:
            name = f"{layout.SAMPLES}/{layout.file_name(job_id)}"
            table = tables.samples_to_table(result.samples)
            self._replace(name, lambda file: pq.write_table(table, file, compression="zstd"))
        for meter, rows in result.raw.items():
            self._save_raw(f"{layout.RAW}/{layout.file_name(f'{meter}/{job_id}')}", rows)

    def close(self) -> None:
        """Give the lock back; what was written stays."""
        self._journal.close()
        self._lock.close()

    def _save_raw(self, name: str, rows: Sequence[dict[str, Any]]) -> None:
        table = tables.rows_to_table(rows)
        self._replace(name, lambda file: pq.write_table(table, file, compression="zstd"))

    def _replace(self, name: str, write: Callable[[IO[bytes]], object]) -> None:
        target = self.folder / name
        temporary = target.with_name(f".{target.name}.tmp")
        with _saving(target):
            try:
                with temporary.open("wb") as file:
                    write(file)
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(target)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
            descriptor = os.open(target.parent, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
