"""Hold one model's numbers against budgets: kept, broken, within its interval, or not known."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from slmbench.analyse.board_marks import bounds
from slmbench.schema.base import Absent, Measured
from slmbench.schema.board import Cell, Column, Row
from slmbench.schema.recommendation import Budget, Check, Standing

#: The worst first: one broken budget decides, and what isn't known is no yes.
_WORST_FIRST: tuple[Standing, ...] = ("fails", "unknown", "undecided", "meets")


def matching(columns: Sequence[Column], patterns: Sequence[str]) -> list[int]:
    """Return the places of the columns whose full name fits a pattern, in the board's order."""
    return [
        place
        for place, column in enumerate(columns)
        if any(fnmatchcase(column.path, pattern) for pattern in patterns)
    ]


def standing_of(checks: Sequence[Check]) -> Standing:
    """Return the worst standing of a model's checks; without a budget it meets all."""
    found = {check.standing for check in checks}
    return next((each for each in _WORST_FIRST if each in found), "meets")


def checks_of(row: Row, columns: Sequence[Column], budget: Budget) -> list[Check]:
    """Return one check for each task that the board has numbers of under the budget."""
    patterns = _patterns(row, budget)
    tasks: dict[tuple[str, str], list[int]] = {}
    for place in matching(columns, (*budget.metrics, *budget.floor_metrics)):
        tasks.setdefault((columns[place].suite, columns[place].task), []).append(place)
    checks = []
    for places in tasks.values():
        chosen = _chosen(row, columns, places, patterns)
        part = _broken_part(row, columns, places, budget)
        if chosen is not None and isinstance(row.cells[chosen].value, Measured):
            checks.append(_check(budget, columns[chosen], row.cells[chosen]))
        elif part is not None:
            checks.append(part)
        else:
            checks.append(_unknown(row, columns, places, chosen, budget))
    return checks


def side(value: Measured, op: str, limit: float) -> Standing:
    """Say on which side of a limit a whole interval lies; a value without one is a point."""
    low, high = bounds(value)
    if op == ">=":
        low, high, limit = -high, -low, -limit
    if high <= limit:
        return "meets"
    return "fails" if low > limit else "undecided"


def _patterns(row: Row, budget: Budget) -> tuple[str, ...]:
    """Return what counts for the row; the weights of a model on a GPU aren't in host memory."""
    on_gpu = (row.device or "").startswith(("cuda", "gpu"))
    return budget.metrics if budget.on_gpu is None or not on_gpu else budget.on_gpu


def _chosen(
    row: Row, columns: Sequence[Column], places: Sequence[int], patterns: Sequence[str]
) -> int | None:
    """Return the first pattern's column that was measured, else the first there is."""
    fitting = [
        place
        for pattern in patterns
        for place in places
        if fnmatchcase(columns[place].path, pattern)
    ]
    measured = [at for at in fitting if isinstance(row.cells[at].value, Measured)]
    return next(iter(measured or fitting), None)


def _check(budget: Budget, column: Column, cell: Cell) -> Check:
    value = cell.value
    found: Standing = "unknown"
    if isinstance(value, Measured):
        found = side(value, budget.op, budget.limit)
    return Check(
        budget=budget.name,
        path=column.path,
        column_id=column.column_id,
        op=budget.op,
        limit=budget.limit,
        unit=column.unit,
        value=value,
        standing=found,
        marks=tuple(mark.badge for mark in cell.marks),
        reason=value.reason if isinstance(value, Absent) else "",
    )


def _broken_part(
    row: Row, columns: Sequence[Column], places: Sequence[int], budget: Budget
) -> Check | None:
    """Return a check that fails where a part alone is too much, else None."""
    if budget.floor_limit is None:
        return None
    part = budget.model_copy(update={"limit": budget.floor_limit})
    for place in places:
        fits = any(fnmatchcase(columns[place].path, each) for each in budget.floor_metrics)
        if fits and isinstance(row.cells[place].value, Measured):
            check = _check(part, columns[place], row.cells[place])
            if check.standing == "fails":
                return check.model_copy(update={"reason": "this part alone is too much"})
    return None


def _unknown(
    row: Row, columns: Sequence[Column], places: Sequence[int], at: int | None, budget: Budget
) -> Check:
    if at is not None:
        return _check(budget, columns[at], row.cells[at])
    column = columns[places[0]]
    fitting = [p for p in places if any(fnmatchcase(columns[p].path, m) for m in budget.metrics)]
    reason = "measured in part only"
    if fitting and row.device is not None:
        column = columns[fitting[0]]
        reason = f"measured on {row.device}, where {column.metric} does not hold the whole need"
    absent = Absent(reason=reason)
    return _check(budget, column, Cell(value=absent))
