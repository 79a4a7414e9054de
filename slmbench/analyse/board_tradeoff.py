"""Hold capability against each resource: one picture for each resource that was measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from slmbench.analyse.board_draws import Drawn
from slmbench.analyse.board_marks import bounds, host_bound
from slmbench.schema.base import Absent, Measured
from slmbench.schema.board import Cell, Column, Mark, Omitted, Picture, Point, Row, Standing
from slmbench.stats.front import dominated_by, front_probability
from slmbench.stats.pareto import pareto_front

#: The resources a buyer asks for, by metric, in the order of the pictures.
RESOURCES = {
    "weight_bytes": "Weights in memory",
    "peak_resident_bytes": "Peak resident memory",
    "peak_device_bytes": "Peak device memory",
    "tpot_s": "Time per output token",
    "tpot_s@p50": "Median time per output token",
    "j_per_output_token": "Energy per output token",
}
#: Less is better on the resource, more on the capability.
_DIRECTIONS = (False, True)


def tradeoffs(
    columns: Sequence[Column],
    rows: Sequence[Row],
    capability: Column,
    hosts: Sequence[Sequence[str]],
    draw: Callable[[int], Drawn],
) -> tuple[Picture, ...]:
    """Return a picture for each resource column with at least one point to show.

    Args:
        columns: the board's.
        rows: the board's, in its order.
        capability: the column to hold against each resource.
        hosts: for each column, the machine that each row's number is from.
        draw: returns the draws of the column with that number, its rows in the board's order.
    """
    at = [column.column_id for column in columns].index(capability.column_id)
    chosen = [
        (index, column)
        for metric in RESOURCES
        for index, column in enumerate(columns)
        if column.metric == metric and not _has_plain_twin(column, columns)
    ]
    pictures = []
    for index, column in chosen:
        groups = hosts[index] if host_bound(column) else [""] * len(rows)
        found = [
            point_of(row, row.cells[index], row.cells[at], group)
            for row, group in zip(rows, groups, strict=True)
        ]
        points = [each for each in found if isinstance(each, Point)]
        omitted = [each for each in found if isinstance(each, Omitted)]
        if points:
            shown = np.array([isinstance(each, Point) for each in found])
            pair = _rows_of(draw(index), shown), _rows_of(draw(at), shown)
            judged = with_probabilities(judge(points), *pair)
            how = f"{column.metric}: {pair[0].how}; {capability.metric}: {pair[1].how}"
            picture = _picture(column, capability, judged, omitted)
            pictures.append(picture.model_copy(update={"front_how": how}))
    return tuple(pictures)


def judge(points: Sequence[Point]) -> tuple[Point, ...]:
    """Give each point its standing among the points of its group."""
    judged = list(points)
    for places in _groups(points):
        own = [points[place] for place in places]
        for place, standing in zip(places, _standings(own), strict=True):
            judged[place] = points[place].model_copy(update={"standing": standing})
    return tuple(judged)


def with_probabilities(
    points: Sequence[Point], resource: Drawn, capability: Drawn
) -> tuple[Point, ...]:
    """Give each point the probability that it is on the front of its group."""
    found = list(points)
    pair = np.stack([resource.draws, capability.draws], axis=2)
    for places in _groups(points):
        shares = front_probability(pair[places], _DIRECTIONS)
        for place, share in zip(places, shares, strict=True):
            if resource.known[place] and capability.known[place]:
                probability = {"front_probability": float(share)}
                found[place] = points[place].model_copy(update=probability)
    return tuple(found)


def _rows_of(drawn: Drawn, rows: np.ndarray) -> Drawn:
    return Drawn(drawn.draws[rows], drawn.known[rows], drawn.how)


def _groups(points: Sequence[Point]) -> list[list[int]]:
    groups: dict[str, list[int]] = {}
    for place, point in enumerate(points):
        groups.setdefault(point.group, []).append(place)
    return list(groups.values())


def _standings(points: Sequence[Point]) -> list[Standing]:
    values = [(point.resource.value, point.capability.value) for point in points]
    # The kindest reading of the data for a point: its own best ends against the others' worst.
    ends = np.array([(*bounds(point.resource), *bounds(point.capability)) for point in points])
    best, worst = (np.stack(pair, axis=1) for pair in (
        (-ends[:, 0], ends[:, 3]), (-ends[:, 1], ends[:, 2])
    ))  # fmt: skip
    beaten = dominated_by(best, worst)
    return [
        "front" if front else "dominated" if lost else "undecided"
        for front, lost in zip(pareto_front(values, _DIRECTIONS), beaten, strict=True)
    ]


def _has_plain_twin(column: Column, columns: Sequence[Column]) -> bool:
    """Tell whether ``tpot_s@p50`` stands beside ``tpot_s`` of the same workload."""
    plain = column.path.partition("@")[0]
    return plain != column.path and any(other.path == plain for other in columns)


def _marks(*cells: Cell) -> tuple[Mark, ...]:
    return tuple({mark.badge: mark for cell in cells for mark in cell.marks}.values())


def point_of(row: Row, resource: Cell, capability: Cell, group: str) -> Point | Omitted:
    """Return a row's place in a picture, or why it has none."""
    cost, worth = resource.value, capability.value
    if isinstance(cost, Measured) and isinstance(worth, Measured):
        return Point(
            row_id=row.row_id,
            label=row.label,
            resource=cost,
            capability=worth,
            standing="front",
            marks=_marks(resource, capability),
            group=group,
        )
    reasons = [value.reason for value in (worth, cost) if isinstance(value, Absent)]
    return Omitted(label=row.label, reason="; ".join(reasons))


def _picture(
    column: Column, capability: Column, points: tuple[Point, ...], omitted: Sequence[Omitted]
) -> Picture:
    return Picture(
        picture_id=column.column_id,
        title=f"{RESOURCES[column.metric]} · {column.task}",
        resource_name=RESOURCES[column.metric],
        resource_unit=column.unit,
        capability_name=f"Accuracy, {capability.task}",
        capability_unit=capability.unit,
        points=points,
        omitted=tuple(omitted),
    )
