"""Measure two models in turns: a process each, loaded once, and one works while the others wait."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from slmbench.errors import ModelError
from slmbench.execute.process import WorkerDied, WorkerProcess
from slmbench.meters.environment import environment
from slmbench.meters.noise import host_noise
from slmbench.schema.base import Measurement
from slmbench.schema.pair import PairRecord, PairSpec, PairTask, Stream, Turn
from slmbench.schema.plan import Job, Plan, RunPlan
from slmbench.schema.record import Fingerprints, ModelFingerprint, ModelRecord
from slmbench.stats.ab import block_orders
from slmbench.store import layout
from slmbench.store.pairs import PairWriter
from slmbench.units import clock

#: Told how far a workload is: its name, the turns taken, all its turns.
Tell = Callable[[str, int, int], None]
#: What a loaded model's worker tells of it that the record keeps.
_KNOWN = ("architecture", "parameter_count", "dtype", "device")
_PEAKS = TypeAdapter(dict[str, Measurement])
_UNKNOWN = ModelFingerprint(weights="", tokenizer="", chat_template="", dtype="", quantization="")


class _Refused(Exception):
    """A worker answered that it can't; ``is_input`` says that the user can mend it."""

    def __init__(self, reason: str, is_input: bool) -> None:
        super().__init__(reason)
        self.is_input = is_input


@dataclass
class _Pair:
    """A pair while it is made: its record, its turns, its folder and its workers."""

    asked: PairSpec
    record: PairRecord
    writer: PairWriter
    workers: dict[Stream, WorkerProcess] = field(default_factory=dict)
    turns: list[Turn] = field(default_factory=list)

    def ask(self, stream: Stream, message: dict[str, Any]) -> dict[str, Any]:
        """Send a message to a stream's worker and return its answer.

        Raises:
            WorkerDied: it ended before it answered, or took too long.
            _Refused: it answered that it can't.
        """
        worker, deadline = self.workers[stream], clock() + self.asked.time_limit_s
        worker.send(message)
        while True:
            answer = worker.receive(deadline)
            if answer["kind"] == "failed":
                raise _Refused(answer["reason"], answer["is_input"])
            if answer["kind"] != "progress":
                return answer

    def note(self, **changes: Any) -> None:
        """Change the record, on disk too."""
        self.record = self.record.model_copy(update=changes)
        self.writer.save_pair(self.record)


def measure_pair(
    asked: PairSpec,
    plan: Plan,
    store: Path,
    tell: Tell = lambda task, done, total: None,
    saved: Callable[[Path], None] = lambda folder: None,
) -> PairRecord:
    """Measure a pair and return its finished record, whose folder holds every turn.

    A worker that dies makes the pair failed; each turn before it is kept.

    Args:
        asked: the pair.
        plan: the plan of both models' latency jobs, the baseline's run first.
        store: local folder that gets the pair's.
        tell: told after every turn.
        saved: told the pair's folder when it changed.

    Raises:
        ModelError: a model can't be loaded, or a workload can't be run, as asked.
        SaveError: the store refused a write; the turns before it are intact.
    """
    pair = _begin(asked, plan, store)
    failure: str | None = None
    try:
        _load(pair, plan)
        start_s = clock()
        for number, job in enumerate(plan.runs[0].jobs):
            _measure(pair, job, asked.seed + number, start_s, tell)
        pair.note(memory={each: _peaks(pair, each) for each in pair.workers})
    except _Refused as refusal:
        failure = str(refusal)
        if refusal.is_input:
            raise ModelError(failure) from refusal
    except WorkerDied as death:
        failure = str(death)
    finally:
        # Also on Ctrl-C: what was measured is read from the table as from the journal.
        for worker in pair.workers.values():
            worker.close()
        done = failure is None and len(pair.record.memory) > 0
        pair.writer.save_turns(pair.turns)
        pair.note(
            status="done" if done else "failed",
            reason=None if done else failure or "it was interrupted",
            finished=datetime.now(UTC).isoformat(),
        )
        pair.writer.close()
        saved(pair.writer.folder)
    return pair.record


def _begin(asked: PairSpec, plan: Plan, store: Path) -> _Pair:
    created = datetime.now(UTC).isoformat()
    first, second = plan.runs
    label = f"ab-{first.model.label}-{second.model.label}"
    pair_id = layout.make_run_id(created, label, second.plan_hash)
    record = PairRecord(
        pair_id=pair_id,
        created=created,
        spec=asked,
        models={"a": _model(first), "b": _model(second)},
        environment=environment(host_noise()),
        check_absent=None if asked.check else "it was not asked for",
    )
    pair = _Pair(asked, record, PairWriter(store / pair_id))
    pair.writer.save_pair(record)
    return pair


def _model(run: RunPlan) -> ModelRecord:
    fingerprint = run.fingerprint or _UNKNOWN
    return ModelRecord(name=run.model.label, spec=run.model, fingerprint=fingerprint)


def _load(pair: _Pair, plan: Plan) -> None:
    """Start the workers one after another; the check's copy may fail, and only the check is lost.

    Raises:
        WorkerDied: a model's worker ended while it loaded.
        _Refused: a model can't be loaded.
    """
    runs: dict[Stream, RunPlan] = {"a": plan.runs[0], "b": plan.runs[1]}
    for stream, run in runs.items():
        info = _start(pair, stream, run, plan)
        known = {
            name: info[name] for name in ("architecture", "parameter_count", "dtype", "device")
        }
        model = pair.record.models[stream].model_copy(update=known)
        pair.note(models={**pair.record.models, stream: model})
    if pair.asked.check:
        try:
            _start(pair, "a2", plan.runs[0], plan)
        except (WorkerDied, _Refused) as error:
            pair.workers.pop("a2").close()
            pair.note(check_absent=f"a second copy of the baseline was not loaded: {error}")


def _start(pair: _Pair, stream: Stream, run: RunPlan, plan: Plan) -> dict[str, Any]:
    pair.workers[stream] = WorkerProcess(offline=run.fingerprint is not None)
    spec = plan.spec.model_copy(update={"models": (run.model,)})
    message = {
        "kind": "load",
        "spec": spec.model_dump(mode="json"),
        "source": run.local_path or run.model.target,
        "seconds": {},
    }
    info: dict[str, Any] = _asked(pair, stream, message, "while it was loaded")["info"]
    return info


def _measure(pair: _Pair, job: Job, seed: int, start_s: float, tell: Tell) -> None:
    """Take all turns of one workload, in the order that the seed gives."""
    name = job.task.name
    asked = {"kind": "workload", "job": job.model_dump(mode="json")}
    ready = {each: _asked(pair, each, asked, f"workload {name}") for each in pair.workers}
    task = PairTask(
        name=name,
        workload=ready["a"]["workload"],
        fingerprints={
            each: Fingerprints.model_validate(answer["fingerprints"])
            for each, answer in ready.items()
        },
    )
    pair.note(tasks=(*pair.record.tasks, task))
    orders = block_orders(tuple(pair.workers), pair.asked.repeats, seed)
    total, done = sum(map(len, orders)), 0
    tell(name, 0, total)
    for block, order in enumerate(orders):
        for position, stream in enumerate(order):
            began_s = clock() - start_s
            where = f"in turn {done + 1} of {total} of {name}"
            answer = _asked(pair, stream, {"kind": "turn"}, where)
            answer.pop("kind")
            turn = Turn.model_validate(
                {"task": name, "block": block, "position": position, "stream": stream,
                 "started_s": began_s, **answer}
            )  # fmt: skip
            pair.turns.append(turn)
            pair.writer.add_turn(turn)
            done += 1
            tell(name, done, total)


def _peaks(pair: _Pair, stream: Stream) -> dict[str, Any]:
    """Return a worker's peaks as the record holds them."""
    answer = _asked(pair, stream, {"kind": "peaks"}, "when its memory was read")
    return _PEAKS.validate_python(answer["memory"])


def _asked(pair: _Pair, stream: Stream, message: dict[str, Any], where: str) -> dict[str, Any]:
    """Ask, and let a failure say whose it was and when.

    Raises:
        WorkerDied: as `_Pair.ask`.
        _Refused: as `_Pair.ask`.
    """
    model = pair.record.models["b" if stream == "b" else "a"].name
    who = f"{model} ({stream}), {where}: "
    try:
        return pair.ask(stream, message)
    except WorkerDied as death:
        raise WorkerDied(f"{who}{death}") from death
    except _Refused as refusal:
        raise _Refused(f"{who}{refusal}", refusal.is_input) from refusal
