"""Empty results, missing metrics, a crashed run or an unreadable baseline are never a pass."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest
from gate_runs import make_comparison, make_metric, make_policy, make_row, make_run
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from slmbench.analyse.compare import compare
from slmbench.errors import InputError, NotComparable
from slmbench.gate.judge import judge
from slmbench.schema.base import Absent, Interval, Measured
from slmbench.schema.policy import parse_policy
from slmbench.schema.record import Aggregation, Fingerprints, JobRecord, Metric, RunRecord, Sample

TODAY = date(2026, 6, 1)
PATHS = ("accuracy/arc/acc", "accuracy/boolq/acc", "latency/chat/tpot_s@p50", "memory/chat/b")
#: A record of many parts takes minutes to shrink, and is plain enough as it is.
any_case = settings(
    deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
)

numbers = st.one_of(
    st.floats(-2.0, 2.0),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, 1.0]),
)


@dataclass
class Run:
    record: RunRecord
    kept: dict[str, list[Sample]] = field(default_factory=dict)

    def samples(self, job_id):
        return self.kept.get(job_id, [])


@st.composite
def jobs(draw, path):
    """One job with one metric: any status, any value, any items, or none of it."""
    suite, task, name = path.split("/")
    score = name.split("@")[0]
    kind = draw(st.sampled_from(["mean", "median", "perplexity", "other", None]))
    aggregation = None if kind is None else Aggregation(kind=kind, score=score)
    values = draw(st.lists(st.none() | numbers, max_size=6))
    samples = [
        Sample(
            sample_id=str(i),
            content_hash=draw(st.sampled_from(["", str(i)])),
            cluster=draw(st.sampled_from([None, "a", "b"])),
            scores={} if value is None else {score: value},
            status="ok" if value is not None else "failed",
        )
        for i, value in enumerate(values)
    ]
    value = Absent(reason="none")
    if draw(st.integers(0, 5)):
        point, half = draw(numbers), draw(st.none() | st.floats(0.0, 1.0))
        interval = (
            half
            if half is None
            else Interval(
                low=point - half,
                high=point + half,
                method=draw(st.sampled_from(["t", "wilson", "x"])),
            )
        )
        how = draw(st.sampled_from(["counter", "estimated"]))
        unit = draw(st.sampled_from(["", "s", "bytes"]))
        n = draw(st.integers(0, 6))
        value = Measured(value=point, unit=unit, n=n, interval=interval, how=how)
    metric = Metric(
        suite=suite, task=task, metric=name, value=value, aggregation=aggregation,
        higher_is_better=draw(st.sampled_from([True, False, None])),
    )  # fmt: skip
    job = JobRecord(
        job_id=f"{suite}.{task}", suite=suite, task=task,
        status=draw(st.sampled_from(["done", "done", "done", "failed", "pending", "running"])),
        sample_count=len(samples),
        failed_count=sum(sample.status == "failed" for sample in samples),
        unscored_count=draw(st.integers(0, 2)),
        fingerprints=Fingerprints(task=draw(st.sampled_from(["t", "t", "u"]))),
        metrics=(metric,) if draw(st.integers(0, 5)) else (),
    )  # fmt: skip
    return job, samples


@st.composite
def runs(draw):
    chosen = draw(st.lists(st.sampled_from(PATHS), unique=True, max_size=4))
    made = [draw(jobs(path)) for path in chosen]
    record = make_run("run", []).model_copy(
        update={
            "jobs": tuple(job for job, _ in made),
            "status": draw(st.sampled_from(["done", "failed", "running"])),
        }
    )
    return Run(record, {job.job_id: samples for job, samples in made})


@st.composite
def policies(draw):
    rules = []
    for _ in range(draw(st.integers(1, 4))):
        metric = draw(st.sampled_from([*PATHS, "accuracy/*/acc", "*/*/*", "no/such/one", "x"]))
        rule = {"metric": metric, "severity": draw(st.sampled_from(["block", "block", "warn"]))}
        kind = draw(st.sampled_from(["min", "max", "not_worse_than", "better_than"]))
        limit = draw(st.sampled_from([0, 0.5, -1, "5%", "1 s", "6 GiB", 1e300]))
        rule[kind] = limit if kind in ("min", "max") else "baseline"
        if kind == "not_worse_than" and draw(st.booleans()):
            rule["margin"] = draw(st.sampled_from([0, 0.01, "5%", "1 s", 2, 1e300]))
        if draw(st.integers(0, 3)) == 0:
            rule["how"] = draw(st.sampled_from(["counter", ["estimated"]]))
        if draw(st.integers(0, 3)) == 0:
            rule["family"] = draw(st.sampled_from(["a", "b"]))
        rules.append(rule)
    document = {"rules": rules, "on_inconclusive": draw(st.sampled_from(["fail", "pass", "warn"]))}
    if draw(st.integers(0, 3)) == 0:
        until = TODAY + timedelta(days=draw(st.integers(-1, 1)))
        document["waivers"] = [
            {"rule": rules[0]["metric"], "owner": "o", "until": until.isoformat(), "why": "w"}
        ]
    return parse_policy(document, "generated")


def decide(policy, old, new):
    """What the pipeline does, on runs in memory."""
    comparison = None
    if old is not None:
        try:
            comparison = compare(old, new)
        except NotComparable:
            comparison = None
    return judge(policy, old.record if old else None, new.record, comparison, TODAY)


def has_number(run, path, how):
    for job in run.record.jobs:
        for metric in job.metrics:
            if metric.path == path and job.status == "done" and isinstance(metric.value, Measured):
                allowed = metric.value.how in how if how else metric.value.how != "estimated"
                return metric.value.n > 0 and allowed
    return False


@settings(any_case, max_examples=120)
@given(policies(), st.none() | runs(), runs())
def test_any_records_give_a_verdict_or_an_input_error_and_no_pass_from_nothing(policy, old, new):
    try:
        verdict = decide(policy, old, new)
    except InputError:
        return
    json.dumps(verdict.to_json(), allow_nan=False)
    for rule in verdict.rules:
        if rule.verdict != "PASS":
            continue
        asked = [each for each in policy.rules if each.metric == rule.rule]
        assert any(has_number(new, rule.metric, each.how) for each in asked)
        if all(each.needs_baseline for each in asked):
            assert old is not None and has_number(old, rule.metric, ("counter", "estimated"))
    if verdict.verdict == "PASS":
        for rule in verdict.rules:
            lifted = rule.waiver is not None or rule.severity == "warn"
            doubt = rule.verdict == "INCONCLUSIVE" and policy.on_inconclusive != "fail"
            assert rule.verdict == "PASS" or lifted or doubt
        assert verdict.rules


def test_a_run_that_was_cut_off_fails_although_its_rules_were_reached():
    done, waiting = make_metric("a/b/c", 1.0), {"status": "pending"}
    run = make_run("new", [done], a__d=waiting)
    verdict = judge(make_policy({"metric": "a/b/c", "min": 0.5}), None, run, None, TODAY)
    assert verdict.verdict == "FAIL"
    assert "did not end" in verdict.rules[-1].reason and "--resume" in verdict.rules[-1].reason
    ended = run.model_copy(update={"status": "done", "jobs": run.jobs[:1]})
    assert (
        judge(make_policy({"metric": "a/b/c", "min": 0.5}), None, ended, None, TODAY).verdict
        == "PASS"
    )


def test_a_failed_job_that_no_rule_asks_for_is_told_and_does_not_block():
    run = make_run("new", [make_metric("a/b/c", 1.0)], a__d={"status": "failed", "reason": "oom"})
    run = run.model_copy(update={"status": "failed"})
    verdict = judge(make_policy({"metric": "a/b/c", "min": 0.5}), None, run, None, TODAY)
    assert verdict.verdict == "PASS"
    assert any("a.d" in text and "oom" in text for text in verdict.warnings)


def test_a_value_of_no_items_fails():
    run = make_run("new", [make_metric("a/b/c", 1.0, n=0)])
    verdict = judge(make_policy({"metric": "a/b/c", "min": 0.5}), None, run, None, TODAY)
    assert verdict.verdict == "FAIL" and "rests on no item" in verdict.rules[0].reason


@pytest.mark.parametrize("status", ["failed", "running", "pending"])
def test_a_baseline_whose_job_did_not_end_is_not_comparable(status):
    old = make_run("old", [make_metric("a/b/c", 0.5)], a__b={"status": status, "reason": "killed"})
    new = make_run("new", [make_metric("a/b/c", 0.9)])
    row = make_row("a/b/c", 0.5, 0.4, 0.01)
    policy = make_policy({"metric": "a/b/c", "better_than": "baseline"})
    verdict = judge(policy, old, new, make_comparison(row), TODAY)
    assert verdict.verdict == "NOT_COMPARABLE"
    assert "killed" in verdict.rules[0].reason


@pytest.mark.parametrize(
    ("jobs_of", "expected"),
    [
        ({"old": {"failed_count": 1}}, "INCONCLUSIVE"),
        ({"new": {"failed_count": 1}}, "INCONCLUSIVE"),
        ({"new": {"unscored_count": 11}}, "INCONCLUSIVE"),
        ({"old": {"unscored_count": 11}}, "INCONCLUSIVE"),
        ({"new": {"unscored_count": 10}}, "PASS"),
        ({}, "PASS"),
    ],
)
def test_items_that_are_missing_take_a_pass_back(jobs_of, expected):
    mean = Aggregation(kind="mean", score="c")
    metric = make_metric("a/b/c", 0.9).model_copy(update={"aggregation": mean})
    old, new = (make_run(name, [metric], a__b=jobs_of.get(name, {})) for name in ("old", "new"))
    policy = make_policy({"metric": "a/b/c", "not_worse_than": "baseline", "margin": 0.1})
    row = make_row("a/b/c", 0.9, 0.0, 0.001)
    verdict = judge(policy, old, new, make_comparison(row), TODAY)
    assert verdict.verdict == expected
    if jobs_of:
        assert "of 100 items" in verdict.rules[0].reason


@pytest.mark.parametrize("gap", [{"failed_count": 1}, {"unscored_count": 90}, {"items_total": 999}])
@pytest.mark.parametrize("said", ["pass", "warn"])
@pytest.mark.parametrize("least", [0.5, 0.9])
def test_a_policy_may_let_doubt_pass_and_no_missing_items(gap, said, least):
    mean = Aggregation(kind="mean", score="c")
    metric = make_metric("a/b/c", 0.9).model_copy(update={"aggregation": mean})
    policy = make_policy({"metric": "a/b/c", "min": least}, on_inconclusive=said)
    verdict = judge(policy, None, make_run("new", [metric], a__b=gap), None, TODAY)
    assert verdict.verdict == "INCONCLUSIVE"
    whole = judge(policy, None, make_run("new", [metric]), None, TODAY)
    assert whole.verdict == "PASS"


def test_items_scored_as_one_are_no_gap():
    whole = Aggregation(kind="other", score="f1")
    metric = make_metric("a/b/f1", 0.9).model_copy(update={"aggregation": whole})
    run = make_run("new", [metric], a__b={"unscored_count": 100})
    verdict = judge(make_policy({"metric": "a/b/f1", "min": 0.5}), None, run, None, TODAY)
    assert verdict.verdict == "PASS"
