"""Turn a board into the words a leaderboard page shows, so that its template only lays them out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from slmbench.render.tradeoff_svg import NARROW, WIDE, is_marked, tradeoff_svg
from slmbench.schema.base import Absent, Measured
from slmbench.schema.board import Board, Cell, Column, Mark, Picture, Row, Setting
from slmbench.units import format_value

ABSENT_SIGN = "—"
_COUNT_SIZES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True)
class CellView:
    """A cell in words; ``sort`` is None where there is no number to sort by."""

    suite_id: str
    kind: str
    text: str
    name: str
    interval: str = ""
    tip: str = ""
    sort: str | None = None
    rank: str = ""
    badges: tuple[Mark, ...] = ()
    first: bool = False


@dataclass(frozen=True)
class RowView:
    """A model's row: its name, what it is in one line, and its cells."""

    label: str
    detail: str
    tip: str
    status: str
    cells: tuple[CellView, ...]


@dataclass(frozen=True)
class HeadView:
    """A header cell over ``span`` columns; ``first`` starts a suite."""

    suite_id: str
    text: str
    tip: str = ""
    under: str = ""
    span: int = 1
    first: bool = False
    direction: str = ""
    sorted: bool = False


@dataclass(frozen=True)
class PictureView:
    """A trade-off picture, drawn twice: for a screen and for a phone."""

    picture_id: str
    title: str
    wide: Markup
    narrow: Markup
    omitted: tuple[tuple[str, str], ...]
    legend: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class PageView:
    """Everything the template prints."""

    board: Board
    facts: tuple[str, ...]
    suites: tuple[HeadView, ...]
    tasks: tuple[HeadView, ...]
    columns: tuple[HeadView, ...]
    rows: tuple[RowView, ...]
    pictures: tuple[PictureView, ...]
    settings: tuple[tuple[str, Setting], ...]
    badges: tuple[tuple[str, str], ...]


def page_view(board: Board) -> PageView:
    """Return the page of a board."""
    ids = _suite_ids(board.columns)
    return PageView(
        board=board,
        facts=_facts(board),
        suites=_spans([(column.suite, column.suite) for column in board.columns], ids),
        tasks=_spans([(column.suite, column.task) for column in board.columns], ids),
        columns=tuple(
            _column_head(board.columns, index, ids) for index in range(len(board.columns))
        ),
        rows=tuple(_row_view(row, board.columns, ids) for row in board.rows),
        pictures=tuple(
            _picture_view(number, picture) for number, picture in enumerate(board.pictures)
        ),
        settings=tuple((_setting_title(setting, board), setting) for setting in board.settings),
        badges=_badge_legend(board),
    )


def _setting_title(setting: Setting, board: Board) -> str:
    everyone = len(setting.row_labels) == len(board.rows) > 1
    return "All models" if everyone else ", ".join(setting.row_labels)


def _suite_ids(columns: Sequence[Column]) -> dict[str, str]:
    """Number the suites: a name from a record is never used as an id."""
    return {
        suite: f"s{number}" for number, suite in enumerate(dict.fromkeys(c.suite for c in columns))
    }


def _facts(board: Board) -> tuple[str, ...]:
    counts = (
        (len(board.rows), "model", "models"),
        (len({column.suite for column in board.columns}), "suite", "suites"),
        (len(board.columns), "column", "columns"),
        (len(board.failed_jobs), "failed job", "failed jobs"),
    )
    facts = [f"{count} {one if count == 1 else many}" for count, one, many in counts if count]
    if board.created is not None:
        facts.append(f"newest run {board.created[:16].replace('T', ' ')}")
    return tuple(facts)


def _starts_suite(columns: Sequence[Column], index: int) -> bool:
    return index == 0 or columns[index].suite != columns[index - 1].suite


def _spans(names: Sequence[tuple[str, str]], ids: dict[str, str]) -> tuple[HeadView, ...]:
    """Merge equal neighbours into one header cell."""
    heads: list[tuple[tuple[str, str], int]] = []
    for name in names:
        if heads and heads[-1][0] == name:
            heads[-1] = (name, heads[-1][1] + 1)
        else:
            heads.append((name, 1))
    seen: set[str] = set()
    views = []
    for (suite, text), span in heads:
        views.append(HeadView(ids[suite], text, span=span, first=suite not in seen))
        seen.add(suite)
    return tuple(views)


def _column_head(columns: Sequence[Column], index: int, ids: dict[str, str]) -> HeadView:
    column = columns[index]
    direction = {True: "up", False: "down", None: ""}[column.higher_is_better]
    meaning = {
        True: "Higher is better.",
        False: "Lower is better.",
        None: "Neither direction is better.",
    }
    tip = [column.path, meaning[column.higher_is_better]]
    tip += [f"Scored by {column.scorer}"] if column.scorer else []
    tip += [column.note] if column.note else []
    return HeadView(
        suite_id=ids[column.suite],
        text=column.metric,
        tip="\n".join(tip),
        under=column.scorer or "",
        first=_starts_suite(columns, index),
        direction=direction,
        sorted=column.derived,
    )


def _row_view(row: Row, columns: Sequence[Column], ids: dict[str, str]) -> RowView:
    size = _count(row.parameter_count) if row.parameter_count is not None else None
    parts = (size, row.dtype, row.quantization, row.device, *row.asked)
    tip = [row.label, f"run {row.run_id}, {row.created}", row.hardware]
    tip += [row.architecture] if row.architecture else []
    return RowView(
        label=row.label,
        detail=" · ".join(part for part in parts if part),
        tip="\n".join(tip),
        status={"done": "", "failed": "failed jobs", "running": "not finished"}[row.status],
        cells=tuple(
            _cell_view(cell, column, ids[column.suite], _starts_suite(columns, index))
            for index, (cell, column) in enumerate(zip(row.cells, columns, strict=True))
        ),
    )


def _cell_view(cell: Cell, column: Column, suite_id: str, first: bool) -> CellView:
    value = cell.value
    name = f"{column.task} · {column.metric}"
    if isinstance(value, Absent):
        kind = "failed" if cell.failed else "absent"
        return CellView(suite_id, kind, ABSENT_SIGN, name, tip=value.reason, first=first)
    return CellView(
        suite_id=suite_id,
        kind="measured",
        text=format_value(value.value, value.unit),
        name=name,
        interval=interval_text(value),
        tip="\n".join(_tip_lines(cell, value, column)),
        sort=repr(value.value),
        rank=cell.rank or "",
        badges=cell.marks,
        first=first,
    )


def interval_text(value: Measured) -> str:
    """Print the ends of a value's interval, or nothing where only one reading was taken."""
    if value.interval is None:
        return ""
    low, high = (format_value(v, value.unit) for v in (value.interval.low, value.interval.high))
    number, _, unit = low.partition(" ")
    # One unit is enough where both ends have the same.
    return f"{number} – {high}" if unit and high.endswith(f" {unit}") else f"{low} – {high}"


def _tip_lines(cell: Cell, value: Measured, column: Column) -> list[str]:
    lines = [column.path, format_value(value.value, value.unit)]
    if value.interval is not None:
        lines.append(
            f"{value.interval.level:.0%} interval {interval_text(value)} ({value.interval.method})"
        )
    lines += [f"n = {value.n}", f"how: {value.how}"]
    lines += [f"source: {value.source}"] if value.source else []
    lines += [f"{mark.badge}: {mark.meaning}" for mark in cell.marks]
    lines += [f"note: {note}" for note in cell.notes]
    rank = {"best": "best of this column", "tied": "tied with the best: the intervals overlap"}
    return [*lines, *([rank[cell.rank]] if cell.rank else [])]


def _picture_view(number: int, picture: Picture) -> PictureView:
    return PictureView(
        picture_id=f"p{number}",
        title=picture.title,
        wide=tradeoff_svg(picture, WIDE),
        narrow=tradeoff_svg(picture, NARROW),
        omitted=tuple((omitted.label, omitted.reason) for omitted in picture.omitted),
        legend=_picture_legend(picture),
    )


def _picture_legend(picture: Picture) -> tuple[tuple[str, str], ...]:
    """Explain each kind of point in the picture, with the names: a phone has no room for all."""
    words = {
        "front": "On the Pareto front",
        "undecided": "Behind the front, but within the error bars",
        "dominated": "Beaten on both axes, even within the error bars",
    }
    legend = [
        (standing, f"{text}: {', '.join(names)}")
        for standing, text in words.items()
        if (names := [point.label for point in picture.points if point.standing == standing])
    ]
    if any(is_marked(point) for point in picture.points):
        legend.append(("marked", "Estimated or published, not measured here"))
    return tuple(legend)


def _badge_legend(board: Board) -> tuple[tuple[str, str], ...]:
    """Explain each kind of badge that is on the board, once."""
    words = {
        "estimated": ("est.", "estimated by a model of the hardware, not measured"),
        "published": ("pub.", "taken from a publication, not measured here"),
        "fallback": ("fallback", "scored by a weaker stand-in, as the usual scorer was missing"),
        "partial": ("partial", "some samples failed or could not be scored"),
        "provenance": ("a source", "known in another way than its neighbours"),
        "version": ("v. …", "another version of the task than its neighbours"),
        "limit": ("… items", "another number of items than its neighbours"),
    }
    used = {mark.kind for row in board.rows for cell in row.cells for mark in cell.marks}
    return tuple(text for kind, text in words.items() if kind in used)


def _count(number: int) -> str:
    for size, name in _COUNT_SIZES:
        if number >= size:
            return f"{number / size:.3g}{name} params"
    return f"{number} params"
