"""The number that models are ranked by: the mean accuracy, or columns with a user's weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from slmbench.analyse.board import Assembled
from slmbench.analyse.board_columns import Reading
from slmbench.analyse.board_items import rests_on
from slmbench.errors import InputError, did_you_mean
from slmbench.schema.base import Absent, Interval, Measured, Measurement
from slmbench.schema.board import Column
from slmbench.schema.recommendation import Question


@dataclass(frozen=True)
class Score:
    """A capability of every row, more is better.

    Attributes:
        name: what it is, for a person.
        parts: the places of the columns it is made of, with ``weights`` that sum to 1.
        falling: for each part, whether less is better there: 1 - value counts.
        values: one for each row of the board.
        column: the only column, where there is one.
    """

    name: str
    parts: tuple[int, ...]
    weights: tuple[float, ...]
    falling: tuple[bool, ...]
    values: tuple[Measurement, ...]
    column: Column | None

    def made_of(self, made: Assembled) -> list[tuple[tuple[Reading, ...], float]]:
        """Return the columns that the capability is a sum of, each with its weight."""
        found: list[tuple[tuple[Reading, ...], float]] = []
        for at, weight, falls in zip(self.parts, self.weights, self.falling, strict=True):
            derived = made.board.columns[at].derived
            places = made.parts if derived else (at,)
            share = (-weight if falls else weight) / len(places)
            found += [(made.readings[place], share) for place in places]
        return found


def find_score(made: Assembled, question: Question) -> Score:
    """Return the capability that a question asks for.

    Raises:
        InputError: the board has no such column, or its columns can't be put into one number.
    """
    columns = made.board.columns
    if not question.capability:
        at = next((place for place, column in enumerate(columns) if column.derived), None)
        if at is None:
            why = next((n for n in made.board.notes if n.startswith("No accuracy mean")), "")
            raise InputError(
                f"{why or 'No run has an accuracy.'} Name what to rank by: --by suite/task/metric."
            )
        return _one(made, at)
    places = [_place(columns, name) for name in question.capability]
    if len(places) == 1:
        return _one(made, places[0])
    weights = list(question.capability.values())
    total = sum(weights)
    if any(weight <= 0.0 for weight in weights) or not math.isfinite(total):
        raise InputError("The weights of a capability are numbers above 0.")
    return _weighted(made, places, [weight / total for weight in weights])


def samples_behind(made: Assembled, score: Score) -> int:
    """Return how many samples the capability rests on, over all models."""
    readings = [reading for part, _ in score.made_of(made) for reading in part]
    return sum(found[1].sample_count for each in readings if (found := rests_on(each)))


def _place(columns: Sequence[Column], name: str) -> int:
    found = [at for at, c in enumerate(columns) if name in (c.column_id, c.path)]
    if name == "accuracy":
        found = [at for at, column in enumerate(columns) if column.derived]
    if not found:
        known = [column.path for column in columns]
        raise InputError(f"No column '{name}' to rank by.{did_you_mean(name, known)}")
    if columns[found[0]].higher_is_better is None:
        raise InputError(f"'{name}': whether more of it is better isn't recorded.")
    return found[0]


def _one(made: Assembled, at: int) -> Score:
    column = made.board.columns[at]
    values = tuple(row.cells[at].value for row in made.board.rows)
    falls = column.higher_is_better is False
    if falls:
        _require_share(column, values)
        values = tuple(_turned(value) for value in values)
    name = f"{column.metric}, {column.task}" if column.derived else column.path
    return Score(f"1 - {name}" if falls else name, (at,), (1.0,), (falls,), values, column)


def _weighted(made: Assembled, places: Sequence[int], weights: Sequence[float]) -> Score:
    chosen = [made.board.columns[at] for at in places]
    falling = [column.higher_is_better is False for column in chosen]
    cells = [[row.cells[at].value for row in made.board.rows] for at in places]
    for column, values in zip(chosen, cells, strict=True):
        _require_share(column, values)
    rows = []
    for row in zip(*cells, strict=True):
        turned = [_turned(v) if falls else v for v, falls in zip(row, falling, strict=True)]
        rows.append(_mean(turned, weights, chosen))
    parts = [f"{weight:.3g} x {'(1 - ' * falls}{column.path}{')' * falls}"
             for weight, column, falls in zip(weights, chosen, falling, strict=True)]  # fmt: skip
    return Score(
        " + ".join(parts), tuple(places), tuple(weights), tuple(falling), tuple(rows), None
    )


def _require_share(column: Column, values: Sequence[Measurement]) -> None:
    shares = all(0.0 <= v.value <= 1.0 for v in values if isinstance(v, Measured))
    if column.unit or not shares:
        raise InputError(
            f"'{column.path}' is no share between 0 and 1: it can't be turned round or weighted. "
            "Make it a budget: --metric 'suite/task/metric<=x'."
        )


def _turned(value: Measurement) -> Measurement:
    if isinstance(value, Absent):
        return value
    interval = value.interval
    if interval is not None:
        ends = {"low": 1.0 - interval.high, "high": 1.0 - interval.low}
        interval = interval.model_copy(update=ends)
    return value.model_copy(update={"value": 1.0 - value.value, "interval": interval})


def _mean(
    values: Sequence[Measurement], weights: Sequence[float], columns: Sequence[Column]
) -> Measurement:
    """Return the weighted mean; errors of different tasks are taken as independent."""
    total, variance, known, n = 0.0, 0.0, True, 0
    for value, weight, column in zip(values, weights, columns, strict=True):
        if isinstance(value, Absent):
            return Absent(reason=f"{column.path}: {value.reason}")
        total += weight * value.value
        n += value.n
        if value.interval is None:
            known = False
            continue
        reach = NormalDist().inv_cdf(0.5 + value.interval.level / 2.0)
        half = (value.interval.high - value.interval.low) / 2.0
        variance += (weight * half / reach) ** 2
    half = NormalDist().inv_cdf(0.975) * math.sqrt(variance)
    method = "normal, independent tasks"
    interval = Interval(low=total - half, high=total + half, method=method) if known else None
    return Measured(value=total, unit="", n=n, interval=interval, how="derived")
