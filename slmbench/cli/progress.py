"""Show how a run goes on stderr: a live view in a terminal, plain lines in a log."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from threading import RLock
from types import TracebackType

from rich.console import Console
from rich.text import Text

from slmbench.cli.live_frame import ASCII, Signs, duration, frame, printable, rate
from slmbench.cli.live_screen import LiveScreen
from slmbench.cli.live_state import LiveJob, LiveState
from slmbench.cli.output import stderr
from slmbench.schema.plan import Plan
from slmbench.schema.record import JobRecord

#: In a log, a job tells of its progress no more often.
_LOG_PAUSE_S = 30.0
#: Suites whose numbers suffer where somebody draws beside them.
_MEASURING = ("latency", "load", "energy", "memory")


class Bars:
    """The Observer of the command line; use it as a context manager.

    In a terminal all jobs of the run are shown while it goes on, and a summary remains. Elsewhere
    each job has a line at its start and at its end, and one every 30 s between them.

    Args:
        quiet: show and print nothing.
        can_resume: the command takes ``--resume``, which is told of after Ctrl-C.
        console: where to show it.
    """

    def __init__(
        self, quiet: bool = False, can_resume: bool = False, console: Console = stderr
    ) -> None:
        """Prepare; nothing is drawn before the context is entered."""
        self._quiet = quiet
        self._can_resume = can_resume
        self._console = console
        self._state = LiveState()
        self._lock = RLock()
        self._said_s = 0.0
        self._signs = Signs() if console.encoding.lower().startswith("utf") else ASCII
        self._screen: LiveScreen | None = None
        if not quiet and _is_terminal(console):
            self._screen = LiveScreen(console, self._lines, self._is_measuring)

    def __enter__(self) -> Bars:
        """Start drawing."""
        self._state.started_s = self._state.now_s()
        if self._screen is not None:
            self._screen.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop drawing, whatever happened, and say what came of the jobs."""
        if self._screen is not None:
            self._screen.stop()
            self._tell_failures()
        self._summarise()
        if kind is KeyboardInterrupt and self._can_resume:
            again = [] if "--resume" in sys.argv else ["--resume"]
            self._say(f"Go on with: {shlex.join(['slmbench', *sys.argv[1:], *again])}")

    def plan_known(self, plan: Plan) -> None:
        """Take all jobs of the run."""
        with self._lock:
            self._state.plan(plan)

    def jobs_known(self, model: str, done: Sequence[JobRecord]) -> None:
        """Take what an earlier attempt has done."""
        with self._lock:
            self._state.known(done)

    def run_started(self, model: str, jobs: int, resumed: bool) -> None:
        """Say that a model begins."""
        with self._lock:
            self._state.begin_model(model)
        if jobs == 0:
            self._say(f"{model}: done before, nothing to do")
        else:
            self._log(f"{model}: {jobs} job{'s' if jobs > 1 else ''}{' left' if resumed else ''}")

    def job_started(self, model: str, job_id: str) -> None:
        """Show that a job runs."""
        with self._lock:
            job = self._state.start(model, job_id)
            self._said_s = self._state.now_s()
            number = f" ({self._state.jobs.index(job) + 1} of {len(self._state.jobs)})"
        self._log(f"{model} {job_id}: started{number if len(self._state.jobs) > 1 else ''}")

    def job_progress(self, model: str, job_id: str, done: int, total: int) -> None:
        """Take how far a job is."""
        with self._lock:
            job = self._state.progress(model, job_id, done, total)
            now_s = self._state.now_s()
        if now_s - self._said_s >= _LOG_PAUSE_S and done < total:
            self._said_s = now_s
            self._log(f"{model} {job_id}: {_how_far(job, now_s)}")

    def job_ended(self, model: str, job: JobRecord) -> None:
        """Say how a job ended."""
        with self._lock:
            ended = self._state.end(model, job)
        self._log(f"{model} {job.job_id}: {_how_it_ended(ended)}")

    def _lines(self, width: int, height: int) -> list[Text]:
        with self._lock:
            return frame(self._state, width, height, self._signs)

    def _is_measuring(self) -> bool:
        current = self._state.current
        return current is not None and current.suite in _MEASURING

    def _tell_failures(self) -> None:
        for job in self._state.jobs:
            if job.status == "failed":
                self._say(f"{job.model} {job.job_id}: {_how_it_ended(job)}")

    def _summarise(self) -> None:
        counts, total = self._state.counts(), len(self._state.jobs)
        before = sum(job.is_earlier for job in self._state.jobs)
        # Where no plan told of the jobs, as in a pair, nobody tells how the last of them ended.
        if not self._state.is_planned or counts["done"] + counts["failed"] == before:
            return
        parts = [f"{counts['done']} of {total} job{'s' if total > 1 else ''} done"]
        parts += [f"{before} of them before"] if before else []
        parts += [f"{counts['failed']} failed"] if counts["failed"] else []
        self._say(f"{', '.join(parts)}, in {duration(self._state.elapsed_s())}")

    def _log(self, text: str) -> None:
        """Print a line where nothing is drawn."""
        if self._screen is None:
            self._say(text)

    def _say(self, text: str) -> None:
        if not self._quiet:
            self._console.print(Text(printable(text)), soft_wrap=True)


def _is_terminal(console: Console) -> bool:
    """Say whether a picture can be drawn over; FORCE_COLOR makes no terminal of a log."""
    try:
        is_one = os.isatty(console.file.fileno())
    except (OSError, ValueError):
        return False
    return is_one and console.is_terminal and not console.is_dumb_terminal


def _how_far(job: LiveJob, now_s: float) -> str:
    parts = [f"{job.done_items} of {job.total_items}"]
    left_s = job.left_s(now_s)
    parts += [rate(job.items_per_s)] if job.items_per_s is not None else []
    parts += [f"about {duration(left_s)} left"] if left_s is not None else []
    return ", ".join(parts)


def _how_it_ended(job: LiveJob) -> str:
    took = "" if job.elapsed_s is None else f" after {job.elapsed_s:.1f} s"
    if job.status == "failed":
        return f"FAILED{took}: {job.outcome}"
    return f"done{took}, {job.outcome}"
