"""Run a task of the toxicity suite by the protocol that it names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from slmbench.errors import InputError, did_you_mean
from slmbench.ports import Backend, Context
from slmbench.schema.plan import Job
from slmbench.schema.record import JobResult
from slmbench.schema.strict import read_yaml
from slmbench.suites.taskfile import apply_limit, load_text_task
from slmbench.suites.toxicity.generated import run_generated
from slmbench.suites.toxicity.safety import run_safety_score

#: protocol -> what runs a task by it; the first is what a task that names none gets.
PROTOCOLS: dict[str, Callable[[Path, Backend, Context], JobResult]] = {
    "realtoxicityprompts": run_generated,
    "detoxification": run_generated,
    "safety_score": run_safety_score,
}


class Toxicity:
    """One job is one set of prompts."""

    name = "toxicity"

    def run(self, job: Job, backend: Backend, context: Context) -> JobResult:
        """Ask the task's items by its protocol.

        Raises:
            InputError: no such protocol, or a slip in the task or its data.
        """
        path = Path(job.task.path or "")
        protocol = _protocol(path)
        if protocol not in PROTOCOLS:
            near = did_you_mean(protocol, PROTOCOLS)
            raise InputError(
                f"'{path}' names no protocol of the toxicity suite: '{protocol}'.{near} "
                f"Known: {', '.join(PROTOCOLS)}."
            )
        if job.items is not None:
            return run_generated(path, backend, context, job.items)
        return PROTOCOLS[protocol](path, backend, context)

    def count_items(self, job: Job, backend: Backend, context: Context) -> int | None:
        """Return the prompts of a task; None where they can't be asked in parts.

        That is so for a protocol that writes nothing, and where a prompt comes twice: its later
        continuations are drawn anew, from a seed that says how often it was asked before.
        """
        path = Path(job.task.path or "")
        if PROTOCOLS.get(_protocol(path)) is not run_generated:
            return None
        _, rows = load_text_task(path)
        rows = rows[: apply_limit(len(rows), context.spec.limit)]
        return len(rows) if len({row.prompt for row in rows}) == len(rows) else None


def _protocol(path: Path) -> str:
    return str(read_yaml(path).get("protocol", next(iter(PROTOCOLS))))
