"""Put a picture of two chosen columns in front of a board's own."""

from __future__ import annotations

from slmbench.analyse.board_marks import host_bound
from slmbench.analyse.board_tradeoff import judge, point_of
from slmbench.errors import InputError, did_you_mean
from slmbench.schema.board import Board, Column, Omitted, Picture, Point


def with_axes(board: Board, capability: str, resource: str) -> Board:
    """Return the board with a picture of two columns first, and its own after it.

    Args:
        board: whose columns and rows are shown.
        capability: full name of a column; ``suite/task/metric``.
        resource: full name of the column to hold it against.

    Nothing is drawn where the board's directions are others: of a picture's two axes more of the
    capability is better, and less of the resource.

    Raises:
        InputError: the board has no such column.
    """
    at, cost_at = _index(board, capability), _index(board, resource)
    upward, across = board.columns[at], board.columns[cost_at]
    if upward.higher_is_better is not True or across.higher_is_better is not False:
        return board
    found = [
        point_of(row, row.cells[cost_at], row.cells[at], row.host if host_bound(across) else "")
        for row in board.rows
    ]
    picture = Picture(
        picture_id=across.column_id,
        title=f"{_name(upward)} against {_name(across)}",
        resource_name=_name(across),
        resource_unit=across.unit,
        capability_name=_name(upward),
        capability_unit=upward.unit,
        points=judge([each for each in found if isinstance(each, Point)]),
        omitted=tuple(each for each in found if isinstance(each, Omitted)),
    )
    others = tuple(each for each in board.pictures if each.picture_id != picture.picture_id)
    return board.model_copy(update={"pictures": (picture, *others)})


def column_id(board: Board, path: str) -> str:
    """Return the id of the column with a full name.

    Raises:
        InputError: the board has no such column.
    """
    return board.columns[_index(board, path)].column_id


def _index(board: Board, path: str) -> int:
    for index, column in enumerate(board.columns):
        if column.path == path:
            return index
    near = did_you_mean(path, [column.path for column in board.columns])
    raise InputError(f"The board '{board.title}' has no column '{path}'.{near}")


def _name(column: Column) -> str:
    return f"{column.metric.replace('_', ' ')} · {column.task}"
