"""The gate on what a real comparison finds, from samples to verdict."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pytest
from gate_runs import make_policy, make_run

from slmbench.analyse.compare import compare
from slmbench.gate.judge import judge
from slmbench.schema.record import Aggregation, Metric, RunRecord, Sample
from slmbench.stats.interval import measured

POLICY = make_policy(
    {"metric": "accuracy/arc/acc", "not_worse_than": "baseline", "margin": 0.03},
    {"metric": "latency/chat/tpot_s", "not_worse_than": "baseline", "margin": "10%"},
)


@dataclass
class HandMadeRun:
    record: RunRecord
    kept: dict[str, list[Sample]]

    def samples(self, job_id):
        return self.kept[job_id]


def make_job_parts(path, values, kind, unit, up):
    suite, task, name = path.split("/")
    samples = [
        Sample(sample_id=str(i), content_hash=str(i), scores={name: float(value)})
        for i, value in enumerate(values)
    ]
    aggregation = Aggregation(kind=kind, score=name)
    value = measured(aggregation, samples, unit, "test")
    metric = Metric(
        suite=suite,
        task=task,
        metric=name,
        value=value,
        higher_is_better=up,
        aggregation=aggregation,
    )
    return metric, f"{suite}.{task}", samples


def run_with(name, weights, outcomes, times):
    accuracy = make_job_parts("accuracy/arc/acc", outcomes, "mean", "", True)
    latency = make_job_parts("latency/chat/tpot_s", times, "median", "s", False)
    record = make_run(name, [accuracy[0], latency[0]])
    mark = record.model.fingerprint.model_copy(update={"weights": weights})
    model = record.model.model_copy(update={"fingerprint": mark})
    record = record.model_copy(update={"model": model})
    return HandMadeRun(record, {part[1]: part[2] for part in (accuracy, latency)})


def verdict_of(*, lost=0, slower=1.0, weights="v", items=1000, repeats=60):
    rng = np.random.default_rng(8)
    outcomes = (rng.random(items) < 0.6).astype(float)
    changed = outcomes.copy()
    changed[np.flatnonzero(outcomes)[:lost]] = 0.0
    times = rng.normal(0.02, 0.001, (2, repeats))
    old = run_with("old", "w", outcomes, times[0])
    new = run_with("new", weights, changed, times[1] * slower)
    comparison = compare(old, new)
    return judge(POLICY, old.record, new.record, comparison, date(2026, 6, 1))


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ({"lost": 5}, ["PASS", "PASS"]),
        ({"lost": 80}, ["FAIL", "PASS"]),
        ({"lost": 28}, ["INCONCLUSIVE", "PASS"]),
        ({"lost": 0, "items": 40}, ["INCONCLUSIVE", "PASS"]),
        ({"lost": 0, "items": 40, "weights": "w"}, ["PASS", "PASS"]),
        ({"slower": 1.3}, ["PASS", "FAIL"]),
        ({"slower": 1.09}, ["PASS", "INCONCLUSIVE"]),
        ({"repeats": 3}, ["PASS", "INCONCLUSIVE"]),
    ],
    ids=str,
)
def test_the_verdict_follows_the_samples(case, expected):
    assert [rule.verdict for rule in verdict_of(**case).rules] == expected


def test_a_verdict_is_the_same_each_time():
    assert verdict_of(lost=28, slower=1.05) == verdict_of(lost=28, slower=1.05)


def test_a_candidate_at_the_margin_passes_no_more_often_than_alpha():
    rng = np.random.default_rng(12)
    passes, runs, policy = (
        0,
        200,
        make_policy({"metric": "accuracy/arc/acc", "not_worse_than": "baseline", "margin": 0.05}),
    )
    for _ in range(runs):
        # Two readings of the time: this test asks nothing of it.
        draw = rng.random(300)
        before = (draw < 0.6).astype(float)
        # Of every hundred items five more are lost than gained: exactly the margin.
        after = np.where(rng.random(300) < 0.15, rng.random(300) < 0.6 - 1 / 3, before)
        old = run_with("old", "w", before, [0.02] * 2)
        new = run_with("new", "v", after, [0.02] * 2)
        verdict = judge(policy, old.record, new.record, compare(old, new), date(2026, 6, 1))
        passes += verdict.rules[0].verdict == "PASS"
    assert passes / runs <= 0.09
