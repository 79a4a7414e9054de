"""Write a run that another tool made into a store; one that is there already stays as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import fsspec

from slmbench.errors import RecordError
from slmbench.schema.record import JobResult, RunRecord, Sample
from slmbench.store import layout
from slmbench.store.remote import open_for_writing
from slmbench.store.writer import RunWriter


def import_run(
    store: str,
    record: RunRecord,
    samples: Mapping[str, Sequence[Sample]],
    raw: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]],
) -> bool:
    """Write a run and return True, or return False where the store has it.

    The record is written last, so that a run that was cut off is no run and is written again.

    Args:
        store: a folder, or a URL that fsspec opens.
        record: the whole run.
        samples: job id -> its samples.
        raw: job id -> name -> rows.

    Raises:
        RecordError: the store can't be opened.
        SaveError: it refused a write.
    """
    if _has(store, record.run_id):
        return False
    place, publish = open_for_writing(store, resume=False)
    folder = place / record.run_id
    writer = RunWriter(folder)
    try:
        for job in record.jobs:
            tables = {
                name: tuple(map(dict, rows)) for name, rows in raw.get(job.job_id, {}).items()
            }
            own = tuple(samples.get(job.job_id, ()))
            if own or tables:
                writer.save_result(job.job_id, JobResult(metrics=(), samples=own, raw=tables))
        writer.save_record(record)
    finally:
        writer.close()
    publish(folder)
    return True


def _has(store: str, run_id: str) -> bool:
    try:
        fs, root = fsspec.core.url_to_fs(store)
        return bool(fs.exists(f"{str(root).rstrip('/')}/{run_id}/{layout.RECORD}"))
    except (OSError, ValueError, ImportError) as error:
        raise RecordError(f"The store '{store}' cannot be opened: {error}.") from error
