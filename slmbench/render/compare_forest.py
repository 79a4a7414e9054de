"""Which rows of a comparison a forest of differences or of ratios can show, and how each reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from slmbench.schema.finding import CompareRow, Comparison, ResourceRatio

Reading = Literal["better", "worse", "differs", "no difference shown"]
#: A taller picture than this is no picture.
MOST_ROWS = 60
_LONGEST_LABEL = 44


@dataclass(frozen=True)
class ForestRow:
    """One interval of a forest."""

    label: str
    centre: float
    low: float
    high: float
    reading: Reading


def reading_of(
    low: float | None, high: float | None, nothing: float, higher_is_better: bool | None
) -> Reading | None:
    """Say what an interval shows, ``nothing`` being the value of no change; None without one."""
    if low is None or high is None:
        return None
    if low <= nothing <= high:
        return "no difference shown"
    if higher_is_better is None:
        return "differs"
    return "better" if (low > nothing) == higher_is_better else "worse"


def difference_rows(comparison: Comparison) -> list[ForestRow]:
    """Return the scores from 0 to 1, whose differences share one axis."""
    found = []
    for row in comparison.rows:
        reading = reading_of(row.low, row.high, 0.0, row.higher_is_better)
        if reading is None or not _is_share(row):
            continue
        assert row.difference is not None and row.low is not None and row.high is not None
        found.append(ForestRow(_label(row.path), row.difference, row.low, row.high, reading))
    return found


def ratio_rows(ratios: Sequence[ResourceRatio]) -> list[ForestRow]:
    """Return the ratios that have an interval, whose logs share one axis."""
    found = []
    for row in ratios:
        reading = reading_of(row.low, row.high, 1.0, row.higher_is_better)
        if reading is not None and row.low is not None and row.high is not None and row.low > 0.0:
            found.append(ForestRow(_label(row.path), row.ratio, row.low, row.high, reading))
    return found


def _is_share(row: CompareRow) -> bool:
    sides = [side for side in (row.baseline, row.candidate) if side is not None]
    return not row.unit and len(sides) == 2 and all(-1.0 <= side <= 1.0 for side in sides)


def _label(path: str) -> str:
    """Return a name short enough to stand beside the picture; its end tells the most."""
    text = " ".join("".join(each if each.isprintable() else " " for each in path).split())
    return text if len(text) <= _LONGEST_LABEL else "…" + text[-(_LONGEST_LABEL - 1) :]
