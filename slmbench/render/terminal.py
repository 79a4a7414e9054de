"""Show one run in the terminal: its numbers, what is missing and what failed."""

from __future__ import annotations

from collections import Counter

from rich.table import Table
from rich.text import Text

from slmbench.schema.base import Absent
from slmbench.schema.record import Metric, RunRecord
from slmbench.units import format_value

#: A job with more numbers missing than this, all for one reason, is shown in one line.
_MOST_ALIKE = 5


def summary_table(record: RunRecord) -> Table:
    """Return every metric of a run with its interval and how it is known, or why it is absent.

    Many numbers that one job lacks for one reason are one line: an in-process model under load.
    """
    title = Text(f"{record.model.name} · {record.run_id}")
    table = Table(title=title, title_justify="left", header_style="bold", pad_edge=False)
    table.add_column("metric", overflow="fold")
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("interval", justify="right", style="dim")
    table.add_column("n", justify="right")
    table.add_column("how", overflow="fold")
    lacks = [_lack(metric) for metric in record.metrics]
    alike = Counter(lacks)
    told: set[tuple[str, str, str]] = set()
    for metric, lack in zip(record.metrics, lacks, strict=True):
        if lack is None or alike[lack] <= _MOST_ALIKE:
            table.add_row(*_metric_cells(metric))
        elif lack not in told:
            told.add(lack)
            table.add_row(*_metric_cells(metric, f" and {alike[lack] - 1} more of this job"))
    return table


def notes_table(record: RunRecord) -> Table | None:
    """Return what a reader should know of how the jobs went; None where there is nothing."""
    jobs: dict[str, list[str]] = {}
    for job in record.jobs:
        for note in job.notes:
            jobs.setdefault(note, []).append(f"{job.suite}/{job.task}")
    table = Table(title=Text("Notes"), title_justify="left", header_style="bold")
    for name in ("job", "note"):
        table.add_column(name, overflow="fold")
    for note, named in jobs.items():
        more = f" and {len(named) - 1} more" if len(named) > 1 else ""
        table.add_row(Text(named[0] + more), Text(note))
    return table if jobs else None


def failures(record: RunRecord) -> Table | None:
    """Return the jobs that did not end well and the samples that were lost; None if all is well."""
    table = Table(title=Text("Not measured"), title_justify="left", header_style="bold red")
    for name in ("job", "status", "reason"):
        table.add_column(name, overflow="fold")
    for job in record.jobs:
        name = f"{job.suite}/{job.task}"
        if job.status == "failed":
            reason = job.reason or "no reason was recorded"
            table.add_row(Text(name), Text("failed", style="red"), Text(reason))
        elif job.status != "done":
            reason = job.reason or "the run stopped before this job was done"
            table.add_row(Text(name), Text("not finished", style="yellow"), Text(reason))
        for count, what in ((job.failed_count, "failed"), (job.unscored_count, "have no score")):
            if count:
                lost = f"{count} of {job.sample_count} samples {what}"
                table.add_row(Text(name), Text("partial", style="yellow"), Text(lost))
    return table if table.row_count else None


def _lack(metric: Metric) -> tuple[str, str, str] | None:
    """Return the job of a missing number and why it is missing; None where it is there."""
    value = metric.value
    return (metric.suite, metric.task, value.reason) if isinstance(value, Absent) else None


def _metric_cells(metric: Metric, more: str = "") -> tuple[Text, ...]:
    """Return a row; Text, never markup, because names and reasons are untrusted."""
    value = metric.value
    if isinstance(value, Absent):
        absent = Text(value.reason, style="yellow")
        return (Text(metric.path + more), Text("—", style="yellow"), Text(), Text(), absent)
    span = ""
    if value.interval is not None:
        ends = (value.interval.low, value.interval.high)
        span = " – ".join(format_value(end, value.unit) for end in ends)
    return (
        Text(metric.path),
        Text(format_value(value.value, value.unit)),
        Text(span),
        Text(str(value.n)),
        Text(value.how),
    )
