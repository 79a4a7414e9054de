"""A metric over time as text: a line of small bars, a table, and what changed in sentences."""

from __future__ import annotations

from slmbench.render.text_table import Row, aligned_table, markdown_table, one_line
from slmbench.schema.history import History, HistoryChange, HistoryRow, HistorySeries
from slmbench.units import format_value

_BARS = "▁▂▃▄▅▆▇█"
_ABSENT = "·"
_BREAK = "¦"
_SHORT_TIME = len("2026-01-31 12:00")
_SHORT_LABEL = 12
_NUMBERS = (3, 4, 5)


def render_history_text(found: History) -> str:
    """Return every series for a terminal."""
    blocks = []
    for series in found.series:
        table = aligned_table(_head(series), _rows(series), right=_NUMBERS)
        lines = [_title(series), f"  {sparkline(series)}", "", table, *_rest(series, "")]
        blocks.append("\n".join(lines))
    return "\n\n".join([*blocks, _method(found)]) + "\n"


def render_history_markdown(found: History) -> str:
    """Return every series as Markdown, the changes before the runs."""
    blocks = []
    for series in found.series:
        table = markdown_table(_head(series), _rows(series))
        lines = [f"## {_title(series)}", "", f"`{sparkline(series)}`", *_rest(series, "- ")]
        blocks.append("\n".join([*lines, "", table]))
    return "\n\n".join([*blocks, _method(found)]) + "\n"


def sparkline(series: HistorySeries) -> str:
    """Return one bar for each run, low to high: ``·`` is no value, ``¦`` a break or a change."""
    values = [row.value for row in series.rows if row.value is not None]
    low, high = min(values, default=0.0), max(values, default=0.0)
    changed = {change.run_id for change in series.changes}
    marks = []
    for row in series.rows:
        if row.break_reason is not None or row.run_id in changed:
            marks.append(_BREAK)
        if row.value is None:
            marks.append(_ABSENT)
            continue
        place = (row.value - low) / (high - low) if high > low else 0.5
        marks.append(_BARS[min(int(place * len(_BARS)), len(_BARS) - 1)])
    return "".join(marks)


def _title(series: HistorySeries) -> str:
    runs = len(series.rows)
    return one_line(f"{series.path} of {series.model}, {runs} run{'s' * (runs != 1)}")


def _head(series: HistorySeries) -> Row:
    return Row("when", "run", _label_names(series) or "labels", "value", "interval", "n", "note")


def _label_names(series: HistorySeries) -> str:
    return ", ".join(dict.fromkeys(name for row in series.rows for name in row.labels))


def _rows(series: HistorySeries) -> list[Row]:
    changes = {change.run_id: change for change in series.changes}
    return [_row(row, changes.get(row.run_id), series) for row in series.rows]


def _row(row: HistoryRow, change: HistoryChange | None, series: HistorySeries) -> Row:
    unit = series.unit or ""
    value = "-" if row.value is None else format_value(row.value, unit)
    spread = "-"
    if row.low is not None and row.high is not None:
        spread = f"[{format_value(row.low, unit)}, {format_value(row.high, unit)}]"
    notes = []
    if change is not None:
        notes.append(f"{change.reading}: a new level")
    if row.break_reason is not None:
        notes.append(f"not comparable with the run before: {row.break_reason}")
    if row.absent is not None:
        notes.append(f"absent: {row.absent}")
    labels = ", ".join(text[:_SHORT_LABEL] for text in row.labels.values())
    when = row.created.replace("T", " ")[:_SHORT_TIME]
    n = "-" if row.n is None else str(row.n)
    return Row(when, row.run_id, labels or "-", value, spread, n, "; ".join(notes))


def _rest(series: HistorySeries, bullet: str) -> list[str]:
    told = [_sentence(change, series) for change in series.changes]
    told += list(series.notes)
    if not told:
        told = ["No change of level is shown."]
    return ["", *(one_line(f"{bullet}{text}") for text in told)]


def _sentence(change: HistoryChange, series: HistorySeries) -> str:
    unit = series.unit or ""
    before, after, shift = (
        format_value(number, unit) for number in (change.before, change.after, change.shift)
    )
    tags = ", ".join(f"{key} {text}" for key, text in change.labels.items())
    at = f"{change.run_id} ({tags})" if tags else change.run_id
    text = (
        f"{change.reading.capitalize()} from {at} on: {before} over {change.runs_before} runs, "
        f"then {after} over {change.runs_after} (shift {shift}, p = {change.p:.2g})."
    )
    if change.low is not None and change.high is not None and change.difference is not None:
        ends = f"[{format_value(change.low, unit)}, {format_value(change.high, unit)}]"
        how = "paired" if change.paired else "unpaired"
        text += (
            f" Against the run before it, {change.previous_run_id}: "
            f"{format_value(change.difference, unit)} {ends}, {how}."
        )
    elif change.note:
        text += f" The two runs beside it: {change.note}."
    return text


def _method(found: History) -> str:
    return f"Changes of level: {found.rule}; false alarms at most {found.alpha:g} a track."
