"""How far a run is, as data: its jobs, their progress, rates and what is left."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Literal

from slmbench.cli.live_headline import headline
from slmbench.schema.plan import Plan
from slmbench.schema.record import JobRecord
from slmbench.units import clock

Status = Literal["waiting", "running", "done", "failed"]
#: A rate is told over this last stretch of a job, and progress is noted no more often than that.
_STRETCH_S, _APART_S = 60.0, 0.5


@dataclass
class LiveJob:
    """One job of one model as its watcher knows it.

    Attributes:
        outcome: the headline number with its interval, or why there is none.
        is_earlier: an earlier attempt at the run did it.
        marks: (time, items done) of the last stretch, both growing.
    """

    model: str
    job_id: str
    status: Status = "waiting"
    outcome: str = ""
    elapsed_s: float | None = None
    is_earlier: bool = False
    started_s: float = 0.0
    done_items: int = 0
    total_items: int | None = None
    marks: deque[tuple[float, int]] = field(default_factory=deque)

    @property
    def suite(self) -> str:
        """Return the suite that the job belongs to."""
        return self.job_id.partition("/")[0]

    def note(self, now_s: float, done: int, total: int) -> None:
        """Take a report of progress; one that goes back begins another stage of the job."""
        if done < self.done_items or total != self.total_items:
            self.marks.clear()
        self.done_items, self.total_items = done, total
        if self.marks and now_s - self.marks[-1][0] < _APART_S:
            return
        self.marks.append((now_s, done))
        while len(self.marks) > 2 and now_s - self.marks[0][0] > _STRETCH_S:
            self.marks.popleft()

    @property
    def items_per_s(self) -> float | None:
        """Return the rate of the last stretch; None until two reports tell one."""
        if len(self.marks) < 2:
            return None
        (start_s, first), (end_s, last) = self.marks[0], self.marks[-1]
        return (last - first) / (end_s - start_s) if last > first and end_s > start_s else None

    def left_s(self, now_s: float) -> float | None:
        """Return about how long a running job still needs, at the rate it has."""
        rate = self.items_per_s
        if self.status != "running" or rate is None or self.total_items is None:
            return None
        since_s = now_s - self.marks[-1][0]
        return max(0.0, (self.total_items - self.marks[-1][1]) / rate - since_s)


class LiveState:
    """Every job of a run, in the order in which they come.

    Args:
        now: the clock, in seconds.
    """

    def __init__(self, now: Callable[[], float] = clock) -> None:
        """Begin with no job."""
        self._now = now
        self.started_s = now()
        self.jobs: list[LiveJob] = []
        self.current: LiveJob | None = None
        self._models: list[tuple[str, list[LiveJob]]] = []
        self._at = -1

    def plan(self, plan: Plan) -> None:
        """Take every job before the first of them begins."""
        for run in plan.runs:
            own = [LiveJob(run.model.label, job.job_id) for job in run.jobs]
            self._models.append((run.model.label, own))
            self.jobs += own

    @property
    def is_planned(self) -> bool:
        """Say whether a plan told of the jobs; else they are known once they begin."""
        return bool(self._models)

    def begin_model(self, model: str) -> None:
        """Go on to the next model of that name; two of a plan may share one."""
        for at in range(self._at + 1, len(self._models)):
            if self._models[at][0] == model:
                self._at = at
                return

    def known(self, done: Sequence[JobRecord]) -> None:
        """Take what an earlier attempt at the current model has done."""
        ids = {job.job_id: job for job in done}
        for job in self._own():
            record = ids.get(job.job_id)
            if record is not None:
                _end(job, record)
                job.is_earlier = True

    def start(self, model: str, job_id: str) -> LiveJob:
        """Begin a job; one that runs still has come to its end untold."""
        if self.current is not None and self.current.status == "running":
            self.current.status = "done"
            self.current.elapsed_s = self._now() - self.current.started_s
        job = self._find(model, job_id)
        job.status, job.started_s = "running", self._now()
        self.current = job
        return job

    def progress(self, model: str, job_id: str, done: int, total: int) -> LiveJob:
        """Take how far a job is."""
        job = self._find(model, job_id)
        job.note(self._now(), done, total)
        return job

    def end(self, model: str, record: JobRecord) -> LiveJob:
        """Take how a job ended."""
        job = self._find(model, record.job_id)
        _end(job, record)
        self.current = job
        return job

    def counts(self) -> dict[Status, int]:
        """Return how many jobs there are of each status."""
        found: dict[Status, int] = {"waiting": 0, "running": 0, "done": 0, "failed": 0}
        for job in self.jobs:
            found[job.status] += 1
        return found

    def elapsed_s(self) -> float:
        """Return how long the run has been watched."""
        return self._now() - self.started_s

    def now_s(self) -> float:
        """Return the time on the clock."""
        return self._now()

    def left_s(self) -> float | None:
        """Return about how long the run still needs; None where nothing tells.

        A job that waits is taken to need what the same job needed with another model, else what
        jobs of its suite needed on average, else all jobs; what an earlier attempt did counts too.
        """
        took: dict[str, list[float]] = {}
        for job in self.jobs:
            if job.status == "done" and job.elapsed_s:
                for key in (job.job_id, job.suite, ""):
                    took.setdefault(key, []).append(job.elapsed_s)
        means = {key: fmean(each) for key, each in took.items()}
        open_jobs = [job for job in self.jobs if job.status in ("waiting", "running")]
        needed = [self._left_of(job, means) for job in open_jobs]
        known = [each for each in needed if each is not None]
        return sum(known) if known and len(known) == len(needed) else None

    def _left_of(self, job: LiveJob, means: Mapping[str, float]) -> float | None:
        left_s = job.left_s(self._now())
        if left_s is not None:
            return left_s
        for key in (job.job_id, job.suite, ""):
            if key in means:
                spent_s = self._now() - job.started_s if job.status == "running" else 0.0
                return max(0.0, means[key] - spent_s)
        return None

    def _own(self) -> list[LiveJob]:
        return self._models[self._at][1] if 0 <= self._at < len(self._models) else self.jobs

    def _find(self, model: str, job_id: str) -> LiveJob:
        """Return the job of the current model; one that no plan told of is added."""
        running = [self.current] if self.current and self.current.status == "running" else []
        for job in (*running, *self._own()):
            if job.model == model and job.job_id == job_id:
                return job
        job = LiveJob(model, job_id)
        self.jobs.append(job)
        if self._own() is not self.jobs:
            self._own().append(job)
        return job


def _end(job: LiveJob, record: JobRecord) -> None:
    job.status = "done" if record.status == "done" else "failed"
    job.elapsed_s = record.elapsed_s
    reason = record.reason or "no reason was recorded"
    job.outcome = headline(record) if job.status == "done" else reason
