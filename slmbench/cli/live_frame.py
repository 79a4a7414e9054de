"""One picture of a run for a terminal of a given size: lines, none of them too long or too many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from slmbench.cli.live_state import LiveJob, LiveState

_STYLES = {"waiting": "dim", "running": "cyan", "done": "green", "failed": "red"}
_LONGEST_BAR = 24
#: A bar of less says nothing.
_SHORTEST_BAR = 6


@dataclass(frozen=True)
class Signs:
    """The signs that a terminal's encoding can show."""

    waiting: str = "·"
    running: str = "▶"
    done: str = "✓"
    failed: str = "✗"
    full: str = "━"
    empty: str = "─"
    more: str = "…"
    apart: str = " · "


ASCII = Signs(".", ">", "+", "x", "#", "-", "...", ", ")


def frame(state: LiveState, width: int, height: int, signs: Signs) -> list[Text]:
    """Return the lines of the picture, fewer than ``height`` and each shorter than ``width``.

    Where the jobs don't fit, those around the running one are shown and the others are counted.
    """
    room = max(1, height - 2)
    head = [_line(header(state, signs), "bold")]
    single = len({job.model for job in state.jobs}) <= 1
    shown, before, after = _window(state, max(1, room - len(head)))
    name_width = _name_width([_name(job, single) for job in shown], width)
    lines = [
        *head,
        *([_line(f"  {signs.more} {_counted(before)} above", "dim")] if before else []),
        *(_row(state, job, _name(job, single), (name_width, width), signs) for job in shown),
        *([_line(f"  {signs.more} {_counted(after)} below", "dim")] if after else []),
    ]
    for line in lines[:room]:
        line.truncate(max(1, width - 1), overflow="crop")
    return lines[:room]


def header(state: LiveState, signs: Signs) -> str:
    """Return the line that tells of the whole run."""
    if not state.jobs:
        return "planning"
    counts, left_s = state.counts(), state.left_s()
    models = list(dict.fromkeys(job.model for job in state.jobs))
    parts = [models[0] if len(models) == 1 else f"{len(models)} models"]
    parts.append(f"{counts['done']} of {len(state.jobs)} jobs done")
    parts += [f"{counts['failed']} failed"] if counts["failed"] else []
    parts.append(f"{duration(state.elapsed_s())} elapsed")
    parts += [f"about {duration(left_s)} left"] if left_s is not None else []
    # Between jobs that share a model nothing is to be seen: what takes time is its loading.
    parts += ["loading the model"] if counts["waiting"] and not counts["running"] else []
    return printable(signs.apart.join(parts))


def duration(seconds: float) -> str:
    """Return ``0:07``, ``12:03`` or ``1:02:03``."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def rate(items_per_s: float) -> str:
    """Return a rate with three digits: ``12.3/s``."""
    return f"{items_per_s:.0f}/s" if items_per_s >= 100 else f"{items_per_s:.3g}/s"


def printable(text: str) -> str:
    """Return text on one line, without what a terminal would obey: escapes, overrides."""
    return "".join(c if c.isprintable() else "\ufffd" for c in " ".join(text.split()))


def _window(state: LiveState, room: int) -> tuple[list[LiveJob], list[LiveJob], list[LiveJob]]:
    """Return the jobs that are shown, those above and those below."""
    jobs = state.jobs
    if len(jobs) <= room:
        return jobs, [], []
    # Two lines tell of what is not shown.
    shown = max(1, room - 2)
    at = next((i for i, job in enumerate(jobs) if job is state.current), 0)
    # More of what is done than of what waits: it has numbers.
    first = min(max(0, at - (2 * shown) // 3), len(jobs) - shown)
    return jobs[first : first + shown], jobs[:first], jobs[first + shown :]


def _counted(jobs: Sequence[LiveJob]) -> str:
    counts = {status: sum(job.status == status for job in jobs) for status in _STYLES}
    return ", ".join(f"{count} {status}" for status, count in counts.items() if count)


def _name(job: LiveJob, single: bool) -> str:
    return printable(job.job_id if single else f"{job.model} {job.job_id}")


def _name_width(names: Sequence[str], width: int) -> int:
    return min(max(map(cell_len, names), default=0), max(10, int(width * 0.4)))


def _row(state: LiveState, job: LiveJob, name: str, widths: tuple[int, int], signs: Signs) -> Text:
    """Return the line of one job: its sign, its name, and what there is to tell."""
    name_width, width = widths
    style = _STYLES[job.status]
    label = Text(name)
    # A long name is cut at its front: tasks differ at their end.
    while label.cell_len > name_width:
        label = Text(signs.more + label.plain[len(signs.more) + 1 :].lstrip(signs.more))
    label.pad_right(name_width - label.cell_len)
    line = Text("  ").append(getattr(signs, job.status), style=style).append(" ")
    line.append_text(label).append("  ")
    room = width - 1 - line.cell_len
    if job.status == "running":
        return line.append_text(_running(state, job, room, signs))
    took = "" if job.elapsed_s is None else f"{job.elapsed_s:.3g} s"
    took = "before" if job.is_earlier else took
    said = Text(printable(job.outcome) if job.outcome else "")
    said.truncate(max(0, room - len(took) - 2), overflow="ellipsis" if signs != ASCII else "crop")
    said.style = "red" if job.status == "failed" else ""
    line.append_text(said)
    return line.append(f"  {took}" if took else "", style="dim")


def _running(state: LiveState, job: LiveJob, room: int, signs: Signs) -> Text:
    """Return a job's bar, count, rate and times, as far as there is room for them."""
    now_s = state.now_s()
    left_s, speed = job.left_s(now_s), job.items_per_s
    times = duration(now_s - job.started_s)
    times += f", about {duration(left_s)} left" if left_s is not None else ""
    if not job.total_items:
        return Text(times)
    told = [f"{job.done_items}/{job.total_items}"]
    told += [rate(speed)] if speed is not None else []
    said = "  ".join([*told, times])
    long = min(_LONGEST_BAR, room - len(said) - 2)
    if long < _SHORTEST_BAR:
        return Text(said)
    full = long * min(job.done_items, job.total_items) // job.total_items
    bar = Text(signs.full * full, style="cyan").append(signs.empty * (long - full), style="dim")
    return bar.append(f"  {said}", style="none")


def _line(text: str, style: str) -> Text:
    return Text(text, style=style)
