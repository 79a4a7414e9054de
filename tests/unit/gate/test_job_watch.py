"""A job watched while its items come: what settles it, what keeps it going, and what judges it."""

from __future__ import annotations

from datetime import date

import pytest

from slmbench.gate.judge import judge
from slmbench.gate.sequential import JobWatch
from slmbench.schema.policy import Policy
from slmbench.schema.record import Aggregation, Fingerprints, JobResult, Metric, RunRecord, Sample
from tests.unit.gate.gate_runs import (
    make_comparison,
    make_metric,
    make_policy,
    make_row,
    make_run,
)

PATH = "accuracy/t/acc"
COUNT = 400
NOT_WORSE = {"metric": PATH, "not_worse_than": "baseline", "margin": 0.02}
TODAY = date(2026, 1, 1)


def metric_of(path: str = PATH, value: float = 0.5) -> Metric:
    name = path.rsplit("/", 1)[1]
    aggregation = Aggregation(kind="mean", score=name)
    return make_metric(path, value, 0.05).model_copy(update={"aggregation": aggregation})


def sample(place: int, score: float | None, content: str = "") -> Sample:
    return Sample(
        sample_id=str(place),
        content_hash=content or f"h{place}",
        scores={} if score is None else {"acc": score},
        status="unscored" if score is None else "ok",
    )


def result_of(samples: list[Sample], *metrics: Metric, task: str = "v1") -> JobResult:
    return JobResult(
        metrics=metrics or (metric_of(),),
        samples=tuple(samples),
        fingerprints=Fingerprints(task=task),
    )


def baseline_of(score: float, task: str = "v1", **more: object) -> tuple[RunRecord, list[Sample]]:
    facts = {"fingerprints": Fingerprints(task=task), "sample_count": COUNT} | more
    run = make_run("old", [metric_of(value=score)], accuracy__t=facts)
    return run, [sample(place, score) for place in range(COUNT)]


def watch(
    policy: Policy, score: float | None, task: str = "v1", content: str = "", asked: int = 60
) -> JobWatch:
    """Return a watch after some items on which the candidate has a score and the baseline 1."""
    run, samples = baseline_of(1.0)
    found = JobWatch(policy, COUNT, (run, run.jobs[0], samples))
    places = list(range(asked, 0, -1))
    own = [sample(place, score, content) for place in sorted(places)]
    found.take(places, result_of(own, task=task))
    return found


def test_a_clear_loss_settles_the_job() -> None:
    found = watch(make_policy(NOT_WORSE), 0.0)
    assert found.is_settled
    verdict = found.early[0, PATH]
    assert verdict.verdict == "FAIL" and verdict.n == 60 and verdict.difference == -1.0
    assert "it is worse than the baseline by more than 0.02" in verdict.reason


def test_the_same_answers_take_their_time() -> None:
    found = watch(make_policy(NOT_WORSE), 1.0)
    assert not found.is_settled and found.early == {}


@pytest.mark.parametrize(
    ("score", "task", "content", "word"),
    [(1.0, "v2", "", "task fingerprint"), (1.0, "v1", "other", "not the same as in the baseline")],
)
def test_what_is_not_comparable_ends_at_once(
    score: float, task: str, content: str, word: str
) -> None:
    found = watch(make_policy(NOT_WORSE), score, task, content)
    assert found.is_settled
    verdict = found.early[0, PATH]
    assert verdict.verdict == "NOT_COMPARABLE" and word in verdict.reason


def test_another_number_of_items_is_not_comparable() -> None:
    run, samples = baseline_of(1.0)
    found = JobWatch(make_policy(NOT_WORSE), COUNT + 1, (run, run.jobs[0], samples))
    found.take(range(3), result_of([sample(place, 1.0) for place in range(3)]))
    assert found.early[0, PATH].verdict == "NOT_COMPARABLE"


def test_an_item_without_a_score_keeps_the_job_going_to_the_end() -> None:
    found = watch(make_policy(NOT_WORSE), None)
    assert not found.is_settled and found.early == {}


@pytest.mark.parametrize(
    "rule",
    [
        {"metric": "accuracy/t/*", "not_worse_than": "baseline", "margin": 0.02},
        {"metric": "accuracy/t/brier", "max": 3.0},
    ],
)
def test_a_metric_that_is_not_bounded_keeps_the_job_going(rule: dict[str, object]) -> None:
    run, samples = baseline_of(1.0)
    found = JobWatch(make_policy(NOT_WORSE, rule), COUNT, (run, run.jobs[0], samples))
    own = [sample(place, 0.0) for place in range(60)]
    found.take(range(60), result_of(own, metric_of(), metric_of("accuracy/t/brier")))
    assert (0, PATH) in found.early and not found.is_settled


def test_samples_that_cannot_be_told_apart_keep_the_job_going() -> None:
    run, samples = baseline_of(1.0)
    found = JobWatch(make_policy(NOT_WORSE), COUNT, (run, run.jobs[0], samples))
    found.take(range(60), result_of([sample(place, 0.0) for place in range(59)]))
    assert not found.is_settled and found.early == {}


def stopped_run(asked: int = 60, total: int | None = COUNT, failed: int = 0) -> RunRecord:
    facts = {"sample_count": asked, "items_total": total, "failed_count": failed}
    return make_run("new", [make_metric(PATH, 1.0, 0.01)], accuracy__t=facts)


def test_the_judge_takes_an_early_verdict_of_a_stopped_job_only() -> None:
    policy = make_policy({"metric": PATH, "min": 0.5})
    early = JobWatch(policy, COUNT, None)
    early.take(range(60), result_of([sample(place, 1.0) for place in range(60)]))
    assert early.is_settled and early.early[0, PATH].verdict == "PASS"
    verdict = judge(policy, None, stopped_run(), None, TODAY, early.early)
    assert (verdict.verdict, verdict.items_used, verdict.items_total) == ("PASS", 60, COUNT)
    # All items were asked after all: they decide.
    whole = make_run("new", [make_metric(PATH, 0.3, 0.05)])
    assert judge(policy, None, whole, None, TODAY, early.early).verdict == "FAIL"


def test_a_stopped_job_without_its_verdict_never_passes() -> None:
    policy = make_policy({"metric": PATH, "min": 0.5})
    verdict = judge(policy, None, stopped_run(), None, TODAY)
    assert verdict.verdict == "INCONCLUSIVE" and "60 of 400" in verdict.rules[0].reason


def test_failed_items_and_failed_jobs_undo_an_early_pass() -> None:
    policy = make_policy({"metric": PATH, "min": 0.5})
    found = JobWatch(policy, COUNT, None)
    found.take(range(60), result_of([sample(place, 1.0) for place in range(60)]))
    some = judge(policy, None, stopped_run(failed=1), None, TODAY, found.early)
    assert some.verdict == "INCONCLUSIVE"
    died = make_run("new", [], accuracy__t={"status": "failed", "reason": "killed"})
    assert judge(policy, None, died, None, TODAY, found.early).verdict == "FAIL"


def test_early_verdicts_are_members_of_holms_family() -> None:
    """One metric was settled early; the other's p is 0.03: fit for one of one, not of two."""
    paths = ("accuracy/a/acc", "accuracy/b/acc")
    policy = make_policy({"metric": "accuracy/*/acc", "not_worse_than": "baseline", "margin": 0.05})
    before = make_run("old", [make_metric(path, 0.5, 0.1) for path in paths])
    after = make_run(
        "new", [make_metric(path, 0.5, 0.1) for path in paths],
        accuracy__a={"items_total": COUNT},
    )  # fmt: skip
    row = make_row(paths[1], 0.5, 0.0, 0.05 / 1.8808)
    told = []
    for verdict in ("PASS", "FAIL"):
        early = watch(make_policy(NOT_WORSE), 0.0).early[0, PATH]
        early = early.model_copy(update={"metric": paths[0], "verdict": verdict})
        found = judge(policy, before, after, make_comparison(row), TODAY, {(0, paths[0]): early})
        told.append(found.rules[1].verdict)
    # A pass leaves all of alpha to the other; a failure takes half of it.
    assert told == ["PASS", "INCONCLUSIVE"]
