"""A run's metrics as a Parquet file: one row each, those that are absent with their reason."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq

from slmbench.errors import InputError
from slmbench.schema.record import RunRecord
from slmbench.store.record_tables import metrics_table


def render_parquet(record: RunRecord) -> bytes:
    """Return the file; ``value`` is null exactly where ``absent`` says why.

    Its columns are those of `store.record_tables.METRIC_SCHEMA`. The key ``slmbench`` of the file's
    own metadata holds the run's id, how it ended and where it came from, as JSON.

    Raises:
        InputError: the run has no metric at all.
    """
    if not record.metrics:
        raise InputError(
            f"The run '{record.run_id}' has no metric to export. "
            f"See why: slmbench show {record.run_id}"
        )
    kept = record.model_dump(
        mode="json", include={"schema_version", "run_id", "status", "plan_hash", "origin"}
    )
    table = metrics_table([record])
    told = {b"slmbench": json.dumps(kept, allow_nan=False).encode()}
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(told), sink)
    written: bytes = sink.getvalue().to_pybytes()
    return written
