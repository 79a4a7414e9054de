"""Write and read a pair: ``<store>/<pair_id>/pair.json`` with every turn beside it.

A pair's folder lies among the runs of a store and holds no ``run.json``, so whoever lists runs
passes it by: times that were taken in turns, with caches that another model has just used, must
not stand on a board beside those of a model that ran alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from slmbench.errors import RecordError
from slmbench.schema.pair import PAIR_VERSION, PairRecord, Turn
from slmbench.store import layout, tables
from slmbench.store.journal import read_events
from slmbench.store.writer import RunWriter

_TURNS = f"{layout.RAW}/turns.parquet"


class PairWriter(RunWriter):
    """The only writer of one pair's folder; see `RunWriter` for what a crash can't do to it."""

    def save_pair(self, record: PairRecord) -> None:
        """Replace ``pair.json``."""
        data = tables.clean(record.model_dump(mode="json"))
        text = json.dumps(data, allow_nan=False, ensure_ascii=False, indent=1) + "\n"
        self._replace(layout.PAIR, lambda file: file.write(text.encode()))

    def add_turn(self, turn: Turn) -> None:
        """Journal one turn; it survives any crash after this returns."""
        self.append({"event": "turn", "turn": turn.model_dump(mode="json")})

    def save_turns(self, turns: Sequence[Turn]) -> None:
        """Write the table of all turns, from which they are read once the pair has ended."""
        rows = []
        for turn in turns:
            row = turn.model_dump()
            # Parquet has no empty struct, and two models' metrics need not be the same.
            for name in ("scores", "unscored"):
                row[name] = json.dumps(row[name], allow_nan=False)
            rows.append(row)
        if rows:
            table = tables.rows_to_table(rows)
            self._replace(_TURNS, lambda file: pq.write_table(table, file, compression="zstd"))


@dataclass(frozen=True)
class StoredPair:
    """A pair in a store: its record and every turn that was taken."""

    record: PairRecord
    turns: tuple[Turn, ...]
    location: str


def open_pair(location: str) -> StoredPair:
    """Return the pair in a folder, one that was cut off included: its turns are in the journal.

    Raises:
        RecordError: no pair is there, or it is damaged, or of a newer slmbench.
    """
    fs, root = _open(location)
    try:
        raw = json.loads(fs.cat_file(f"{root}/{layout.PAIR}"))
    except FileNotFoundError as error:
        raise RecordError(f"No pair at '{location}': it has no {layout.PAIR}.") from error
    except (OSError, ValueError) as error:
        raise RecordError(f"'{location}/{layout.PAIR}' cannot be read: {error}.") from error
    version = raw.get("pair_version") if isinstance(raw, dict) else None
    if version != PAIR_VERSION:
        raise RecordError(
            f"'{location}/{layout.PAIR}' has pair version {version}, this slmbench reads "
            f"{PAIR_VERSION}."
        )
    try:
        record = PairRecord.model_validate(raw)
        turns = tuple(Turn.model_validate(row) for row in _turns(fs, root, location))
    except (ValidationError, pa.ArrowException, ValueError, OSError) as error:
        first = str(error).splitlines()[0]
        raise RecordError(f"The pair at '{location}' is damaged: {first}.") from error
    return StoredPair(record, turns, location)


def find_pair(reference: str, store: str) -> StoredPair:
    """Return the pair that a person means: a folder, or a pair's id (or its start) in a store.

    Raises:
        RecordError: nothing fits, or an id's start fits several.
    """
    fs, root = _open(reference)
    if fs.exists(f"{root}/{layout.PAIR}"):
        return open_pair(reference)
    fs, root = _open(store)
    entries = fs.ls(root, detail=False) if fs.exists(root) else []
    names = sorted({str(entry).rstrip("/").rsplit("/", 1)[-1] for entry in entries})
    pairs = [
        name
        for name in names
        if name.startswith(reference) and fs.exists(f"{root}/{name}/{layout.PAIR}")
    ]
    if len(pairs) != 1:
        found = f"fits {len(pairs)} pairs" if pairs else "is no pair"
        raise RecordError(
            f"'{reference}' {found} in the store '{store}'. Name a pair's folder or id, or two "
            "models to measure: slmbench ab MODEL_A MODEL_B."
        )
    return open_pair(f"{store.rstrip('/')}/{pairs[0]}")


def _turns(fs: Any, root: str, location: str) -> list[dict[str, Any]]:
    """Return the turns from their table, or from the journal of a pair that was cut off."""
    if fs.exists(f"{root}/{_TURNS}"):
        rows: list[dict[str, Any]] = tables.read_parquet(
            fs.cat_file(f"{root}/{_TURNS}")
        ).to_pylist()
        for row in rows:
            row["scores"], row["unscored"] = json.loads(row["scores"]), json.loads(row["unscored"])
        return rows
    events = read_events(Path(location) / layout.JOURNAL)
    return [event["turn"] for event in events if event.get("event") == "turn"]


def _open(location: str) -> tuple[Any, str]:
    try:
        fs, root = fsspec.core.url_to_fs(location)
    except (ValueError, ImportError) as error:
        raise RecordError(f"'{location}' cannot be opened: {error}.") from error
    return fs, str(root).rstrip("/")
