"""How does a server answer while others ask it too: latencies, throughput and goodput by load."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slmbench.errors import ModelError
from slmbench.ports import Backend, Context, LoadTarget
from slmbench.schema.base import Absent, Measurement
from slmbench.schema.load_spec import LoadSpec
from slmbench.schema.plan import Job
from slmbench.schema.record import Fingerprints, JobResult, Metric, Sample
from slmbench.suites.load import saturation
from slmbench.suites.load.driver import run_stage
from slmbench.suites.load.figures import LATE_S, Steady, metrics_of, names_of, samples_of, steady
from slmbench.suites.load.outcome import Outcome, Stage
from slmbench.suites.taskfile import task_hash, text_hash
from slmbench.suites.workload_file import Workload, load_workload
from slmbench.suites.workloads import RoundPrompts

#: Without rates, open stages arrive at these shares of the most that the closed ones were answered.
_SHARES = (0.5, 0.75, 0.9, 1.2)
#: Different prompts of a stage, asked in turn.
_PROMPTS = 1024
_IN_PROCESS = Absent(
    reason="this backend answers in the process that asks, one call at a time: load is of a "
    "server (--model openai:URL,model=NAME)"
)
_LATE_SHARE = 0.01

Rows = tuple[dict[str, float | int | str], ...]


class Load:
    """One job is one workload, asked in the stages of the spec's ``load``.

    Times count from when a request was due, whenever it was sent. A stage's numbers are of the
    requests that were due in its steady window: its ramp, and as long a time at its end, are left
    out. Requests that failed are in every share, and later than all others in every quantile.
    """

    name = "load"

    def run(self, job: Job, backend: Backend, context: Context) -> JobResult:
        """Run the stages, each journalled when it is done; every request is kept in raw."""
        path = Path(job.task.path or "")
        workload, text = load_workload(path, job.task.name)
        prompts = RoundPrompts(workload.model_copy(update={"batch_size": 1}), text, backend)
        fingerprints = Fingerprints(task=task_hash(path), prompt=text_hash(repr(prompts.first)))
        load = context.spec.load
        if not isinstance(backend, LoadTarget):
            context.progress(1, 1)
            return JobResult(
                metrics=tuple(_without(workload, load, _IN_PROCESS)), fingerprints=fingerprints
            )
        stages = _Stages(load, workload, prompts, backend, context)
        stages.run()
        return stages.result(fingerprints)


class _Stages:
    """The stages of one job, and what came of them."""

    def __init__(
        self, load: LoadSpec, workload: Workload, prompts: RoundPrompts, target: LoadTarget,
        context: Context,
    ) -> None:  # fmt: skip
        self._load = load
        self._workload = workload
        self._prompts = prompts
        self._cut = 0
        self._target = target
        self._context = context
        self._done: list[tuple[Steady, list[Outcome]]] = []
        self._lacking: list[Stage] = []
        self._warm_ups = max(1, workload.warmup)

    def run(self) -> None:
        closed, opened = _stages(self._load)
        total = len(closed) + len(opened) + 1
        self._warm_up()
        self._context.progress(1, total)
        for number, stage in enumerate([*closed, *opened]):
            capacity = max((each.answered_hz for each, _ in self._done), default=0.0)
            if stage.is_open and not self._load.rates:
                stage = Stage(stage.name, True, stage.level * capacity)
            if stage.level > 0:
                outcomes = self._outcomes(stage)
                self._done.append((steady(stage, outcomes, self._load), outcomes))
            else:
                self._lacking.append(stage)
            self._context.progress(number + 2, total)

    def result(self, fingerprints: Fingerprints) -> JobResult:
        workload, load = self._workload, self._load
        metrics: list[Metric] = []
        samples: list[Sample] = []
        for window, _ in self._done:
            new = samples_of(window, load, workload.prompt_tokens)
            source = f"{_told(window.stage, load)}, {workload.prompt_tokens} prompt tokens"
            metrics.extend(metrics_of(window, new, load, workload.workload, source))
            samples.extend(new)
        none = Absent(reason="the closed stages had no answer, so there is no rate to try")
        for stage in self._lacking:
            metrics.extend(_metric(workload, name, none) for name in names_of(stage))
        windows = [window for window, _ in self._done]
        for name, value in saturation.overall(windows, load).items():
            metrics.append(_metric(workload, name, value, higher_is_better=True))
        return JobResult(
            metrics=tuple(metrics),
            samples=tuple(samples),
            raw={"requests": self._request_rows(), "tokens": self._token_rows()},
            fingerprints=fingerprints,
            notes=(
                *(note for window in windows for note in _notes(window, workload)),
                *self._known_before(),
            ),
            details={
                "workload": workload.model_dump(mode="json"),
                "load": load.model_dump(mode="json"),
                "stages": [_details(window, load) for window in windows],
            },
        )

    def _warm_up(self) -> None:
        """Ask a few questions that are not counted, and stop here if none is answered."""
        count = self._warm_ups
        alone = self._load.model_copy(update={"requests": count, "ramp_s": 0.0})
        stage = Stage("warm_up", is_open=False, level=1)
        found = run_stage(stage, alone, self._target, self._workload, self._new_prompts(count), 0)
        reasons = [each.failure for each in found if each.failure is not None]
        if len(reasons) == len(found):
            raise ModelError(
                f"The server answered none of the first {len(found)} requests: "
                f"{reasons[0] if reasons else 'none was sent'}."
            )

    def _outcomes(self, stage: Stage) -> list[Outcome]:
        seed = f"{self._context.spec.seed}|{stage.name}"

        def ask() -> list[dict[str, Any]]:
            prompts = self._new_prompts(_PROMPTS)
            found = run_stage(stage, self._load, self._target, self._workload, prompts, seed)
            return [each.to_json() for each in found]

        kept = self._context.checkpoint(stage.name, ask)
        return [Outcome.from_json(each) for each in kept]

    def _new_prompts(self, count: int) -> list[list[int]]:
        """Return prompts that nobody has asked before."""
        self._cut += count
        numbers = range(self._cut - count, self._cut)
        return [self._prompts.of_round(number)[0] for number in numbers]

    def _known_before(self) -> tuple[str, ...]:
        """Return a note where prompts came again."""
        most = max((len(outcomes) for _, outcomes in self._done), default=0)
        if most <= _PROMPTS:
            return ()
        return (
            f"{most} requests of a stage asked {_PROMPTS} different prompts in turn: a server that "
            "keeps prefixes may have known the later ones. Measure with such a cache off, or for a "
            "shorter time",
        )

    def _request_rows(self) -> Rows:
        return tuple(
            {"stage": window.stage.name, "request": each.number, "scheduled_s": each.scheduled_s,
             "sent_s": each.sent_s, "end_s": each.end_s, "output_tokens": each.output_tokens,
             "counted": int(window.start_s <= each.scheduled_s < window.end_s),
             "failure": each.failure or ""}
            for window, outcomes in self._done
            for each in outcomes
        )  # fmt: skip

    def _token_rows(self) -> Rows:
        return tuple(
            {"stage": window.stage.name, "request": each.number, "token": number, "time_s": time}
            for window, outcomes in self._done
            for each in outcomes
            for number, time in enumerate(each.token_times_s)
        )


def _stages(load: LoadSpec) -> tuple[list[Stage], list[Stage]]:
    """Return closed and open stages; without rates an open one's level is a share, yet to scale."""
    closed = [Stage(f"closed_{users}", False, users) for users in load.concurrencies]
    opened = [Stage(f"open_{rate:g}", True, rate) for rate in load.rates]
    if not load.rates:
        opened = [Stage(f"open_{share:.0%}".replace("%", "pct"), True, share) for share in _SHARES]
    return (closed if load.mode != "open" else []), (opened if load.mode != "closed" else [])


def _without(workload: Workload, load: LoadSpec, why: Absent) -> list[Metric]:
    closed, opened = _stages(load)
    names = [name for stage in (*closed, *opened) for name in names_of(stage)]
    return [_metric(workload, name, why) for name in (*names, *saturation.UNITS)]


def _metric(
    workload: Workload, name: str, value: Measurement, higher_is_better: bool | None = None
) -> Metric:
    return Metric(
        suite="load",
        task=workload.workload,
        metric=name,
        value=value,
        higher_is_better=higher_is_better,
    )


def _told(stage: Stage, load: LoadSpec) -> str:
    if stage.is_open:
        return f"open loop, {load.arrival} arrivals, {stage.level:.4g} requests/s"
    return f"closed loop, {stage.level:g} users"


def _late_share(window: Steady) -> float:
    late = sum(each.late_s > LATE_S for each in window.counted)
    return late / len(window.counted) if window.counted else 0.0


def _details(window: Steady, load: LoadSpec) -> dict[str, object]:
    return {
        "stage": window.stage.name,
        "level": window.stage.level,
        "steady_from_s": window.start_s,
        "steady_to_s": window.end_s,
        "due": len(window.counted),
        "failed": sum(each.failure is not None for each in window.counted),
        "offered_hz": window.offered_hz,
        "answered_hz": window.answered_hz,
        "kept_up": saturation.keeps_up(window),
        "late_share": _late_share(window),
        "slo_share": saturation.slo_share(window, load) if load.limits_s else None,
    }


def _notes(window: Steady, workload: Workload) -> Sequence[str]:
    name, notes = window.stage.name, []
    failed = [each.failure for each in window.counted if each.failure is not None]
    if failed:
        notes.append(f"{name}: {len(failed)} of {len(window.counted)} failed, first: {failed[0]}")
    share = _late_share(window)
    if share >= _LATE_SHARE:
        most = max(each.late_s for each in window.counted)
        notes.append(
            f"{name}: the generator could not keep up: {share:.1%} of the requests were sent more "
            f"than {LATE_S * 1e3:g} ms late (at most {most * 1e3:.3g} ms), and their times have it"
        )
    if window.stage.is_open and not saturation.keeps_up(window):
        notes.append(
            f"{name}: requests came faster than they were answered, so its times grow with the "
            "stage's duration"
        )
    others = {each.output_tokens for each in window.counted if each.failure is None}
    if others - {workload.output_tokens}:
        notes.append(
            f"{name}: answers had {min(others)} to {max(others)} tokens, not "
            f"{workload.output_tokens} each"
        )
    return notes
