"""A run's metrics as CSV: one row each, those that are absent with their reason."""

from __future__ import annotations

import csv
import io

from slmbench.errors import InputError
from slmbench.schema.base import Absent
from slmbench.schema.record import Metric, RunRecord

_HEAD = (
    "run_id", "created", "model", "suite", "task", "metric", "value", "unit", "low", "high",
    "level", "n", "how", "higher_is_better", "absent",
)  # fmt: skip
#: What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def render_csv(record: RunRecord) -> str:
    """Return RFC 4180 text with a head line; a missing number is an empty cell, never a 0.

    A text that a spreadsheet would run as a formula gets an apostrophe before it.

    Raises:
        InputError: the run has no metric at all.
    """
    if not record.metrics:
        raise InputError(
            f"The run '{record.run_id}' has no metric to export. "
            f"See why: slmbench show {record.run_id}"
        )
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_HEAD)
    writer.writerows(_row(record, metric) for metric in record.metrics)
    return text.getvalue()


def _row(record: RunRecord, metric: Metric) -> list[str | float | int]:
    names = (record.run_id, record.created, record.model.name)
    head: list[str | float | int] = [
        *map(_harmless, (*names, metric.suite, metric.task, metric.metric))
    ]
    up = "" if metric.higher_is_better is None else str(metric.higher_is_better).lower()
    value = metric.value
    if isinstance(value, Absent):
        return [*head, *[""] * 7, up, _harmless(value.reason)]
    bounds: tuple[float | str, ...] = ("", "", "")
    if value.interval is not None:
        bounds = (value.interval.low, value.interval.high, value.interval.level)
    return [*head, value.value, value.unit, *bounds, value.n, _harmless(value.how), up, ""]


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
