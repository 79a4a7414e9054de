"""Progress bars on stderr; plain lines where stderr is no terminal."""

from __future__ import annotations

from types import TracebackType

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from slmbench.cli.output import stderr
from slmbench.schema.record import JobRecord


class Bars:
    """The Observer that draws; use it as a context manager.

    Args:
        quiet: draw and print nothing.
    """

    def __init__(self, quiet: bool = False) -> None:
        """Prepare the bars."""
        self._quiet = quiet
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TimeElapsedColumn(),
            console=stderr,
            disable=quiet or not stderr.is_terminal,
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Bars:
        """Start drawing."""
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop drawing, whatever happened."""
        self._progress.stop()

    def run_started(self, model: str, jobs: int, resumed: bool) -> None:
        """Say that a model begins."""
        if jobs == 0:
            self._say(f"{model}: done before, nothing to do")
        else:
            self._say(f"{model}: {jobs} jobs{' left' if resumed else ''}")

    def job_started(self, model: str, job_id: str) -> None:
        """Show the bar of a job."""
        self._task = self._progress.add_task(f"{model} {job_id}", total=1)

    def job_progress(self, model: str, job_id: str, done: int, total: int) -> None:
        """Move the bar."""
        if self._task is not None:
            self._progress.update(self._task, completed=done, total=total)

    def job_ended(self, model: str, job: JobRecord) -> None:
        """Say how the job ended."""
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None
        seconds = f"{job.elapsed_s:.1f} s" if job.elapsed_s is not None else ""
        how = seconds if job.status == "done" else f"FAILED: {job.reason}"
        self._say(f"{model} {job.job_id}: {how}")

    def _say(self, text: str) -> None:
        if not self._quiet:
            self._progress.console.print(text, markup=False, soft_wrap=True)
