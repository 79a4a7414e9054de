"""Read the items of a task from JSON lines, a JSON list or a CSV file, its columns renamed."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from slmbench.errors import InputError, did_you_mean

_MOST_OF_A_CELL = 2**30

Cell = str | int | float | bool
Fields = Mapping[str, str | tuple[str, ...]]
Where = Mapping[str, Cell | tuple[Cell, ...]]


def read_rows(
    path: Path, fields: Fields, where: Where, columns: Sequence[str] = ()
) -> list[tuple[str, dict[str, Any]]]:
    """Return (its place in the file, its keys) of each item that is wanted.

    A file whose name ends in ``.json`` holds a list of objects, ``.csv`` a table with a header, and
    any other one object a line. An item without an ``id`` gets one from its place in the file, so
    that ``where`` changes no id. A blank cell of a table, like null, is a key that is not there.

    Args:
        path: the file.
        fields: an item's key -> the file's column; where there are any, other columns are left
            out. ``answer.text`` is the key ``text`` inside the column ``answer``, and ``choices.0``
            the first of a list; of several columns the key gets the list of what is there.
        where: a column of the file -> the value, or values, that an item must have there. A column
            that holds a list must hold one of them.
        columns: the names of a table's columns, where its first line is an item already.

    Raises:
        InputError: what cannot be read, by its line; no such column; nothing left by ``where``.
    """
    wanted, choices = [], _choices(where)
    for place, number, row in _raw_rows(path, columns):
        label = f"'{path}' {place}"
        if not all(_matches(row, column, asked, label) for column, asked in choices.items()):
            continue
        item = {key: _named(row, column, label) for key, column in fields.items()} or row
        item = {key: value for key, value in item.items() if value is not None}
        if fields and row.get("id") is not None:
            item.setdefault("id", row["id"])
        item.setdefault("id", f"row-{number}")
        if fields:
            item["id"] = str(item["id"])
        wanted.append((label, item))
    if not wanted:
        told = ", ".join(f"{column} = {' or '.join(asked)}" for column, asked in choices.items())
        raise InputError(f"'{path}' holds no items{' with ' if told else ''}{told}.")
    return wanted


def count_rows(path: Path, where: Where, columns: Sequence[str] = ()) -> int:
    """Return how many items `read_rows` would return; see there for errors.

    Without a filter, lines are counted and not understood: a plan must be quick.
    """
    if not where and path.suffix not in (".json", ".csv"):
        with path.open("rb") as stream:
            return sum(1 for line in stream if line.strip())
    return len(read_rows(path, {}, where, columns))


def _raw_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Yield (place in words, number from 1, row)."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"'{path}' cannot be read: {error}.") from error
    for place, number, row in _read(path, text, columns):
        if _is_broken(row):
            raise InputError(f"'{path}' {place} holds half a character (a lone surrogate).")
        if not isinstance(row, dict):
            raise InputError(f"'{path}' {place} must be an object with keys, and is not.")
        yield place, number, row


def _is_broken(row: Any) -> bool:
    try:
        json.dumps(row, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except UnicodeEncodeError:
        return True
    except (ValueError, RecursionError):
        return False  # NaN, or brackets in brackets: the types of an item say so
    return False


def _read(path: Path, text: str, columns: Sequence[str]) -> Iterator[tuple[str, int, Any]]:
    if path.suffix == ".csv":
        return _table(path, text, columns)
    if columns:
        raise InputError(f"'{path}' is no .csv file: take 'columns' out of the task.")
    return _list(path, text) if path.suffix == ".json" else _lines(path, text)


def _lines(path: Path, text: str) -> Iterator[tuple[str, int, Any]]:
    # Not splitlines: JSON allows separators such as U+2028 inside a text.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield f"line {number}", number, json.loads(line)
            except (ValueError, RecursionError) as error:
                raise InputError(f"'{path}' line {number} is not JSON: {error}.") from error


def _list(path: Path, text: str) -> Iterator[tuple[str, int, Any]]:
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"'{path}' is not JSON: {error}.") from error
    if not isinstance(rows, list):
        raise InputError(f"'{path}' must hold a list of items. Write one object a line as .jsonl.")
    for number, row in enumerate(rows, start=1):
        yield f"item {number}", number, row


def _table(path: Path, text: str, columns: Sequence[str]) -> Iterator[tuple[str, int, Any]]:
    named = list(columns) or None
    reader = csv.DictReader(io.StringIO(text, newline=""), fieldnames=named, strict=True)
    # Python's own limit of a cell is 128 KiB, and it is one for the whole process.
    usual = csv.field_size_limit(_MOST_OF_A_CELL)
    try:
        for number, row in enumerate(reader, start=1):
            if None in row or None in row.values():
                raise InputError(
                    f"'{path}' line {reader.line_num} has not as many cells as "
                    f"{'the columns of the task' if columns else 'its header'}."
                )
            yield (
                f"row {number}",
                number,
                {key: cell if cell.strip() else None for key, cell in row.items()},
            )
    except csv.Error as error:
        raise InputError(f"'{path}' line {reader.line_num} is not CSV: {error}.") from error
    finally:
        csv.field_size_limit(usual)


def _named(row: dict[str, Any], column: str | tuple[str, ...], label: str) -> Any:
    if isinstance(column, str):
        return _value(row, column, label)
    found = [_value(row, each, label) for each in column]
    return [value for value in found if value is not None] or None


def _value(row: dict[str, Any], column: str, label: str) -> Any:
    if column in row:
        return row[column]
    found: Any = row
    for part in column.split("."):
        if isinstance(found, dict) and part in found:
            found = found[part]
        elif isinstance(found, list) and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        else:
            near = did_you_mean(column, row)
            raise InputError(f"{label} has no column '{column}'.{near} It has: {', '.join(row)}.")
    return found


def _matches(row: dict[str, Any], column: str, asked: tuple[str, ...], label: str) -> bool:
    value = _value(row, column, label)
    held = value if isinstance(value, list) else [value]
    return any(str(each) in asked for each in held)


def _choices(where: Where) -> dict[str, tuple[str, ...]]:
    """Return each column's wanted values as text: a table's cells have no other type."""
    return {
        column: tuple(map(str, value)) if isinstance(value, tuple | list) else (str(value),)
        for column, value in where.items()
    }
