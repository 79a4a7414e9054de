"""SI inside, human units at the edge: the only place that parses or prints a unit."""

from __future__ import annotations

import math
import re
import time

from slmbench.errors import InputError

_BYTES = {
    "B": 1.0,
    "KB": 1e3,
    "MB": 1e6,
    "GB": 1e9,
    "TB": 1e12,
    "KIB": 2.0**10,
    "MIB": 2.0**20,
    "GIB": 2.0**30,
    "TIB": 2.0**40,
}
_SECONDS = {"NS": 1e-9, "US": 1e-6, "MS": 1e-3, "S": 1.0, "MIN": 60.0, "H": 3600.0}
#: Spelt exactly: mJ and MJ are nine orders of magnitude apart.
_JOULES = {"mJ": 1e-3, "J": 1.0, "kJ": 1e3, "MJ": 1e6, "Wh": 3600.0, "kWh": 3.6e6}
_NUMBER = re.compile(r"^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-z%]*)\s*$")

#: Suffixes a numeric field of a record may end in; the house test holds the schema to them.
SUFFIXES = ("_s", "_bytes", "_j", "_w", "_tokens", "_items", "_total", "_count", "_pct", "_hz")


def clock() -> float:
    """Return seconds on the one monotonic clock every duration is measured with."""
    return time.perf_counter_ns() * 1e-9


def parse_quantity(text: str | float | int) -> float:
    """Read ``6 GiB``, ``50ms``, ``0.2 J`` or a bare number; return it in bytes, seconds or joules.

    Raises:
        InputError: the text is not a number with a unit that slmbench knows.
    """
    if isinstance(text, int | float) and not isinstance(text, bool):
        return float(text)
    match = _NUMBER.match(str(text))
    if match is None or not math.isfinite(float(match.group(1))):
        raise InputError(f"'{text}' is not a quantity. Write a number with a unit: 6 GiB, 50ms.")
    number, unit = float(match.group(1)), match.group(2)
    if unit == "":
        return number
    if unit == "%":
        return number / 100.0
    for table in (_BYTES, _SECONDS):
        if unit.upper() in table:
            return number * table[unit.upper()]
    if unit in _JOULES:
        return number * _JOULES[unit]
    known = "B, KiB, MiB, GiB, ns, us, ms, s, min, h, mJ, J, kJ, MJ, Wh, kWh, %"
    raise InputError(f"'{text}' has the unknown unit '{unit}'. Known units: {known}.")


def format_value(value: float, unit: str) -> str:
    """Print one value for a person: ``1.5 GiB``, ``12.3 ms``, ``0.4213``."""
    if unit == "bytes":
        return _format_bytes(value)
    if unit == "s":
        return _format_seconds(value)
    if unit in ("", "1", "ratio"):
        return f"{value:.4g}"
    if abs(value) >= 1e5 or (value != 0 and abs(value) < 1e-3):
        return f"{value:.3g} {unit}"
    return f"{value:.4g} {unit}"


def _format_bytes(value: float) -> str:
    for name, size in (("GiB", 2.0**30), ("MiB", 2.0**20), ("KiB", 2.0**10)):
        if abs(value) >= size:
            return f"{value / size:.4g} {name}"
    return f"{value:.4g} B"


def _format_seconds(value: float) -> str:
    if abs(value) >= 1.0:
        return f"{value:.4g} s"
    if abs(value) >= 1e-3:
        return f"{value * 1e3:.4g} ms"
    return f"{value * 1e6:.4g} us"
