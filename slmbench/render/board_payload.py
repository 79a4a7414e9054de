"""A board as the compact JSON that its page works on: columns of arrays, texts stored once.

A list whose items are all equal is stored as that one item (``packed``). Numbers keep seven
significant digits: more than a cell shows, and three per cell must stay small for 1,000 models.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from slmbench.render.board_roles import budget_columns, role_of
from slmbench.render.board_text import shown
from slmbench.render.board_ties import column_places
from slmbench.render.board_words import badge_legend
from slmbench.schema.base import Absent
from slmbench.schema.board import Board, Cell, Column, DevicePreset, Mark, Row

_DIGITS = ".7g"
_RANKS = {"": 0, "best": 1, "tied": 2, "tied highest": 3}
_ROW_TEXTS = (
    "model", "status", "architecture", "dtype", "quantization", "device", "hardware",
)  # fmt: skip
#: In a script element, these could end it or, in old engines, a line of it.
_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


class _Texts:
    """Gives each different text an index; number 0 is the empty text."""

    def __init__(self) -> None:
        self._index: dict[str, int] = {"": 0}
        self.shown: list[str] = [""]

    def __call__(self, text: str | None) -> int:
        at = self._index.get(text or "")
        if at is None:
            at = self._index[text or ""] = len(self.shown)
            self.shown.append(shown(text or ""))
        return at


class _MarkSets:
    """Gives each different set of marks an index; number 0 is the empty set."""

    def __init__(self, texts: _Texts) -> None:
        self._texts = texts
        self._index: dict[tuple[Mark, ...], int] = {(): 0}
        self.sets: list[list[list[int]]] = [[]]

    def __call__(self, marks: tuple[Mark, ...]) -> int:
        if not marks:
            return 0
        key = marks
        at = self._index.get(key)
        if at is None:
            at = self._index[key] = len(self.sets)
            texts = self._texts
            self.sets.append([[texts(m.kind), texts(m.badge), texts(m.meaning)] for m in marks])
        return at


def payload_json(board: Board, devices: Sequence[DevicePreset] = ()) -> Markup:
    """Return the JSON text; no character of it can end the script element it stands in."""
    text = json.dumps(
        payload(board, devices), separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )
    return Markup(text.translate(_ESCAPES))


def payload(board: Board, devices: Sequence[DevicePreset] = ()) -> dict[str, Any]:
    """Return the board as plain data.

    ``columns[i]``: the column's names, and packed lists with one item for each row: ``value``,
    ``low``, ``high`` (None where there is none), ``n``, and indexes into ``texts`` (``how``,
    ``source``, ``method``, ``why``, ``notes``, ``origin``) or ``marks``; ``first`` and ``last`` are
    the ends of a rank that is paired by item, ``among`` so many, and 0 where there is none.
    """
    texts = _Texts()
    marks = _MarkSets(texts)
    budgets = budget_columns(board.columns, board.rows)
    columns = [
        {
            **_column(column, budgets.get(index, "")),
            **_cells(column, board.rows, [row.cells[index] for row in board.rows], texts, marks),
        }
        for index, column in enumerate(board.columns)
    ]
    return {
        "title": shown(board.title),
        "created": board.created or "",
        "count": len(board.rows),
        "rows": _rows(board.rows, texts),
        "columns": columns,
        "axis": shown(board.pictures[0].picture_id) if board.pictures else "",
        "devices": [_device(device) for device in devices],
        "marks": marks.sets,
        "words": {each.kind: each.meaning for each in badge_legend(board)},
        "texts": texts.shown,
    }


def packed(items: list[Any]) -> Any:
    """Return the one item that all are equal to, or the list."""
    return items[0] if items and all(item == items[0] for item in items) else items


def _column(column: Column, budget: str) -> dict[str, Any]:
    return {
        "id": shown(column.column_id),
        "suite": shown(column.suite, 60),
        "task": shown(column.task, 120),
        "metric": shown(column.metric, 120),
        "unit": shown(column.unit, 40),
        "scorer": shown(column.scorer or "", 120),
        "better": {True: 1, False: -1, None: 0}[column.higher_is_better],
        "derived": column.derived,
        "host": column.per_host,
        "role": role_of(column),
        "budget": budget,
        "note": shown(column.note),
    }


def _cells(
    column: Column, rows: Sequence[Row], cells: Sequence[Cell], texts: _Texts, marks: _MarkSets
) -> dict[str, Any]:
    found: list[tuple[Any, ...]] = [_cell(cell, texts, marks) for cell in cells]
    names = (
        "value", "low", "high", "level", "n", "how", "source", "method", "why", "notes", "marks",
        "failed", "origin",
    )  # fmt: skip
    lists = zip(*found, strict=True) if found else [() for _ in names]
    places = column_places(column, rows, cells)
    paired = any(place.ranks is not None for place in places)
    spans = [place.ranks or (0, 0) for place in places] if paired else [(0, 0)]
    return {
        **{name: packed(list(items)) for name, items in zip(names, lists, strict=True)},
        "rank": packed([_RANKS[place.word] for place in places]),
        "first": packed([low for low, _ in spans]),
        "last": packed([high for _, high in spans]),
        "among": packed([place.among for place in places] if paired else [0]),
    }


def _cell(cell: Cell, texts: _Texts, marks: _MarkSets) -> tuple[Any, ...]:
    value = cell.value
    notes = texts("\n".join(cell.notes)) if cell.notes else 0
    failed = int(cell.failed)
    if isinstance(value, Absent):
        why = texts(value.reason)
        return (None, None, None, 0.95, 0, 0, 0, 0, why, notes, 0, failed, 0)
    span = value.interval
    return (
        _number(value.value),
        _number(span.low) if span else None,
        _number(span.high) if span else None,
        span.level if span else 0.95,
        value.n,
        texts(value.how),
        texts(value.source),
        texts(span.method) if span else 0,
        0,
        notes,
        marks(cell.marks),
        failed,
        texts(cell.origin) if cell.origin else 0,
    )


def _number(value: float) -> float | int:
    short = float(format(value, _DIGITS))
    return int(short) if short.is_integer() and abs(short) < 1e15 else short


def _rows(rows: Sequence[Row], texts: _Texts) -> dict[str, Any]:
    hosts = {host: at for at, host in enumerate(dict.fromkeys(row.host for row in rows))}
    return {
        "label": [shown(row.label, 200) for row in rows],
        "run": [shown(row.run_id, 120) for row in rows],
        "created": [shown(row.created, 40) for row in rows],
        "parameters": packed([row.parameter_count for row in rows]),
        "host": packed([hosts[row.host] for row in rows]),
        **{name: packed([texts(getattr(row, name)) for row in rows]) for name in _ROW_TEXTS},
        "asked": packed([texts(", ".join(row.asked)) for row in rows]),
        "origins": packed([texts("; ".join(row.origins)) for row in rows]),
    }


def _device(device: DevicePreset) -> dict[str, Any]:
    return {
        "name": shown(device.name, 60),
        "about": shown(device.about),
        "memory": device.memory,
        "total": device.total_bytes,
        "system": device.system_bytes,
        "runtime": device.runtime_bytes,
        "source": shown(device.source),
    }
