"""Make joules of raw sensor readings: counters that wrap, polled power, gaps, and the tick.

Live meters and replays of recorded traces both use this arithmetic. Nothing here reads a sensor or
a clock. A reading is ``(at_s, raw)``: when it was taken, and what the sensor showed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from slmbench.schema.base import Absent
from slmbench.schema.energy_spec import LEAST_TICKS

Reading = tuple[float, float]

#: Two power samples further apart than this many periods have a gap between them.
GAP_PERIODS = 2.5


@dataclass(frozen=True)
class Counter:
    """A sensor that counts energy.

    Attributes:
        j_per_unit: joules of one unit of its raw reading (1e-3 for NVML's mJ, 1e-6 for RAPL's uJ).
        wraps_at: the raw value after which it begins at 0 again (RAPL's ``max_energy_range_uj``);
            None for one that never does.
        most_w: more power than the device can draw. It tells how long two readings may lie apart
            before a wrap could have passed unseen; None trusts that none has.
    """

    j_per_unit: float
    wraps_at: float | None = None
    most_w: float | None = None


@dataclass(frozen=True)
class Polled:
    """Joules of polled power, and which share of the window the samples cover."""

    joules: float | Absent
    coverage: float
    samples: int


def counted_j(counter: Counter, readings: Sequence[Reading]) -> float | Absent:
    """Return the joules between the first and the last reading of a counter, or why not.

    A reading below the one before it is one wrap: ``raw + wraps_at - before`` units have passed.
    Readings in between tell several wraps apart. Two readings that lie so far apart that the device
    could have filled the whole range between them are refused.
    """
    if len(readings) < 2:
        return Absent(reason="the counter was read fewer than twice in the window")
    units = 0.0
    for (before_s, before), (at_s, raw) in pairwise(readings):
        if at_s < before_s:
            return Absent(reason="the readings are not in the order of time")
        if counter.wraps_at is None:
            if raw < before:
                return Absent(reason="the counter went back, and it is not one that wraps")
            units += raw - before
            continue
        if max(raw, before) > counter.wraps_at:
            return Absent(reason=f"the counter showed more than its range {counter.wraps_at:g}")
        full_s = _full_s(counter)
        if full_s is not None and at_s - before_s >= full_s:
            return Absent(
                reason=f"two readings lie {at_s - before_s:.3g} s apart, and the counter can wrap "
                f"once in {full_s:.3g} s: how often it did is unknown"
            )
        units += raw - before if raw >= before else raw + counter.wraps_at - before
    if units <= 0.0:
        return Absent(reason="the counter did not move")
    return units * counter.j_per_unit


def integrated_j(
    w_per_unit: float, samples: Sequence[Reading], window: tuple[float, float], most_gap_s: float
) -> Polled:
    """Return the joules of polled power over ``window`` (start and end in seconds), by trapezoid.

    Power between two samples is taken to change evenly. A part of the window that lies between
    samples more than ``most_gap_s`` apart, or outside them, is not covered; the energy is refused
    unless all of it is.
    """
    start_s, end_s = window
    if end_s <= start_s:
        return Polled(Absent(reason="the window has no length"), 0.0, len(samples))
    units_s = covered_s = 0.0
    inside = sum(start_s <= at_s <= end_s for at_s, _ in samples)
    for (left_s, left), (right_s, right) in pairwise(sorted(samples)):
        low, high = max(left_s, start_s), min(right_s, end_s)
        if high <= low or right_s - left_s > most_gap_s:
            continue
        slope = (right - left) / (right_s - left_s)
        middle = left + slope * ((low + high) / 2.0 - left_s)
        units_s += middle * (high - low)
        covered_s += high - low
    coverage = min(1.0, covered_s / (end_s - start_s))
    if coverage < 1.0 - 1e-9:
        return Polled(
            Absent(
                reason=f"the power samples cover {coverage:.1%} of the window (a gap is more than "
                f"{most_gap_s:.3g} s without one), and energy needs all of it"
            ),
            coverage,
            inside,
        )
    joules = units_s * w_per_unit
    # A device that draws nothing is one whose sensor does not work.
    found = joules if joules > 0.0 else Absent(reason="the power sensor showed 0 W throughout")
    return Polled(found, coverage, inside)


def tick_s(readings: Sequence[Reading]) -> float | None:
    """Return how often a sensor changes what it shows: the median time between two changes.

    None where it changed fewer than three times, which tells no period.
    """
    changes = [at_s for (_, before), (at_s, raw) in pairwise(readings) if raw != before]
    if len(changes) < 3:
        return None
    return median(later - earlier for earlier, later in pairwise(changes))


def shown(readings: Sequence[Reading], at_s: float) -> Reading | None:
    """Return what a recorded counter showed at ``at_s``: its last reading until then, or None."""
    before = [reading for reading in readings if reading[0] <= at_s]
    return before[-1] if before else None


def too_short(elapsed_s: float, tick: float | None) -> Absent | None:
    """Return why a window is too short for a sensor's tick, with the length it needs, or None."""
    if tick is None or elapsed_s >= LEAST_TICKS * tick * (1.0 - 1e-9):
        return None
    return Absent(
        reason=f"the window lasted {elapsed_s:.3g} s: too short for a sensor that ticks every "
        f"{tick:.3g} s, at least {LEAST_TICKS * tick:.3g} s are needed (energy.window_s)"
    )


def _full_s(counter: Counter) -> float | None:
    """Return the seconds in which the device at its most power fills the counter's range."""
    if counter.wraps_at is None or counter.most_w is None:
        return None
    return counter.wraps_at * counter.j_per_unit / counter.most_w
