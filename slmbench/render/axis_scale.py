"""Place numbers on an axis, and choose ticks that a person can read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_LOG_FROM = 10.0
_PAD = 0.07
_BINARY_SIZES = (2.0**40, 2.0**30, 2.0**20, 2.0**10, 1.0)
_NICE_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_FEWEST_TICKS = 3


@dataclass(frozen=True)
class Scale:
    """Maps ``[low, high]`` onto the pixels from ``start`` to ``end``."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool
    ticks: tuple[float, ...]

    def position(self, value: float) -> float:
        """Return the pixel of a value; what lies outside the axis is drawn at its edge."""
        value = min(max(value, self.low), self.high)
        if self.logarithmic:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def fit_scale(
    values: Sequence[float],
    pixels: tuple[float, float],
    unit: str,
    tick_count: int,
    may_be_logarithmic: bool = False,
) -> Scale:
    """Return a scale that holds all values: logarithmic where the range is above tenfold."""
    low, high = min(values), max(values)
    start, end = pixels
    if may_be_logarithmic and low > 0 and high / low > _LOG_FROM:
        spread = (high / low) ** _PAD
        low, high = low / spread, high * spread
        return Scale(low, high, start, end, True, _log_ticks(low, high, unit, tick_count))
    pad = (high - low) * _PAD or abs(high) * 0.1 or 1.0
    # Padding must not suggest that a size or a share below zero exists.
    low, high = (max(0.0, low - pad) if low >= 0 else low - pad), high + pad
    return Scale(low, high, start, end, False, _linear_ticks(low, high, unit, tick_count))


def _linear_ticks(low: float, high: float, unit: str, count: int) -> tuple[float, ...]:
    size = 1.0
    if unit == "bytes":
        size = next((size for size in _BINARY_SIZES if size <= high), 1.0)
    low, high = low / size, high / size
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    wide = next((at for at, nice in enumerate(_NICE_STEPS) if nice * power >= rough), -1)
    steps = [_NICE_STEPS[wide], *_NICE_STEPS[:wide][::-1], 0.5]
    ticks: tuple[float, ...] = ()
    for step in (nice * power for nice in steps):
        first, last = math.ceil(low / step), math.floor(high / step)
        ticks = tuple(number * step * size for number in range(first, last + 1))
        # A narrow picture may fit few, but one or two tell no scale: then the next finer step.
        if len(ticks) >= _FEWEST_TICKS:
            break
    return ticks


def _log_ticks(low: float, high: float, unit: str, count: int) -> tuple[float, ...]:
    if unit == "bytes":
        first, last = math.ceil(math.log2(low)), math.floor(math.log2(high))
        stride = max(1, math.ceil((last - first + 1) / count))
        return tuple(2.0**power for power in range(first, last + 1, stride))
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        ticks = [factor * 10.0**decade for decade in decades for factor in factors]
        inside = tuple(tick for tick in ticks if low <= tick <= high)
        if len(inside) <= count:
            return inside
    return inside[:: math.ceil(len(inside) / count)]
