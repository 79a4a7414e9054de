"""Run a candidate for a gate: items in random order, in growing parts, until nothing is open."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from slmbench.execute.local import LocalExecutor
from slmbench.execute.process import WorkerDied, WorkerProcess
from slmbench.execute.run_state import RunState
from slmbench.ports import Observer
from slmbench.schema.base import Measured
from slmbench.schema.plan import Job, RunPlan
from slmbench.schema.record import JobResult, Metric, ModelFingerprint
from slmbench.units import clock

#: Items of the first part; a later one has a quarter of what was asked before, and no fewer. So a
#: verdict costs at most a quarter more items than it needs, and a prefix that all share is
#: computed for a few parts only.
_FIRST = 16


class Watcher(Protocol):
    """Who sees the items of a job as they come, and says when enough were asked."""

    @property
    def is_settled(self) -> bool:
        """Say whether nothing about the job is open."""

    def take(self, places: Sequence[int], result: JobResult) -> None:
        """Take the result of a part, its items' places being in the order drawn."""


#: Returns who watches a job of so many items; None for a job that is run as a whole.
Watch = Callable[[Job, int], Watcher | None]


class _Refused(Exception):
    """The worker answered that a part failed; ``trace`` is for whoever mends it."""

    def __init__(self, reason: str, trace: str) -> None:
        super().__init__(reason)
        self.trace = trace


@dataclass(frozen=True)
class _Talk:
    """One job's talk with its worker."""

    worker: WorkerProcess
    job: Job
    fingerprint: dict[str, Any]
    deadline: float

    def count(self) -> int | None:
        """Return the job's items, or None where they can't be asked in parts."""
        counted: int | None = self._ask("count", None, together=False)["count"]
        return counted

    def items(self, places: Sequence[int] | None, together: bool) -> JobResult:
        """Return what the suite makes of some items, or of all."""
        answer = self._ask("items", places, together)
        return JobResult.model_validate(answer["result"])

    def _ask(self, kind: str, places: Sequence[int] | None, together: bool) -> dict[str, Any]:
        items = None if places is None else tuple(sorted(places))
        job = self.job.model_copy(update={"items": items})
        self.worker.send(
            {
                "kind": kind,
                "job": job.model_dump(mode="json"),
                "fingerprint": self.fingerprint,
                "together": together,
            }
        )
        while True:
            answer = self.worker.receive(self.deadline)
            if answer["kind"] == "failed":
                raise _Refused(answer["reason"], answer["trace"])
            if answer["kind"] in ("counted", "result"):
                return answer


class SequentialExecutor(LocalExecutor):
    """Runs a plan for a gate; a job that is watched ends as soon as its watcher has seen enough.

    Args:
        store: folder of runs.
        observer: who is told.
        fingerprint: computes a downloaded model's fingerprint once it is on this machine.
        saved: told a run's folder whenever a job of it was recorded.
        watch: finds who watches a job.
        seed: of the order in which items are asked.
    """

    def __init__(
        self,
        store: Path,
        observer: Observer,
        fingerprint: Callable[[RunPlan], ModelFingerprint | None],
        saved: Callable[[Path], None],
        watch: Watch,
        seed: int,
    ) -> None:
        """Take the store, who is told and who watches."""
        super().__init__(store, observer, resume=False, fingerprint=fingerprint, saved=saved)
        self._watch = watch
        self._seed = seed

    def _job(self, worker: WorkerProcess, state: RunState, run: RunPlan, job: Job) -> None:
        start, limit_s = clock(), state.record.spec.time_limit_s
        mark = state.record.model.fingerprint.model_dump()
        talk = _Talk(worker, job, mark, start + limit_s)
        try:
            count = talk.count()
            watcher = None if not count else self._watch(job, count)
            if count and watcher is not None:
                self._observer.job_started(run.model.label, job.job_id)
                result = self._in_parts(talk, state, watcher, count)
                self._end(state, run, job, result, clock() - start)
                return
        except _Refused as refusal:
            state.trace(job.job_id, refusal.trace)
            self._end(state, run, job, str(refusal), clock() - start)
            return
        except WorkerDied as death:
            self._end(state, run, job, f"{death} (limit {limit_s:g} s)", clock() - start)
            raise
        super()._job(worker, state, run, job)

    def _in_parts(self, talk: _Talk, state: RunState, watcher: Watcher, count: int) -> JobResult:
        """Ask until the watcher has seen enough, and return the result of all items asked."""
        order = list(range(count))
        random.Random(f"{self._seed}/{talk.job.job_id}").shuffle(order)
        label, done = state.record.model.name, 0
        while done < count and not watcher.is_settled:
            part = order[done : done + max(_FIRST, done // 4)]
            watcher.take(part, talk.items(part, together=False))
            done += len(part)
            self._observer.job_progress(label, talk.job.job_id, done, count)
        if done == count:
            return talk.items(None, together=True)
        self._observer.job_progress(label, talk.job.job_id, count, count)
        state.stop_early(talk.job.job_id, done, count)
        return _marked(talk.items(order[:done], together=True), done, count, self._seed)


def _marked(result: JobResult, asked: int, count: int, seed: int) -> JobResult:
    """Return a result that says of every number that it is of a part of the items."""
    part = f"{asked} of {count} items, in random order (seed {seed}), until a gate's verdict was in"
    note = (
        f"asked {part}: the numbers lean towards that verdict, and their intervals, which know "
        "nothing of the early stop, are too narrow"
    )
    return result.model_copy(
        update={
            "metrics": tuple(_of_a_part(metric, part) for metric in result.metrics),
            "notes": (*result.notes, note),
            "details": {
                **result.details,
                "sequential": {"items_asked": asked, "items_total": count, "seed": seed},
            },
        }
    )


def _of_a_part(metric: Metric, part: str) -> Metric:
    value = metric.value
    if not isinstance(value, Measured):
        return metric
    source = f"{value.source}; {part}" if value.source else part
    return metric.model_copy(update={"value": value.model_copy(update={"source": source})})
