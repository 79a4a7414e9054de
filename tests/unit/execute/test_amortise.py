"""A job's time and energy are shared by tokens, and a correct answer's price is worked out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slmbench.backends.fake import Fake
from slmbench.execute.amortise import BY_TOKENS, EVENLY, Work, run_amortised, with_shares
from slmbench.execute.context import JobContext
from slmbench.execute.metered import MeteredBackend
from slmbench.ports import Backend, Context, Generation, Sampling, Tokens
from slmbench.schema.base import Absent, Measured, Measurement
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.plan import Job, TaskRef
from slmbench.schema.record import Aggregation, JobResult, Metric, ModelFingerprint, Sample
from slmbench.schema.spec import RunSpec
from slmbench.stats.interval import measured
from slmbench.units import clock

MODEL = ModelSpec(backend="fake", target="one")
PRINT = ModelFingerprint(weights="w", tokenizer="t", chat_template="", dtype="auto",
                         quantization="")  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLMBENCH_CACHE", str(tmp_path / "cache"))


def spec(**changes: Any) -> RunSpec:
    return RunSpec(models=(MODEL,), **changes)


def took(value: float, unit: str, how: str = "counter") -> Measured:
    return Measured(value=value, unit=unit, n=1, interval=None, how=how, source="a meter")


def result_of(
    rows: Sequence[tuple[float | None, int | None, int | None]], name: str = "acc", task: str = "t"
) -> JobResult:
    """Return a job whose samples have a score, tokens in and tokens out."""
    samples = tuple(
        Sample(
            sample_id=f"s{i}",
            content_hash="h",
            scores={} if score is None else {name: score},
            input_tokens=given,
            output_tokens=written,
        )
        for i, (score, given, written) in enumerate(rows)
    )
    rule = Aggregation(kind="mean", score=name)
    value = measured(rule, samples, "", "x@1")
    metric = Metric(
        suite="accuracy", task=task, metric=name, value=value, higher_is_better=True,
        aggregation=rule,
    )  # fmt: skip
    return JobResult(metrics=(metric,), samples=samples)


def shared(result: JobResult, work: Work, **changes: Any) -> tuple[JobResult, dict[str, Any]]:
    found = with_shares(result, work, spec(**changes), calls=3)
    return found, {metric.metric: metric.value for metric in found.metrics}


WORK = Work(took(10.0, "s", "clock"), took(50.0, "J"), energy_asked=True)


def test_shares_follow_the_tokens_and_add_up() -> None:
    result = result_of([(1.0, 10, 0), (0.0, 20, 10), (1.0, 50, 10)])
    found, values = shared(result, WORK)
    # 10, 30 and 60 of 100 tokens.
    assert [s.amortised_s for s in found.samples] == pytest.approx([1.0, 3.0, 6.0])
    assert [s.amortised_j for s in found.samples] == pytest.approx([5.0, 15.0, 30.0])
    assert {s.amortised_how for s in found.samples} == {f"{BY_TOKENS}; energy counter"}
    assert {s.elapsed_s for s in found.samples} == {None}
    # All that was used over the two right answers.
    seconds, joules = values["seconds_per_correct"], values["j_per_correct"]
    assert (seconds.value, seconds.unit, seconds.n, seconds.how) == (5.0, "s", 3, "clock")
    assert (joules.value, joules.unit, joules.how) == (25.0, "J", "counter")
    assert "over 2 correct by 'acc'" in joules.source
    # Wilson's interval of 2 of 3, turned over: 10 s / (3 x 0.9385) to 10 s / (3 x 0.2077).
    assert seconds.interval.low == pytest.approx(10 / 3 / 0.9385, rel=1e-3)
    assert seconds.interval.high == pytest.approx(10 / 3 / 0.2077, rel=1e-3)
    assert found.details["amortised"]["energy_j"] == 50.0
    assert found.details["amortised"]["calls"] == 3


def test_without_everybodys_tokens_the_shares_are_even() -> None:
    found, _ = shared(result_of([(1.0, 10, 0), (0.0, None, None)]), WORK)
    assert [s.amortised_s for s in found.samples] == [5.0, 5.0]
    assert found.samples[0].amortised_how == f"{EVENLY}; energy counter"
    found, _ = shared(result_of([(1.0, 0, 0), (0.0, 0, None)]), WORK)
    assert [s.amortised_s for s in found.samples] == [5.0, 5.0]
    # One of the two counts is enough.
    found, _ = shared(result_of([(1.0, 3, None), (0.0, None, 1)]), WORK)
    assert [s.amortised_s for s in found.samples] == [7.5, 2.5]


def test_nothing_correct_is_absent_and_an_unscored_answer_is_paid_for() -> None:
    _, values = shared(result_of([(0.0, 1, 1), (0.0, 1, 1)]), WORK)
    assert values["seconds_per_correct"] == Absent(reason="no answer is correct ('acc' is 0 of 2)")
    _, values = shared(result_of([(1.0, 1, 1), (None, 1, 1)]), WORK)
    assert values["seconds_per_correct"].value == 10.0


def test_a_metric_that_is_not_right_or_wrong_has_no_such_number() -> None:
    _, values = shared(result_of([(0.5, 1, 1), (1.0, 1, 1)], name="f1"), WORK)
    assert set(values) == {"f1"}
    _, values = shared(result_of([(0.0, 1, 1), (1.0, 1, 1)], name="exact_match,strict"), WORK)
    assert values["seconds_per_correct"].value == 10.0


def test_acc_comes_before_other_metrics_of_the_task() -> None:
    one, other = result_of([(1.0, 1, 1), (1.0, 1, 1)], "acc_norm"), result_of([(1.0, 1, 1)] * 2)
    samples = tuple(
        sample.model_copy(update={"scores": {"acc_norm": 1.0, "acc": float(i)}})
        for i, sample in enumerate(one.samples)
    )
    both = JobResult(metrics=(*one.metrics, *other.metrics), samples=samples)
    assert "by 'acc'" in shared(both, WORK)[1]["seconds_per_correct"].source


def test_each_task_of_a_group_has_its_own_samples() -> None:
    first, second = result_of([(1.0, 1, 0)], task="a"), result_of([(1.0, 3, 0)], task="b")
    samples = [
        sample.model_copy(update={"sample_id": f"{task}/s0"})
        for task, each in (("a", first), ("b", second))
        for sample in each.samples
    ]
    both = JobResult(metrics=(*first.metrics, *second.metrics), samples=tuple(samples))
    found = with_shares(both, WORK, spec(), calls=1)
    seconds = {m.task: m.value.value for m in found.metrics if m.metric == "seconds_per_correct"}
    assert seconds == {"a": 2.5, "b": 7.5}


def test_an_interval_of_clusters_that_reaches_zero_is_bounded() -> None:
    result = result_of([(float(i == 0), 1, 0) for i in range(6)])
    samples = tuple(
        sample.model_copy(update={"cluster": "ab"[i % 2]})
        for i, sample in enumerate(result.samples)
    )
    (metric,) = result.metrics
    value = measured(metric.aggregation, samples, "", "x@1")  # type: ignore[arg-type]
    assert isinstance(value, Measured) and value.interval is not None
    reaching = value.interval.model_copy(update={"low": 0.0})
    value = value.model_copy(update={"interval": reaching})
    metric = metric.model_copy(update={"value": value})
    _, values = shared(JobResult(metrics=(metric,), samples=samples), WORK)
    found = values["seconds_per_correct"]
    interval = found.interval
    assert found.value == pytest.approx(10.0) and interval.low < found.value < interval.high
    assert "wilson on 2 below" in interval.method


def test_cost_by_the_hour_and_by_the_kilowatt_hour() -> None:
    result = result_of([(1.0, 1, 1), (0.0, 1, 1)])
    _, values = shared(result, WORK, energy={"usd_per_hour": 360.0})
    assert values["usd_per_correct"].value == pytest.approx(1.0)
    assert values["usd_per_correct"].how == "clock"
    _, values = shared(result, WORK, energy={"usd_per_hour": 360.0, "usd_per_kwh": 72_000.0})
    assert values["usd_per_correct"].value == pytest.approx(2.0)
    assert values["usd_per_correct"].how == "counter"
    no_energy = Work(WORK.seconds, Absent(reason="no sensor"), True)
    _, values = shared(result, no_energy, energy={"usd_per_kwh": 0.3})
    assert values["usd_per_correct"] == values["j_per_correct"] == Absent(reason="no sensor")


def test_energy_that_nobody_asked_for_is_not_in_the_result() -> None:
    work = Work(WORK.seconds, Absent(reason="not asked for"), energy_asked=False)
    found, values = shared(result_of([(1.0, 1, 1), (0.0, 1, 1)]), work)
    assert set(values) == {"acc", "seconds_per_correct"}
    assert found.samples[0].amortised_how == BY_TOKENS and found.samples[0].amortised_j is None
    assert "energy_j" not in found.details["amortised"]


class Asking:
    """A suite of two questions, scored by what the model says is likelier."""

    name = "accuracy"

    def run(self, job: Job, backend: Backend, context: Context) -> JobResult:
        pairs = [([1], [2]), ([1], [3, 4])]
        context.checkpoint("all", lambda: backend.loglikelihood(pairs))
        return result_of([(1.0, 1, len(pair[1])) for pair in pairs])


def ask(
    known: dict[str, Any] | None = None, suite: str = "accuracy", **changes: Any
) -> tuple[JobResult, dict[str, Measurement]]:
    context = JobContext(spec(**changes), known or {}, lambda message: None)
    job = Job(job_id=f"{suite}/t", suite=suite, task=TaskRef(name="t", kind="accuracy"))
    found = run_amortised(Asking(), job, Fake(MODEL, "one"), context, PRINT)
    return found, {metric.metric: metric.value for metric in found.metrics}


def test_only_time_is_shared_unless_energy_is_asked_for() -> None:
    found, values = ask()
    assert isinstance(values["seconds_per_correct"], Measured) and "j_per_correct" not in values
    assert sum(s.amortised_s or 0.0 for s in found.samples) == pytest.approx(
        found.details["amortised"]["model_s"]
    )
    assert found.details["amortised"]["calls"] == 1


@pytest.mark.parametrize(
    ("changes", "asked"),
    [
        ({"suites": ("accuracy", "energy")}, True),
        ({"energy": {"per_correct": True}}, True),
        ({"suites": ("accuracy", "energy"), "energy": {"per_correct": False}}, False),
    ],
)
def test_who_asks_for_energy(changes: dict[str, Any], asked: bool) -> None:
    _, values = ask(cache=False, **changes)
    assert ("j_per_correct" in values) is asked
    if asked:
        # Two questions to a fake take no ten ticks of anything.
        assert "too short for a sensor" in values["j_per_correct"].reason  # type: ignore[union-attr]


def test_answers_from_the_cache_took_no_time() -> None:
    ask()
    found, values = ask()
    assert values["seconds_per_correct"] == Absent(
        reason="2 of 2 answers were taken from the cache, which took the model no time: "
        "--no-cache computes all"
    )
    assert all(s.amortised_s is None for s in found.samples)
    assert all("taken from the cache" in (s.amortised_how or "") for s in found.samples)


def test_a_resumed_job_does_not_know_its_time() -> None:
    _, values = ask(known={"all": []}, cache=False)
    assert "before the job was resumed" in values["seconds_per_correct"].reason  # type: ignore[union-attr]


def test_a_suite_that_measures_time_is_left_alone() -> None:
    found, values = ask(suite="latency")
    assert set(values) == {"acc"} and "amortised" not in found.details


class Pretend:
    """A meter that the test moves: joules and seconds since it was opened."""

    how = "counter"
    tick_s = 0.001
    elapsed_s = 1.0

    def __init__(self) -> None:
        self.told: list[str] = []

    def open(self) -> None:
        self.told.append("open")

    def lap(self) -> dict[str, Measured | Absent]:
        self.told.append("lap")
        return {"energy_j": took(7.0, "J")}

    def close(self) -> dict[str, Measured | Absent]:
        self.told.append("close")
        return self.lap()


class Slow(Fake):
    """A model that takes its time."""

    asked = 0

    def loglikelihood(self, pairs: Sequence[tuple[Tokens, Tokens]]) -> list[tuple[float, bool]]:
        self.asked += 1
        until = clock() + 0.05
        while clock() < until:
            pass
        return super().loglikelihood(pairs)


def test_a_window_runs_from_the_first_answer_to_the_last() -> None:
    meter, model = Pretend(), Slow(MODEL, "one")
    watched = MeteredBackend(model, meter)
    assert "asked nothing" in watched.energy.reason  # type: ignore[union-attr]
    meter.elapsed_s = 0.1
    watched.loglikelihood([([1], [2])])
    watched.loglikelihood([([1], [3])])
    # One more call came before the window: it warms the model up and is not timed.
    assert model.asked == 3 and watched.calls == 2
    assert 0.1 <= watched.model_s < 0.15
    assert watched.energy == took(7.0, "J")
    watched.stop()
    assert meter.told == ["open", "lap", "lap", "close", "lap"]
    meter.elapsed_s = 10.0
    watched.loglikelihood([([1], [3])])
    assert "the model worked" in watched.energy.reason  # type: ignore[union-attr]
    meter.elapsed_s = 0.005
    watched.loglikelihood([([1], [3])])
    assert "too short for a sensor" in watched.energy.reason  # type: ignore[union-attr]


def test_a_watched_backend_is_the_backend() -> None:
    model = Fake(MODEL, "one")
    model.choice_logprobs = lambda x: x + 1  # type: ignore[attr-defined]
    watched = MeteredBackend(model, Absent(reason="no meter"))
    how = Sampling(max_new_tokens=3)
    plain: list[list[Generation]] = model.generate([[1, 2]], how, 2)
    texts = [[each.text for each in row] for row in watched.generate([[1, 2]], how, 2)]
    assert texts == [[each.text for each in row] for row in plain]
    assert watched.encode("a b") == model.encode("a b") and watched.decode([97]) == "a"
    watched.batch_size = 7
    assert model.batch_size == watched.batch_size == 7
    assert watched.choice_logprobs(1) == 2 and watched.calls == 2
    assert watched.notes() == model.notes() and watched.energy == Absent(reason="no meter")
    assert watched.static_memory() == model.static_memory()
    with pytest.raises(AttributeError):
        _ = watched.nothing


def test_a_server_is_not_asked_what_nobody_wanted() -> None:
    model = Slow(MODEL, "one")
    model.info = replace(model.info, is_remote=True)
    MeteredBackend(model, Absent(reason="elsewhere")).loglikelihood([([1], [2])])
    assert model.asked == 1
