"""Run a plan on this machine, one worker process at a time, recording as it goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slmbench.execute.process import WorkerDied, WorkerProcess
from slmbench.execute.run_state import RunState
from slmbench.ports import Observer, PlanObserver
from slmbench.schema.plan import Job, Plan, RunPlan
from slmbench.schema.record import JobResult, ModelFingerprint, RunRecord
from slmbench.store.reader import scan_runs
from slmbench.units import clock


@dataclass(frozen=True)
class LoadFailure(Exception):
    """The worker could not load the model; ``is_input`` says that the user can mend it."""

    reason: str
    is_input: bool


class LocalExecutor:
    """Runs every model in a worker of its own; a job's death is a failed job, not a failed plan.

    Args:
        store: folder of runs.
        observer: who is told.
        resume: go on with the newest run of the same plan instead of beginning a new one.
        fingerprint: computes a downloaded model's fingerprint once it is on this machine.
        saved: told a run's folder whenever a job of it was recorded.
    """

    def __init__(
        self,
        store: Path,
        observer: Observer,
        resume: bool,
        fingerprint: Callable[[RunPlan], ModelFingerprint | None],
        saved: Callable[[Path], None] = lambda folder: None,
    ) -> None:
        """Take the store and who is told."""
        self._store = store
        self._observer = observer
        self._resume = resume
        self._fingerprint = fingerprint
        self._saved = saved
        #: Why models could not be loaded as asked: the user's to mend.
        self.input_failures: list[str] = []

    def execute(self, plan: Plan) -> list[RunRecord]:
        """Run every job of the plan and return the finished records, in its order.

        Raises:
            SaveError: the store refused a write; what was recorded before is intact.
        """
        if isinstance(self._observer, PlanObserver):
            self._observer.plan_known(plan)
        return [self._run(plan, run) for run in plan.runs]

    def _run(self, plan: Plan, run: RunPlan) -> RunRecord:
        state = self._open(plan, run)
        if state is None:
            return self._finished(run)
        todo = [job for job in run.jobs if state.job(job.job_id).status != "done"]
        self._observer.run_started(run.model.label, len(todo), len(todo) < len(run.jobs))
        self._tell_done(run, state.record)
        try:
            for jobs in _groups(todo):
                self._group(state, run, jobs)
        finally:
            # Also on Ctrl-C and on a full disk: the lock is given back.
            if any(job.status in ("pending", "running") for job in state.record.jobs):
                state.writer.close()
        record = state.finish()
        self._saved(state.writer.folder)
        return record

    def _open(self, plan: Plan, run: RunPlan) -> RunState | None:
        """Return a new run, or the one to go on with; None where that one is done."""
        earlier = _earlier(self._store, run.plan_hash) if self._resume else None
        if earlier is None:
            return RunState.create(self._store, plan.spec, run)
        if earlier.status == "done":
            return None
        # What may differ between the two requests is as the new one says.
        new = plan.spec
        free = {"time_limit_s": new.time_limit_s, "cache": new.cache, "labels": new.labels}
        earlier = earlier.model_copy(update={"spec": earlier.spec.model_copy(update=free)})
        return RunState.reopen(self._store / earlier.run_id, earlier)

    def _finished(self, run: RunPlan) -> RunRecord:
        record = _earlier(self._store, run.plan_hash)
        assert record is not None
        self._observer.run_started(run.model.label, 0, True)
        self._tell_done(run, record)
        return record

    def _tell_done(self, run: RunPlan, record: RunRecord) -> None:
        """Tell an observer of whole plans what an earlier attempt has done."""
        if isinstance(self._observer, PlanObserver):
            done = [job for job in record.jobs if job.status == "done"]
            self._observer.jobs_known(run.model.label, done)

    def _group(self, state: RunState, run: RunPlan, jobs: list[Job]) -> None:
        """Run jobs in one worker; after its death the rest gets a new one."""
        while jobs:
            worker = WorkerProcess(offline=_is_here(run) and _is_local(jobs))
            try:
                self._load(worker, state, run)
                while jobs:
                    job = jobs.pop(0)
                    self._job(worker, state, run, job)
            except LoadFailure as failure:
                if failure.is_input and failure.reason not in self.input_failures:
                    self.input_failures.append(failure.reason)
                for job in jobs:
                    self._end(state, run, job, f"the model was not loaded: {failure.reason}", 0.0)
                return
            except WorkerDied:
                # Its job is recorded as failed already; the others go on in a fresh worker.
                continue
            finally:
                worker.close()

    def _load(self, worker: WorkerProcess, state: RunState, run: RunPlan) -> None:
        message = {
            "kind": "load",
            "spec": state.record.spec.model_dump(mode="json"),
            "source": run.local_path or run.model.target,
            "seconds": {role: each.model_dump(mode="json") for role, each in run.seconds.items()},
        }
        try:
            worker.send(message)
            answer = worker.receive(clock() + state.record.spec.time_limit_s)
        except WorkerDied as death:
            raise LoadFailure(str(death), is_input=False) from death
        if answer["kind"] == "failed":
            raise LoadFailure(answer["reason"], answer["is_input"])
        state.set_model(answer["info"], run.fingerprint or self._fingerprint(run))

    def _job(self, worker: WorkerProcess, state: RunState, run: RunPlan, job: Job) -> None:
        label = run.model.label
        self._observer.job_started(label, job.job_id)
        start = clock()
        limit_s = state.record.spec.time_limit_s
        try:
            worker.send(
                {
                    "kind": "job",
                    "job": job.model_dump(mode="json"),
                    "checkpoints": state.known(job.job_id),
                    "fingerprint": state.record.model.fingerprint.model_dump(),
                }
            )
            for message in _until_end(worker, start + limit_s):
                if message["kind"] == "checkpoint":
                    state.checkpoint(job.job_id, message["key"], message["value"])
                elif message["kind"] == "progress":
                    self._observer.job_progress(
                        label, job.job_id, message["done"], message["total"]
                    )
                elif message["kind"] == "failed":
                    state.trace(job.job_id, message["trace"])
                    self._end(state, run, job, message["reason"], clock() - start)
                else:
                    result = JobResult.model_validate(message["result"])
                    self._end(state, run, job, result, clock() - start)
        except WorkerDied as death:
            self._end(state, run, job, f"{death} (limit {limit_s:g} s)", clock() - start)
            raise

    def _end(
        self, state: RunState, run: RunPlan, job: Job, result: JobResult | str, elapsed_s: float
    ) -> None:
        ended = state.end(job.job_id, result, elapsed_s)
        self._saved(state.writer.folder)
        self._observer.job_ended(run.model.label, ended)


def _until_end(worker: WorkerProcess, deadline: float) -> Iterator[dict[str, Any]]:
    """Yield a job's messages; the last one is its result or its failure."""
    while True:
        message = worker.receive(deadline)
        yield message
        if message["kind"] in ("result", "failed"):
            return


def _groups(jobs: list[Job]) -> Iterator[list[Job]]:
    """Yield the jobs that may share a worker, then each that needs one of its own."""
    shared = [job for job in jobs if not job.fresh_process]
    if shared:
        yield shared
    for job in jobs:
        if job.fresh_process:
            yield [job]


def _is_here(run: RunPlan) -> bool:
    known = [run.fingerprint, *(each.fingerprint for each in run.seconds.values())]
    return all(fingerprint is not None for fingerprint in known)


def _is_local(jobs: list[Job]) -> bool:
    return all(job.task.path is not None for job in jobs)


def _earlier(store: Path, plan_hash: str) -> RunRecord | None:
    """Return the newest run of the same plan in a store, or None."""
    same = [run.record for run in scan_runs(str(store)) if run.record.plan_hash == plan_hash]
    return same[-1] if same else None
