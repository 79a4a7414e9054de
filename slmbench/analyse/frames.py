"""The samples of a job over many runs as one Arrow table, a column for each score."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pyarrow as pa

from slmbench.errors import InputError, did_you_mean
from slmbench.store.reader import StoredRun
from slmbench.store.tables import SAMPLE_SCHEMA, clean, samples_to_table

#: What stands before the names of scores, so that none of them can be another column's.
SCORE, UNSCORED = "score_", "unscored_"
_PLAIN = [name for name in SAMPLE_SCHEMA.names if name not in ("scores", "unscored")]


def samples_table(runs: Sequence[StoredRun], job_id: str) -> pa.Table:
    """Return one row for each sample of a job in all runs that have it, oldest run first.

    A score is in the column ``score_NAME``, in the unit of its metric, and null where it could not
    be given; ``unscored_NAME`` then says why. A sample that failed has its ``reason``.

    Raises:
        InputError: none of the runs has such a job.
        RecordError: a file is damaged.
    """
    known = {job.job_id for run in runs for job in run.record.jobs}
    if job_id not in known:
        near = did_you_mean(job_id, known) or f" Known: {', '.join(sorted(known)[:8])}."
        raise InputError(f"No job '{job_id}' in these runs.{near}")
    return pa.concat_tables(
        [_table(run, job_id) for run in runs if any(j.job_id == job_id for j in run.record.jobs)],
        promote_options="default",
    )


def _table(run: StoredRun, job_id: str) -> pa.Table:
    samples = samples_to_table(run.samples(job_id))
    rows = samples.num_rows
    columns: dict[str, Any] = {
        "run_id": pa.array([clean(run.record.run_id)] * rows, pa.string()),
        "model": pa.array([clean(run.record.model.name)] * rows, pa.string()),
        **{name: samples[name] for name in _PLAIN},
        **_spread(samples["scores"], SCORE, pa.float64()),
        **_spread(samples["unscored"], UNSCORED, pa.string()),
    }
    return pa.table(columns)


def _spread(column: pa.ChunkedArray, prefix: str, kind: pa.DataType) -> dict[str, pa.Array]:
    """Return a column of maps as one column for each key, null where a row lacks it."""
    found: dict[str, list[Any]] = {}
    row = 0
    for chunk in column.chunks:
        keys, values = chunk.keys.to_pylist(), chunk.items.to_pylist()
        for begin, end in pairwise(chunk.offsets.to_pylist()):
            for at in range(begin, end):
                found.setdefault(keys[at], [None] * len(column))[row] = values[at]
            row += 1
    return {f"{prefix}{key}": pa.array(values, kind) for key, values in found.items()}
