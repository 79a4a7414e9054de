"""Samples and raw readings as Arrow tables, and back."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter

from slmbench.schema.record import Sample

SAMPLE_SCHEMA = pa.schema(
    [
        ("sample_id", pa.string()),
        ("content_hash", pa.string()),
        ("cluster", pa.string()),
        ("prompt", pa.string()),
        ("output", pa.string()),
        ("target", pa.string()),
        ("scores", pa.map_(pa.string(), pa.float64())),
        ("unscored", pa.map_(pa.string(), pa.string())),
        ("loglikelihoods", pa.list_(pa.float64())),
        ("input_tokens", pa.int64()),
        ("output_tokens", pa.int64()),
        ("elapsed_s", pa.float64()),
        ("amortised_s", pa.float64()),
        ("amortised_j", pa.float64()),
        ("amortised_how", pa.string()),
        ("status", pa.string()),
        ("reason", pa.string()),
    ]
)

_SAMPLES = TypeAdapter(list[Sample])


def samples_to_table(samples: Sequence[Sample]) -> pa.Table:
    """Return one row for each sample, in order; see `clean` for text that is no Unicode."""
    rows = []
    for sample in samples:
        row = clean(sample.model_dump())
        row["scores"] = list(row["scores"].items())
        row["unscored"] = list(row["unscored"].items())
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=SAMPLE_SCHEMA)


def table_to_samples(table: pa.Table) -> list[Sample]:
    """Return the samples of a table written by `samples_to_table`."""
    columns = {
        name: _dicts(column) if pa.types.is_map(column.type) else column.to_pylist()
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return _SAMPLES.validate_python(rows)


def _dicts(column: pa.ChunkedArray) -> list[dict[str, Any]]:
    """Return a column of maps as dicts, a null as an empty one.

    Keys and values are taken as two flat lists: arrow's own `to_pylist` makes an object for every
    one of them, which for 14,000 samples of 20 scores takes most of a second.
    """
    found: list[dict[str, Any]] = []
    for chunk in column.chunks:
        keys, values = chunk.keys.to_pylist(), chunk.items.to_pylist()
        ends = pairwise(chunk.offsets.to_pylist())
        found += [dict(zip(keys[a:b], values[a:b], strict=True)) for a, b in ends]
    return found


def read_parquet(data: bytes, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the table in the bytes of a Parquet file, read on this thread alone.

    Of its columns those that are named, as far as it has them; all of them without names.

    Arrow's own pools outlive the read and, when it was from a Python file, now and then abort the
    interpreter as it ends (apache/arrow#34314, #50482): a verdict would get the wrong exit code.

    Raises:
        pyarrow.ArrowException: the bytes are no Parquet file.
    """
    file = pq.ParquetFile(pa.BufferReader(data), pre_buffer=False)
    return file.read(columns=None if columns is None else list(columns), use_threads=False)


def rows_to_table(rows: Sequence[dict[str, Any]]) -> pa.Table:
    """Return raw readings as a table; a key that a row lacks is null there.

    A column whose readings are of several types, which Parquet can't hold, is kept as text.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {}
    for name in names:
        values = [clean(row.get(name)) for row in rows]
        try:
            columns[clean(name)] = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            columns[clean(name)] = pa.array([None if v is None else str(v) for v in values])
    return pa.table(columns)


def clean(value: Any) -> Any:
    """Return data with lone surrogates, which UTF-8 can't hold, replaced by ``?`` in its text."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {clean(key): clean(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [clean(each) for each in value]
    return value
