"""The mean accuracy over the tasks that all models share, with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist, fmean

from slmbench.schema.base import Absent, Interval, Measured
from slmbench.schema.board import Cell, Column, Mark

PRIMARY_METRICS = ("acc_norm", "acc", "exact_match")
MEAN_ID = "accuracy/mean/accuracy_mean"
_UNMIXABLE = frozenset({"version", "limit", "protocol"})


@dataclass(frozen=True)
class MeanColumn:
    """The derived column, its cells, one for each row, and the places of what it averages."""

    column: Column
    cells: tuple[Cell, ...]
    parts: tuple[int, ...] = ()


def accuracy_mean(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> MeanColumn | str:
    """Average each task's primary metric, unweighted, or say why there is nothing to average.

    Rows without any accuracy are left out of "all models": they have no say in which tasks count.
    """
    places = [
        i
        for i, column in enumerate(columns)
        if column.suite == "accuracy" and column.metric in PRIMARY_METRICS
    ]
    taking = [row for row in rows if any(_is_measured(row[i]) for i in places)]
    if not taking:
        return "No accuracy mean: no model has a measured accuracy."
    shared = _shared(columns, taking, places)
    if not shared:
        return (
            "No accuracy mean: the models share no accuracy task that they all answered in the "
            "same version and to the same limit."
        )
    names = ", ".join(f"{columns[index].task} ({columns[index].metric})" for index in shared)
    tasks = f"{len(shared)} task{'' if len(shared) == 1 else 's'}"
    note = f"Unweighted mean over the {tasks} that all models share: {names}."
    column = Column(
        column_id=MEAN_ID,
        suite="accuracy",
        task=f"mean of {tasks}",
        metric="accuracy mean",
        higher_is_better=True,
        derived=True,
        note=note,
    )
    cells = tuple(_mean([row[i] for i in shared], note) for row in rows)
    return MeanColumn(column, cells, tuple(shared))


def _is_measured(cell: Cell) -> bool:
    return isinstance(cell.value, Measured)


def _shared(
    columns: Sequence[Column], rows: Sequence[Sequence[Cell]], places: Sequence[int]
) -> list[int]:
    """Return the index of one column for each task: its first primary metric all rows have."""
    chosen: dict[str, int] = {}
    for metric in PRIMARY_METRICS:
        for index in (i for i in places if columns[i].metric == metric):
            cells = [row[index] for row in rows]
            mixed = any(mark.kind in _UNMIXABLE for cell in cells for mark in cell.marks)
            if all(map(_is_measured, cells)) and not mixed:
                chosen.setdefault(columns[index].task, index)
    return sorted(chosen.values())


def _mean(cells: Sequence[Cell], note: str) -> Cell:
    values = [cell.value for cell in cells if isinstance(cell.value, Measured)]
    if len(values) < len(cells):
        return Cell(value=Absent(reason="no accuracy task was measured for this model"))
    mean = fmean(value.value for value in values)
    measured = Measured(
        value=mean,
        unit="",
        n=sum(value.n for value in values),
        interval=_interval(mean, values),
        how="derived",
        source=note,
    )
    marks: dict[str, Mark] = {mark.badge: mark for cell in cells for mark in cell.marks}
    origins = dict.fromkeys(cell.origin for cell in cells)
    return Cell(
        value=measured, marks=tuple(marks.values()), origin="; ".join(filter(None, origins))
    )


def _interval(mean: float, values: Sequence[Measured]) -> Interval | None:
    """Combine the tasks' standard errors as those of independent means; None if one has none."""
    variance = 0.0
    for value in values:
        if value.interval is None:
            return None
        half_width = (value.interval.high - value.interval.low) / 2.0
        variance += (half_width / _quantile(value.interval.level)) ** 2
    half_width = _quantile(0.95) * math.sqrt(variance) / len(values)
    return Interval(
        low=max(0.0, mean - half_width),
        high=min(1.0, mean + half_width),
        level=0.95,
        method="normal, independent tasks",
    )


@cache
def _quantile(level: float) -> float:
    """Return how many standard errors a two-sided normal interval reaches: 1.96 for 95 %."""
    return NormalDist().inv_cdf((1.0 + level) / 2.0)
