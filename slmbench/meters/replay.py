"""Play back a recorded trace of windows, so that the energy path runs without its hardware."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

from slmbench.errors import InputError, SlmbenchError
from slmbench.schema.base import Absent, Measured

_COLUMNS = ("window", "reading", "unit", "value", "how")


class Replay:
    """Each open/close pair returns the next window of a trace, with the trace's own provenance.

    A trace is CSV with the columns window, reading, unit, value, how; lines that begin with ``#``
    are comments. Windows play in the order they first appear. An empty value was not measured and
    plays as Absent; so does every reading once the trace has ended.
    """

    def __init__(self, *, trace: str | Path | Iterable[Mapping[str, object]]) -> None:
        """Load a CSV file, or take rows with the same keys."""
        if isinstance(trace, str | Path):
            self._name = Path(trace).name
            rows: list[Mapping[str, object]] = _read(Path(trace))
        else:
            self._name = "rows"
            rows = list(trace)
        self._windows: dict[str, dict[str, Measured | Absent]] = {}
        hows: set[str] = set()
        for number, row in enumerate(rows, start=1):
            self._add(number, row, hows)
        if not self._windows:
            raise InputError(f"The trace '{self._name}' has no window. Record one first.")
        self.how = "+".join(sorted(hows))
        self._order = list(self._windows)
        self._played = 0
        self._open = False

    def open(self) -> None:
        """Start the window; nothing is measured."""
        self._open = True

    def close(self) -> dict[str, Measured | Absent]:
        """Return the readings of the next recorded window."""
        if not self._open:
            raise SlmbenchError("Replay.close() was called without open().")
        self._open = False
        if self._played >= len(self._order):
            reason = f"the trace '{self._name}' ended after {len(self._order)} window(s)"
            names = {name for readings in self._windows.values() for name in readings}
            return {name: Absent(reason=reason) for name in sorted(names)}
        self._played += 1
        return dict(self._windows[self._order[self._played - 1]])

    def _add(self, number: int, row: Mapping[str, object], hows: set[str]) -> None:
        where = f"trace '{self._name}', row {number}"
        missing = [column for column in _COLUMNS if row.get(column) is None]
        if missing:
            raise InputError(f"{where}: no {', '.join(missing)}. Columns: {', '.join(_COLUMNS)}.")
        window, reading, unit, text, how = (str(row[column]).strip() for column in _COLUMNS)
        if not (window and reading and unit and how):
            raise InputError(f"{where}: window, reading, unit and how must not be empty.")
        readings = self._windows.setdefault(window, {})
        if reading in readings:
            raise InputError(f"{where}: window '{window}' has '{reading}' twice.")
        hows.add(how)
        if not text:
            readings[reading] = Absent(reason=f"the trace '{self._name}' has no value for it")
            return
        try:
            value = float(text)
        except ValueError as error:
            raise InputError(f"{where}: value '{text}' isn't a number.") from error
        if not math.isfinite(value):
            raise InputError(f"{where}: value '{text}' isn't finite. Leave it empty if unknown.")
        readings[reading] = Measured(
            value=value, unit=unit, n=1, interval=None, how=how, source=f"replay of {self._name}"
        )


def _read(path: Path) -> list[Mapping[str, object]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The trace '{path}' can't be read. Check the path.") from error
    kept = [line for line in lines if line.strip() and not line.startswith("#")]
    return [dict(row) for row in csv.DictReader(kept)]
