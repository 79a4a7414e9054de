"""The scores of a job's samples as columns, for who needs no text: a verdict over many metrics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

#: The columns of a sample table that `score_columns` takes.
SCORED = ("sample_id", "content_hash", "cluster", "scores")


@dataclass(frozen=True)
class ScoreColumns:
    """Samples in the order of their table, each id once.

    Attributes:
        ids: of each sample.
        hashes: of what was asked of each.
        clusters: of each, or None.
        scores: score -> (samples,), not a number where a sample has no such score.
    """

    ids: tuple[str, ...]
    hashes: tuple[str, ...]
    clusters: tuple[str | None, ...]
    scores: dict[str, np.ndarray]


def score_columns(table: pa.Table) -> ScoreColumns | None:
    """Return the columns of a table of samples, without an object for each of them.

    None where a row needs a closer look, which the samples themselves are for: a null, a score
    that is not finite, an id that stands twice, a column of another type.
    """
    if any(name not in table.column_names for name in SCORED):
        return None
    ids, hashes, clusters = (table.column(name) for name in SCORED[:3])
    texts = all(column.type == pa.string() for column in (ids, hashes, clusters))
    if not texts or ids.null_count or hashes.null_count:
        return None
    names = tuple(ids.to_pylist())
    scores = _scores(table.column("scores"))
    if scores is None or len(set(names)) != len(names):
        return None
    return ScoreColumns(names, tuple(hashes.to_pylist()), tuple(clusters.to_pylist()), scores)


def _scores(column: pa.ChunkedArray) -> dict[str, np.ndarray] | None:
    if column.type != pa.map_(pa.string(), pa.float64()) or column.null_count:
        return None
    found: dict[str, np.ndarray] = {}
    start = 0
    for chunk in column.chunks:
        ends = _numbers(chunk.offsets, np.int32)
        within = slice(int(ends[0]), int(ends[-1]))
        keys, values = chunk.keys[within], chunk.items[within]
        if keys.null_count or values.null_count:
            return None
        coded, numbers = keys.dictionary_encode(), _numbers(values, np.float64)
        if not np.isfinite(numbers).all():
            return None
        rows = start + np.repeat(np.arange(len(chunk)), np.diff(ends))
        codes = _numbers(coded.indices, np.int32)
        for code, name in enumerate(coded.dictionary.to_pylist()):
            of_name = codes == code
            scores = found.setdefault(name, np.full(len(column), np.nan))
            scores[rows[of_name]] = numbers[of_name]
        start += len(chunk)
    return found


def _numbers(array: pa.Array, kind: type[np.generic]) -> np.ndarray:
    """Return an array without nulls as it lies in memory; `to_numpy` would import pandas."""
    if not len(array):
        return np.empty(0, kind)
    found: np.ndarray = np.frombuffer(array.buffers()[1], kind)
    return found[array.offset : array.offset + len(array)]
