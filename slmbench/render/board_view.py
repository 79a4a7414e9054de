"""Turn a board into the words a leaderboard page shows, so that its template only lays them out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from slmbench.render.board_text import shown
from slmbench.render.board_ties import Place, shown_places
from slmbench.render.board_words import (
    BadgeWords,
    badge_legend,
    count_words,
    is_sure,
    marked_words,
)
from slmbench.render.tradeoff_svg import NARROW, WIDE, tradeoff_svg
from slmbench.schema.base import Absent, Measured
from slmbench.schema.board import Board, Cell, Column, FailedJob, Mark, Picture, Row, Setting
from slmbench.units import format_value

ABSENT_SIGN = "—"
#: A board of more models has no table for readers without JavaScript: it would double the page.
MOST_STATIC_ROWS = 50
_MOST_FAILED, _MOST_SETTINGS, _MOST_NAMES, _MOST_NOTE = 200, 20, 12, 2000
_MOST_ORIGIN = 48
_COUNT_SIZES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True)
class CellView:
    """A cell in words; ``sort`` is None where there is no number to sort by."""

    kind: str
    text: str
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

    text: str
    tip: str = ""
    under: str = ""
    span: int = 1
    first: bool = False
    direction: str = ""


@dataclass(frozen=True)
class PictureView:
    """A trade-off picture, drawn twice: for a screen and for a phone."""

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
    notes: tuple[Markup, ...]
    settings: tuple[tuple[Markup, Setting], ...]
    badges: tuple[BadgeWords, ...]
    ranked: str
    failed_jobs: tuple[FailedJob, ...]
    is_static: bool
    more_failed: int
    more_settings: int


def page_view(board: Board) -> PageView:
    """Return the page of a board, with the table and the picture that need no JavaScript."""
    is_static = len(board.rows) <= MOST_STATIC_ROWS
    columns = board.columns if is_static else ()
    rows = board.rows if is_static else ()
    return PageView(
        board=board,
        facts=_facts(board),
        suites=_spans([(column.suite, column.suite) for column in columns]),
        tasks=_spans([(column.suite, column.task) for column in columns]),
        columns=tuple(_column_head(columns, index) for index in range(len(columns))),
        rows=tuple(
            _row_view(row, columns, places)
            for row, places in zip(rows, shown_places(board) if is_static else (), strict=True)
        ),
        pictures=tuple(_picture_view(picture) for picture in board.pictures[: int(is_static)]),
        notes=tuple(escape(shown(note, _MOST_NOTE)) for note in board.notes),
        settings=tuple(
            (_setting_title(setting, board), setting) for setting in board.settings[:_MOST_SETTINGS]
        ),
        badges=badge_legend(board),
        ranked=_ranked(board),
        failed_jobs=board.failed_jobs[:_MOST_FAILED],
        is_static=is_static,
        more_failed=max(0, len(board.failed_jobs) - _MOST_FAILED),
        more_settings=max(0, len(board.settings) - _MOST_SETTINGS),
    )


def _setting_title(setting: Setting, board: Board) -> Markup:
    if len(setting.row_labels) == len(board.rows) > 1:
        return Markup("All models")
    names = [shown(label, 80) for label in setting.row_labels[:_MOST_NAMES]]
    more = len(setting.row_labels) - len(names)
    return escape(", ".join(names) + (f" and {more} more" if more else ""))


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


def _spans(names: Sequence[tuple[str, str]]) -> tuple[HeadView, ...]:
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
        views.append(HeadView(text, span=span, first=suite not in seen))
        seen.add(suite)
    return tuple(views)


def _column_head(columns: Sequence[Column], index: int) -> HeadView:
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
        text=column.metric,
        tip="\n".join(tip),
        under=column.scorer or "",
        first=_starts_suite(columns, index),
        direction=direction,
    )


def _row_view(row: Row, columns: Sequence[Column], places: Sequence[Place]) -> RowView:
    size = _count(row.parameter_count) if row.parameter_count is not None else None
    origins = [f"from {_cut(origin)}" for origin in row.origins if origin != "slmbench"]
    parts = (size, row.dtype, row.quantization, row.device, *row.asked, *origins)
    tip = [row.label, f"run {row.run_id}, {row.created}", row.hardware]
    tip += [row.architecture] if row.architecture else []
    tip += [f"from: {'; '.join(row.origins)}"] if row.origins else []
    return RowView(
        label=row.label,
        detail=" · ".join(part for part in parts if part),
        tip="\n".join(tip),
        status={"done": "", "failed": "failed jobs", "running": "not finished"}[row.status],
        cells=tuple(
            _cell_view(cell, column, places[index], _starts_suite(columns, index))
            for index, (cell, column) in enumerate(zip(row.cells, columns, strict=True))
        ),
    )


def _cell_view(cell: Cell, column: Column, place: Place, first: bool) -> CellView:
    value = cell.value
    if isinstance(value, Absent):
        kind = "failed" if cell.failed else "absent"
        return CellView(kind, ABSENT_SIGN, tip=value.reason, first=first)
    return CellView(
        kind="measured",
        text=format_value(value.value, value.unit),
        interval=interval_text(value),
        tip="\n".join(_tip_lines(cell, value, column, place)),
        sort=repr(value.value),
        rank=place.word,
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


def _tip_lines(cell: Cell, value: Measured, column: Column, place: Place) -> list[str]:
    lines = [column.path, format_value(value.value, value.unit)]
    if value.interval is not None:
        lines.append(
            f"{value.interval.level:.0%} interval {interval_text(value)} ({value.interval.method})"
        )
    lines += [count_words(value), f"how: {value.how}"]
    lines += [f"from: {cell.origin}"] if cell.origin else []
    lines += [f"source: {value.source}"] if value.source else []
    lines += [f"{mark.badge}: {mark.meaning}" for mark in cell.marks]
    lines += [f"note: {note}" for note in cell.notes]
    return [*lines, *(text for text in (place.told, place.meaning) if text)]


def _picture_view(picture: Picture) -> PictureView:
    return PictureView(
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
        "open": "On the front by value, but others may be there instead",
        "undecided": "Behind the front, but within the error bars",
        "dominated": "Beaten on both axes, even within the error bars",
    }
    kinds = [
        "open" if point.standing == "front" and not is_sure(point) else point.standing
        for point in picture.points
    ]
    legend = [
        (kind, f"{text}: {', '.join(shown(name, 80) for name in names)}")
        for kind, text in words.items()
        if (names := [p.label for p, own in zip(picture.points, kinds, strict=True) if own == kind])
    ]
    if marked := marked_words(picture.points):
        legend.append(("marked", marked))
    return tuple(legend)


def _ranked(board: Board) -> str:
    """Say what the board's ranks rest on."""
    paired = any(cell.ranks is not None for row in board.rows for cell in row.cells)
    return "paired by item, where a rank is shown" if paired else "by overlap of the intervals"


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_ORIGIN else f"{text[: _MOST_ORIGIN - 1]}…"


def _count(number: int) -> str:
    for size, name in _COUNT_SIZES:
        if number >= size:
            return f"{number / size:.3g}{name} params"
    return f"{number} params"
