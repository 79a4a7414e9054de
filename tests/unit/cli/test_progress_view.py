"""The live view's parts: what is known of a run, its picture at any size, its lines in a log."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from slmbench.cli.live_frame import ASCII, Signs, duration, frame, header
from slmbench.cli.live_headline import headline
from slmbench.cli.live_state import LiveState
from slmbench.cli.progress import Bars
from slmbench.schema.base import Absent, Interval, Measured
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.plan import Job, Plan, RunPlan, TaskRef
from slmbench.schema.record import JobRecord, Metric
from slmbench.schema.spec import RunSpec


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def plan_of(jobs: list[str], *models: str) -> Plan:
    specs = tuple(ModelSpec(backend="fake", target=name, name=name) for name in models)
    ready = tuple(
        Job(job_id=each, suite=each.split("/")[0], task=TaskRef(name=each, kind="accuracy"))
        for each in jobs
    )
    runs = tuple(
        RunPlan(model=spec, plan_hash="p", fingerprint=None, jobs=ready, local_path=None)
        for spec in specs
    )
    return Plan(spec=RunSpec(models=specs), runs=runs)


def metric(name: str, value: float | None, suite: str = "accuracy") -> Metric:
    span = Interval(low=0.25, high=0.75, method="t")
    measured = (
        Absent(reason="no sensor")
        if value is None
        else Measured(value=value, unit="", n=9, interval=span, how="x")
    )
    return Metric(suite=suite, task="t", metric=name, value=measured)


def record(job_id: str, status: str = "done", elapsed_s: float = 10.0, **more) -> JobRecord:
    suite, _, task = job_id.partition("/")
    fields = {"metrics": (metric("acc", 0.5, suite),), **more}
    return JobRecord(
        job_id=job_id, suite=suite, task=task, status=status, elapsed_s=elapsed_s, **fields
    )


def state_of(count: int, *models: str) -> tuple[LiveState, Clock]:
    clock = Clock()
    state = LiveState(clock)
    state.plan(plan_of([f"accuracy/task_{n:03}" for n in range(count)], *(models or ("m",))))
    state.begin_model((models or ("m",))[0])
    return state, clock


SIGNS = Signs()


def text_of(state: LiveState, width: int = 100, height: int = 24, signs: Signs = SIGNS) -> str:
    return "\n".join(line.plain for line in frame(state, width, height, signs))


def test_rate_and_remaining_time_follow_the_last_minute() -> None:
    state, clock = state_of(1)
    job = state.start("m", "accuracy/task_000")
    assert job.items_per_s is None and job.left_s(clock.now_s) is None
    for second in range(100):
        clock.now_s = float(second)
        # Answers known before come at once; the model gives two a second.
        state.progress("m", job.job_id, 500 + 2 * second if second else 0, 1000)
    assert job.items_per_s == pytest.approx(2.0)
    assert job.left_s(clock.now_s) == pytest.approx((1000 - 698) / 2)
    clock.now_s += 10
    assert job.left_s(clock.now_s) == pytest.approx((1000 - 698) / 2 - 10)
    assert "698/1000  2/s  1:49, about 2:21 left" in text_of(state)


def test_another_stage_of_a_job_has_a_rate_of_its_own() -> None:
    state, clock = state_of(1)
    job = state.start("m", "accuracy/task_000")
    for clock.now_s, done, total in ((0.0, 0, 10), (1.0, 10, 10), (2.0, 0, 40)):
        state.progress("m", job.job_id, done, total)
    assert job.items_per_s is None
    clock.now_s = 6.0
    state.progress("m", job.job_id, 20, 40)
    assert job.items_per_s == pytest.approx(5.0)


def test_waiting_jobs_are_taken_to_need_what_their_like_needed() -> None:
    clock = Clock()
    state = LiveState(clock)
    state.plan(plan_of(["accuracy/a", "toxicity/b"], "one", "two"))
    state.begin_model("one")
    assert state.left_s() is None
    state.start("one", "accuracy/a")
    state.end("one", record("accuracy/a", elapsed_s=10.0))
    assert state.left_s() == pytest.approx(30.0)
    state.start("one", "toxicity/b")
    state.end("one", record("toxicity/b", elapsed_s=100.0))
    assert state.left_s() == pytest.approx(110.0)
    state.begin_model("two")
    state.start("two", "accuracy/a")
    clock.now_s += 4
    assert state.left_s() == pytest.approx(106.0)


def test_two_models_of_one_name_are_told_apart() -> None:
    state, _ = state_of(1, "same", "same")
    state.start("same", "accuracy/task_000")
    state.end("same", record("accuracy/task_000"))
    state.begin_model("same")
    state.start("same", "accuracy/task_000")
    assert [job.status for job in state.jobs] == ["done", "running"]
    state.end("same", record("accuracy/task_000"))
    assert [job.status for job in state.jobs] == ["done", "done"]


def test_what_was_done_before_is_shown_as_done() -> None:
    state, _ = state_of(2)
    state.known([record("accuracy/task_001")])
    assert [job.status for job in state.jobs] == ["waiting", "done"]
    assert "1 of 2 jobs done" in header(state, Signs())
    assert "acc 0.5 (0.25 to 0.75)  before" in text_of(state)


def test_a_job_that_no_plan_told_of_is_shown_and_ends_with_the_next() -> None:
    """Pairs are measured without a plan, and never tell that a workload ended."""
    state = LiveState(Clock())
    state.start("a / b", "chat")
    state.start("a / b", "batch")
    assert [job.status for job in state.jobs] == ["done", "running"]


@pytest.mark.parametrize("at", [0, 1, 50, 98, 99])
def test_a_hundred_jobs_are_a_window_around_the_running_one(at: int) -> None:
    state, _ = state_of(100)
    for number in range(at):
        state.start("m", f"accuracy/task_{number:03}")
        failed = {"status": "failed", "reason": "killed"} if number == 0 else {}
        state.end("m", record(f"accuracy/task_{number:03}", **failed))
    state.start("m", f"accuracy/task_{at:03}")
    text = text_of(state, height=20)
    assert f"▶ accuracy/task_{at:03}" in text and len(text.splitlines()) < 20
    shown = sum("accuracy/task_" in line for line in text.splitlines())
    hidden = [line.split() for line in text.splitlines() if line.endswith((" above", " below"))]
    counted = sum(int(word) for words in hidden for word in words if word.isdigit())
    assert shown >= 14 and shown + counted == 100


NAMES = st.text(max_size=60)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(NAMES, min_size=1, max_size=40, unique=True), NAMES, NAMES,
    st.integers(0, 60), st.integers(1, 200), st.integers(1, 60), st.sampled_from([Signs(), ASCII]),
)  # fmt: skip
def test_no_picture_overflows_whatever_names_and_size(
    jobs, model, reason, ended, width, height, signs
) -> None:
    clock = Clock()
    state = LiveState(clock)
    state.plan(plan_of(jobs, model))
    state.begin_model(model)
    for number, job_id in enumerate(jobs[: ended + 1]):
        state.start(model, job_id)
        clock.now_s += 3.3
        state.progress(model, job_id, number, 7)
        if number < ended:
            status = "failed" if number % 3 == 0 else "done"
            state.end(model, record(job_id, status, 1e5, reason=reason))
    lines = frame(state, width, height, signs)
    assert len(lines) <= max(1, height - 1)
    for line in lines:
        assert line.cell_len <= max(1, width - 1)
        assert all(sign.isprintable() for sign in line.plain)


def test_plain_signs_are_plain() -> None:
    state, _ = state_of(60)
    state.start("m", "accuracy/task_030")
    state.progress("m", "accuracy/task_030", 1, 2)
    assert text_of(state, signs=ASCII, height=12).isascii()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0:00"), (59.6, "1:00"), (754, "12:34"), (3723, "1:02:03")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_headline_is_the_suites_own_number_else_the_first() -> None:
    both = (metric("brier", 0.2), metric("acc", 0.5), metric("acc_norm", None))
    assert headline(record("accuracy/t", metrics=both)) == "acc 0.5 (0.25 to 0.75)"
    assert headline(record("judge/t", metrics=(metric("win_rate", 0.5),))).startswith("win_rate")
    nothing = record("energy/t", metrics=(metric("j_per_request", None),))
    assert headline(nothing) == "no number: no sensor"
    assert headline(record("energy/t", metrics=())) == "no number"


def log_of(act, quiet: bool = False) -> list[str]:
    """Return what an observer prints where there is no terminal."""
    console = Console(file=io.StringIO(), width=200, force_terminal=True)
    with Bars(quiet, console=console) as bars:
        act(bars)
    return console.file.getvalue().splitlines()


def whole_run(bars: Bars) -> None:
    bars.plan_known(plan_of(["accuracy/a", "toxicity/b"], "m"))
    bars.run_started("m", 2, False)
    bars.job_started("m", "accuracy/a")
    for done in range(1000):
        bars.job_progress("m", "accuracy/a", done, 1000)
    bars.job_ended("m", record("accuracy/a"))
    bars.job_started("m", "toxicity/b")
    failed = record("toxicity/b", "failed", 2.0, reason="out of\nmemory \x1b[2J", metrics=())
    bars.job_ended("m", failed)


def test_a_log_has_a_line_for_each_start_and_end() -> None:
    """Held on a console that colours were forced upon: it is no terminal all the same."""
    lines = log_of(whole_run)
    assert lines[:-1] == [
        "m: 2 jobs",
        "m accuracy/a: started (1 of 2)",
        "m accuracy/a: done after 10.0 s, acc 0.5 (0.25 to 0.75)",
        "m toxicity/b: started (2 of 2)",
        "m toxicity/b: FAILED after 2.0 s: out of memory \ufffd[2J",
    ]
    assert lines[-1].startswith("1 of 2 jobs done, 1 failed, in 0:0")


def test_a_long_job_tells_of_itself_every_half_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("slmbench.cli.progress.LiveState", lambda: LiveState(clock))

    def act(bars: Bars) -> None:
        bars.job_started("m", "accuracy/a")
        for second in range(95):
            clock.now_s = float(second)
            bars.job_progress("m", "accuracy/a", second, 100)

    lines = [line for line in log_of(act) if " of 100" in line]
    assert lines == [
        "m accuracy/a: 30 of 100, 1/s, about 1:10 left",
        "m accuracy/a: 60 of 100, 1/s, about 0:40 left",
        "m accuracy/a: 90 of 100, 1/s, about 0:10 left",
    ]


def test_quiet_is_silent() -> None:
    assert log_of(whole_run, quiet=True) == []
