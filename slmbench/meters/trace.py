"""Play back raw readings of a host's sensors, through the arithmetic that live readings go through.

A recording is made where the sensors are and read anywhere: the joules that a live window would
have given come out of it.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median

from slmbench.errors import InputError, SlmbenchError
from slmbench.meters.joules import (
    GAP_PERIODS,
    Counter,
    Reading,
    counted_j,
    integrated_j,
    shown,
    tick_s,
)
from slmbench.meters.panel import Panel, Sensor
from slmbench.schema.base import Absent, Measured

_COLUMNS = ("at_s", "sensor", "quantity", "raw", "wraps_at")
#: What a sensor's readings are: (provenance, joules or watts of one unit, is it power).
_QUANTITIES = {
    "nvml_energy_mj": ("counter", 1e-3, False),
    "nvml_power_mw": ("polled", 1e-3, True),
    "rapl_energy_uj": ("rapl", 1e-6, False),
}
_MARKS = ("window_open", "window_close")
#: More than a socket or an accelerator of today draws, as zeus takes it.
_MOST_W = 1000.0


class RawTrace:
    """Each open/close pair returns the joules of the next window of a recording.

    The recording is CSV with the columns at_s, sensor, quantity, raw, wraps_at; lines that begin
    with ``#`` are comments. ``at_s`` is seconds on any one clock. A sensor is named after its part:
    ``gpu0``, ``cpu1``, ``dram0``. A quantity is ``nvml_energy_mj`` and ``rapl_energy_uj``
    (counters), ``nvml_power_mw`` (power samples), or the mark ``window_open`` or ``window_close``,
    whose sensor is the window's name. ``wraps_at`` is RAPL's max_energy_range_uj. A row whose
    ``raw`` is empty is a reading that failed.

    Attributes:
        elapsed_s: the recorded seconds of the window that was played last.
    """

    def __init__(self, *, trace: str | Path | Iterable[Mapping[str, object]]) -> None:
        """Load a CSV file, or take rows with the same keys.

        Raises:
            InputError: the recording can't be read, or lacks windows or sensors.
        """
        if isinstance(trace, str | Path):
            self._name, rows = Path(trace).name, _read(Path(trace))
        else:
            self._name, rows = "rows", list(trace)
        self._log: dict[str, list[Reading]] = {}
        self._kind: dict[str, str] = {}
        self._range: dict[str, float | None] = {}
        self._windows: dict[str, list[float]] = {}
        for number, row in enumerate(rows, start=1):
            self._add(f"trace '{self._name}', row {number}", row)
        if not self._log or not self._windows:
            raise InputError(
                f"The trace '{self._name}' needs readings of a sensor and a window around them."
            )
        ragged = [name for name, ends in self._windows.items() if len(ends) != 2]
        if ragged:
            raise InputError(
                f"The trace '{self._name}': window '{ragged[0]}' needs one window_open and one "
                "window_close."
            )
        self._panel = Panel(
            tuple(self._sensor(name) for name in self._log), f"replay of {self._name}"
        )
        self.how, self.tick_s = self._panel.how, self._panel.tick_s
        self.elapsed_s = 0.0
        self._order = list(self._windows.values())
        self._played = 0
        self._open = False

    def notes(self) -> tuple[str, ...]:
        """Return what a reader has to know: nothing was measured here."""
        return (f"replayed from the trace '{self._name}', not measured in this run",)

    def open(self) -> None:
        """Start the window; nothing is measured."""
        self._open = True

    def close(self) -> dict[str, Measured | Absent]:
        """Return the readings of the next recorded window."""
        if not self._open:
            raise SlmbenchError("RawTrace.close() was called without open().")
        self._open = False
        if self._played >= len(self._order):
            return self._panel.absent(
                f"the trace '{self._name}' ended after {len(self._order)} window(s)"
            )
        start_s, end_s = self._order[self._played]
        self._played += 1
        self.elapsed_s = end_s - start_s
        joules: dict[str, float | Absent] = {}
        told = ""
        for name in self._log:
            if _QUANTITIES[self._kind[name]][2]:
                joules[name], more = self._integrated(name, start_s, end_s)
                told += more
            else:
                joules[name] = self._counted(name, start_s, end_s)
        return self._panel.readings(joules, self.elapsed_s, told)

    def _counted(self, name: str, start_s: float, end_s: float) -> float | Absent:
        log = self._log[name]
        first, last = shown(log, start_s), shown(log, end_s)
        if first is None or last is None:
            return Absent(reason="its readings begin after the window does")
        gap_s = _gap_s(log)
        for edge_s, (at_s, _) in ((start_s, first), (end_s, last)):
            if edge_s - at_s > gap_s:
                return Absent(
                    reason=f"its last reading before the window's edge is {edge_s - at_s:.3g} s old"
                )
        counter = Counter(_QUANTITIES[self._kind[name]][1], self._range[name], _MOST_W)
        inside = [reading for reading in log if start_s < reading[0] <= end_s]
        # The last reading before the window is what the counter showed as it opened.
        return counted_j(counter, [first, *inside] if inside else [first, last])

    def _integrated(self, name: str, start_s: float, end_s: float) -> tuple[float | Absent, str]:
        log = self._log[name]
        unit = _QUANTITIES[self._kind[name]][1]
        found = integrated_j(unit, log, (start_s, end_s), _gap_s(log))
        return (
            found.joules,
            f"; {name}: {found.samples} power samples cover {found.coverage:.1%}",
        )

    def _sensor(self, name: str) -> Sensor:
        how = _QUANTITIES[self._kind[name]][0]
        return Sensor(name, f"{name.rstrip('0123456789')}_energy_j", how, tick_s(self._log[name]))

    def _add(self, where: str, row: Mapping[str, object]) -> None:
        missing = [column for column in _COLUMNS if row.get(column) is None]
        if missing:
            raise InputError(f"{where}: no {', '.join(missing)}. Columns: {', '.join(_COLUMNS)}.")
        at, sensor, quantity, raw, wraps_at = (str(row[column]).strip() for column in _COLUMNS)
        at_s = _number(where, "at_s", at)
        if quantity in _MARKS:
            self._mark(where, sensor, quantity, at_s)
            return
        if quantity not in _QUANTITIES:
            known = ", ".join((*_QUANTITIES, *_MARKS))
            raise InputError(f"{where}: unknown quantity '{quantity}'. Known: {known}.")
        if sensor.rstrip("0123456789") not in ("gpu", "cpu", "dram", "soc"):
            raise InputError(f"{where}: sensor '{sensor}' is not a gpu, cpu, dram or soc.")
        if self._kind.setdefault(sensor, quantity) != quantity:
            raise InputError(f"{where}: sensor '{sensor}' has two quantities.")
        log = self._log.setdefault(sensor, [])
        if log and at_s < log[-1][0]:
            raise InputError(f"{where}: sensor '{sensor}' goes back in time.")
        self._range[sensor] = _number(where, "wraps_at", wraps_at) if wraps_at else None
        if raw:
            log.append((at_s, _number(where, "raw", raw)))

    def _mark(self, where: str, name: str, quantity: str, at_s: float) -> None:
        ends = self._windows.setdefault(name, [])
        if len(ends) != _MARKS.index(quantity) or (ends and at_s <= ends[0]):
            raise InputError(f"{where}: window '{name}' opens once and then closes once.")
        ends.append(at_s)


def _gap_s(log: Sequence[Reading]) -> float:
    """Return the time without a reading that is a gap, from how often there usually is one."""
    periods = [later - earlier for (earlier, _), (later, _) in pairwise(log)]
    return GAP_PERIODS * median(periods) if periods else 0.0


def _number(where: str, column: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise InputError(f"{where}: {column} '{text}' isn't a number.") from error
    if not math.isfinite(value):
        raise InputError(f"{where}: {column} '{text}' isn't finite.")
    return value


def _read(path: Path) -> list[Mapping[str, object]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The trace '{path}' can't be read. Check the path.") from error
    kept = [line for line in lines if line.strip() and not line.startswith("#")]
    return [dict(row) for row in csv.DictReader(kept)]
