"""Hold capability against each resource: one picture for each resource that was measured."""

from __future__ import annotations

from collections.abc import Sequence

from slmbench.analyse.board_marks import bounds, host_bound
from slmbench.schema.base import Absent, Measured
from slmbench.schema.board import Cell, Column, Mark, Omitted, Picture, Point, Row, Standing
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
    columns: Sequence[Column], rows: Sequence[Row], capability: Column, hosts: Sequence[str]
) -> tuple[Picture, ...]:
    """Return a picture for each resource column with at least one point to show."""
    at = list(columns).index(capability)
    chosen = [
        (index, column)
        for metric in RESOURCES
        for index, column in enumerate(columns)
        if column.metric == metric and not _has_plain_twin(column, columns)
    ]
    pictures = []
    for index, column in chosen:
        groups = hosts if host_bound(column) else [""] * len(rows)
        points: list[Point] = []
        omitted: list[Omitted] = []
        for row, group in zip(rows, groups, strict=True):
            found = _point(row, row.cells[index], row.cells[at], group)
            if isinstance(found, Point):
                points.append(found)
            else:
                omitted.append(found)
        if points:
            pictures.append(_picture(column, capability, judge(points), omitted))
    return tuple(pictures)


def judge(points: Sequence[Point]) -> tuple[Point, ...]:
    """Give each point its standing among the points of its group."""
    judged = []
    for point in points:
        rivals = [other for other in points if other.group == point.group]
        judged.append(point.model_copy(update={"standing": _standing(point, rivals)}))
    return tuple(judged)


def _standing(point: Point, rivals: Sequence[Point]) -> Standing:
    at = next(index for index, rival in enumerate(rivals) if rival is point)
    values = [(rival.resource.value, rival.capability.value) for rival in rivals]
    if pareto_front(values, _DIRECTIONS)[at]:
        return "front"
    # The kindest reading of the data for this point: its own best ends against their worst.
    kindest = [(bounds(rival.resource)[1], bounds(rival.capability)[0]) for rival in rivals]
    kindest[at] = (bounds(point.resource)[0], bounds(point.capability)[1])
    return "undecided" if pareto_front(kindest, _DIRECTIONS)[at] else "dominated"


def _has_plain_twin(column: Column, columns: Sequence[Column]) -> bool:
    """Tell whether ``tpot_s@p50`` stands beside ``tpot_s`` of the same workload."""
    plain = column.path.partition("@")[0]
    return plain != column.path and any(other.path == plain for other in columns)


def _marks(*cells: Cell) -> tuple[Mark, ...]:
    return tuple({mark.badge: mark for cell in cells for mark in cell.marks}.values())


def _point(row: Row, resource: Cell, capability: Cell, group: str) -> Point | Omitted:
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
