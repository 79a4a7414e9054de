"""Runs, their jobs and their metrics as Arrow tables: what is missing is null, with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from slmbench.schema.base import Measured
from slmbench.schema.record import JobRecord, Metric, RunRecord
from slmbench.store.tables import clean

_TEXT, _NUMBER, _COUNT, _YES = pa.string(), pa.float64(), pa.int64(), pa.bool_()

RUN_SCHEMA = pa.schema(
    [
        ("run_id", _TEXT), ("created", _TEXT), ("finished", _TEXT), ("status", _TEXT),
        ("model", _TEXT), ("backend", _TEXT), ("target", _TEXT), ("architecture", _TEXT),
        ("parameter_count", _COUNT), ("dtype", _TEXT), ("quantization", _TEXT), ("device", _TEXT),
        ("weights_hash", _TEXT), ("hardware_hash", _TEXT), ("software_hash", _TEXT),
        ("hardware", pa.map_(_TEXT, _TEXT)), ("software", pa.map_(_TEXT, _TEXT)),
        ("labels", pa.map_(_TEXT, _TEXT)), ("seed", _COUNT), ("num_fewshot", _COUNT),
        ("limit", _NUMBER), ("jobs_done", _COUNT), ("jobs_failed", _COUNT), ("jobs_open", _COUNT),
        ("origin_tool", _TEXT), ("origin_citation", _TEXT),
    ]
)  # fmt: skip
JOB_SCHEMA = pa.schema(
    [
        ("run_id", _TEXT), ("model", _TEXT), ("job_id", _TEXT), ("suite", _TEXT), ("task", _TEXT),
        ("status", _TEXT), ("reason", _TEXT), ("elapsed_s", _NUMBER), ("sample_count", _COUNT),
        ("failed_count", _COUNT), ("unscored_count", _COUNT), ("limit_items", _COUNT),
        ("items_total", _COUNT), ("notes", pa.list_(_TEXT)),
    ]
)  # fmt: skip
METRIC_SCHEMA = pa.schema(
    [
        ("run_id", _TEXT), ("created", _TEXT), ("model", _TEXT), ("suite", _TEXT), ("task", _TEXT),
        ("metric", _TEXT), ("value", _NUMBER), ("unit", _TEXT), ("low", _NUMBER),
        ("high", _NUMBER), ("level", _NUMBER), ("interval_method", _TEXT), ("n", _COUNT),
        ("how", _TEXT), ("source", _TEXT), ("higher_is_better", _YES), ("absent", _TEXT),
    ]
)  # fmt: skip


def runs_table(records: Sequence[RunRecord]) -> pa.Table:
    """Return one row for each run, in order; what its record doesn't know is null."""
    return _table([_run(record) for record in records], RUN_SCHEMA)


def jobs_table(records: Sequence[RunRecord]) -> pa.Table:
    """Return one row for each job of the runs; ``reason`` says why one did not end well."""
    return _table([_job(record, job) for record in records for job in record.jobs], JOB_SCHEMA)


def metrics_table(records: Sequence[RunRecord]) -> pa.Table:
    """Return one row for each metric of the runs: ``value`` is null where ``absent`` says why.

    Numbers are in the ``unit`` beside them; ``low`` and ``high`` are null without an interval.
    """
    rows = [_metric(record, metric) for record in records for metric in record.metrics]
    return _table(rows, METRIC_SCHEMA)


def _table(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    texts = [clean(row) for row in rows]
    pairs = [
        {name: list(v.items()) if isinstance(v, dict) else v for name, v in row.items()}
        for row in texts
    ]
    return pa.Table.from_pylist(pairs, schema=schema)


def _run(record: RunRecord) -> dict[str, Any]:
    model, spec, host = record.model, record.spec, record.environment
    status = [job.status for job in record.jobs]
    return {
        **record.model_dump(include={"run_id", "created", "finished", "status"}),
        **model.model_dump(include={"architecture", "parameter_count", "dtype", "device"}),
        "model": model.name,
        "backend": model.spec.backend,
        "target": model.spec.target,
        "quantization": model.fingerprint.quantization or None,
        "weights_hash": model.fingerprint.weights or None,
        "hardware_hash": host.hardware_hash or None,
        "software_hash": host.software_hash or None,
        "hardware": host.hardware,
        "software": host.software,
        "labels": spec.labels,
        "seed": spec.seed,
        "num_fewshot": spec.num_fewshot,
        "limit": spec.limit,
        "jobs_done": status.count("done"),
        "jobs_failed": status.count("failed"),
        "jobs_open": status.count("pending") + status.count("running"),
        "origin_tool": record.origin.tool if record.origin else None,
        "origin_citation": record.origin.citation if record.origin else None,
    }


def _job(record: RunRecord, job: JobRecord) -> dict[str, Any]:
    own = job.model_dump(include=set(JOB_SCHEMA.names))
    return {**own, "run_id": record.run_id, "model": record.model.name, "notes": list(job.notes)}


def _metric(record: RunRecord, metric: Metric) -> dict[str, Any]:
    row: dict[str, Any] = {
        "run_id": record.run_id,
        "created": record.created,
        "model": record.model.name,
        **metric.model_dump(include={"suite", "task", "metric", "higher_is_better"}),
    }
    value = metric.value
    if not isinstance(value, Measured):
        return {**row, "absent": value.reason}
    row |= value.model_dump(include={"value", "unit", "n", "how", "source"})
    if value.interval is not None:
        row |= value.interval.model_dump(include={"low", "high", "level"})
        row["interval_method"] = value.interval.method
    return row
