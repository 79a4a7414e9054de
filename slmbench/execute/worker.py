"""The worker process: loads one model, runs the jobs it is handed, and tells the parent.

Started as ``python -m slmbench.execute.worker READ_FD WRITE_FD``; speaks JSON lines over the two
pipes, so whatever a library prints can't disturb the talk.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from slmbench import catalog
from slmbench.execute.amortise import run_amortised
from slmbench.execute.context import JobContext
from slmbench.execute.in_parts import InParts
from slmbench.execute.isolate import Failed, attempt
from slmbench.execute.second import SecondModels
from slmbench.execute.turns import Turns, peaks
from slmbench.ports import Backend
from slmbench.schema.plan import Job, SecondPlan
from slmbench.schema.record import ModelFingerprint
from slmbench.schema.spec import RunSpec

_PR_SET_PDEATHSIG = 1


class Worker:
    """Answers the parent's messages until the pipe closes."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        """Take the two ends of the pipes."""
        self._reader = os.fdopen(read_fd, "r", encoding="utf-8")
        self._writer = os.fdopen(write_fd, "w", encoding="utf-8")
        self._backend: Backend | None = None
        self._spec: RunSpec | None = None
        self._seconds = SecondModels({})
        self._jobs = 0
        self._turns: Turns | None = None
        self._parts: InParts | None = None

    def serve(self) -> None:
        """Handle messages: ``load`` first, then one ``job`` after another, or the turns of a pair.

        A pair's workload is made ready by ``workload``, each ``turn`` is one turn of it, and
        ``peaks`` asks for the memory that the process has held. A sequential gate asks with
        ``count`` how many items a job has, and with ``items`` for some of them.
        """
        handles = {
            "load": self._load,
            "job": self._job,
            "workload": self._workload,
            "turn": self._turn,
            "peaks": self._peaks,
            "count": self._count,
            "items": self._items,
        }
        for line in self._reader:
            message = json.loads(line)
            handle = handles[message["kind"]]
            outcome = attempt(lambda handle=handle, message=message: handle(message))  # type: ignore[misc]
            if isinstance(outcome, Failed):
                self._send(
                    {
                        "kind": "failed",
                        "reason": outcome.reason,
                        "trace": outcome.trace,
                        "is_input": outcome.is_input,
                    }
                )
            else:
                self._send(outcome.value)

    def _load(self, message: dict[str, Any]) -> dict[str, Any]:
        self._spec = RunSpec.model_validate(message["spec"])
        (model,) = self._spec.models
        seconds = {
            role: SecondPlan.model_validate(each) for role, each in message["seconds"].items()
        }
        self._seconds = SecondModels(seconds)
        self._backend = catalog.load("backends", model.backend)(model, message["source"])
        return {"kind": "loaded", "info": asdict(self._backend.info)}

    def _job(self, message: dict[str, Any]) -> dict[str, Any]:
        assert self._backend is not None and self._spec is not None
        job = Job.model_validate(message["job"])
        context = JobContext(self._spec, message["checkpoints"], self._send, self._seconds)
        context.jobs_before, self._jobs = self._jobs, self._jobs + 1
        suite = catalog.load("suites", job.suite)()
        fingerprint = ModelFingerprint.model_validate(message["fingerprint"])
        result = run_amortised(suite, job, self._backend, context, fingerprint)
        details = {**result.details, "engine": list(self._backend.notes())}
        result = result.model_copy(update={"details": details})
        return {"kind": "result", "result": result.model_dump(mode="json")}

    def _workload(self, message: dict[str, Any]) -> dict[str, Any]:
        assert self._backend is not None
        job = Job.model_validate(message["job"])
        self._turns = Turns(job, self._backend, self._context())
        return self._turns.described()

    def _turn(self, message: dict[str, Any]) -> dict[str, Any]:
        assert self._turns is not None
        return self._turns.take()

    def _peaks(self, message: dict[str, Any]) -> dict[str, Any]:
        assert self._backend is not None
        return peaks(self._backend, self._context())

    def _count(self, message: dict[str, Any]) -> dict[str, Any]:
        job = Job.model_validate(message["job"])
        count = self._in_parts(job, message).count(job, self._context())
        return {"kind": "counted", "count": count}

    def _items(self, message: dict[str, Any]) -> dict[str, Any]:
        assert self._backend is not None
        job = Job.model_validate(message["job"])
        parts = self._in_parts(job, message)
        ask = parts.together if message["together"] else parts.ask
        result = ask(job, self._context())
        details = {**result.details, "engine": list(self._backend.notes())}
        result = result.model_copy(update={"details": details})
        return {"kind": "result", "result": result.model_dump(mode="json")}

    def _in_parts(self, job: Job, message: dict[str, Any]) -> InParts:
        assert self._backend is not None
        if self._parts is None or self._parts.job_id != job.job_id:
            fingerprint = ModelFingerprint.model_validate(message["fingerprint"])
            self._parts = InParts(job, self._backend, fingerprint)
        return self._parts

    def _context(self) -> JobContext:
        assert self._spec is not None
        return JobContext(self._spec, {}, self._send, self._seconds)

    def _send(self, message: dict[str, Any]) -> None:
        self._writer.write(json.dumps(message, allow_nan=False) + "\n")
        self._writer.flush()


def main() -> None:
    """Serve the parent whose pipes are named on the command line."""
    if sys.platform == "linux":
        # The worker must not outlive a parent that was killed, nor be spared by the OOM killer.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")
    with suppress(BrokenPipeError, KeyboardInterrupt):
        Worker(int(sys.argv[1]), int(sys.argv[2])).serve()


if __name__ == "__main__":
    main()
