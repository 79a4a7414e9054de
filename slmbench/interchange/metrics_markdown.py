"""A run's metrics as a Markdown table, for a README or a pull request."""

from __future__ import annotations

import re

from slmbench.errors import InputError
from slmbench.schema.base import Absent
from slmbench.schema.record import Metric, RunRecord
from slmbench.units import format_value

_HEAD = ("metric", "value", "interval", "n", "how")
#: What Markdown, HTML or a code host (mentions, issue numbers) would take for more than text.
_SPECIAL = re.compile(r"[\\`*_\[\]|~!#]")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;"})


def render_markdown(record: RunRecord) -> str:
    """Return a heading and a table; a missing number is a dash with its reason, never a 0.

    Names and reasons stay text: no markup, link, image or mention of theirs is obeyed.

    Raises:
        InputError: the run has no metric at all.
    """
    if not record.metrics:
        raise InputError(
            f"The run '{record.run_id}' has no metric to export. "
            f"See why: slmbench show {record.run_id}"
        )
    lines = [
        f"### {_text(record.model.name)}",
        "",
        f"Run {_text(record.run_id)}, {_text(record.created[:10])}{_origin(record)}.",
        "",
        _row(_HEAD),
        "| --- | ---: | ---: | ---: | --- |",
        *(_row(_cells(metric)) for metric in record.metrics),
    ]
    failed = [job for job in record.jobs if job.status != "done"]
    if failed:
        lines += ["", "Not measured:", ""]
        lines += [f"- {_text(j.job_id)}, {j.status}: {_text(j.reason or '—')}" for j in failed]
    return "\n".join(lines) + "\n"


def _origin(record: RunRecord) -> str:
    if record.origin is None:
        return ""
    cited = f", published in {_text(record.origin.citation)}" if record.origin.citation else ""
    return f", imported from {_text(record.origin.tool)}{cited}"


def _cells(metric: Metric) -> tuple[str, ...]:
    value = metric.value
    if isinstance(value, Absent):
        return (_text(metric.path), "—", "", "", f"absent: {_text(value.reason)}")
    span = ""
    if value.interval is not None:
        ends = (format_value(end, value.unit) for end in (value.interval.low, value.interval.high))
        span = f"{' to '.join(ends)} ({value.interval.level:.4g})"
    number = format_value(value.value, value.unit)
    return (_text(metric.path), _text(number), _text(span), str(value.n), _text(value.how))


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(text: str) -> str:
    """Return text on one line that no Markdown reader takes for anything else."""
    line = "".join(c if c.isprintable() else "\ufffd" for c in " ".join(text.split()))
    return _SPECIAL.sub(lambda found: f"\\{found.group()}", line).translate(_ENTITIES)
