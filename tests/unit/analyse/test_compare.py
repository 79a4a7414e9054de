"""Comparing two runs: the right test for each metric, and no number where none is due."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from compare_runs import make_job, make_metric, make_run, make_samples, run_of

from slmbench.analyse.compare import compare
from slmbench.errors import NotComparable
from slmbench.schema.base import Absent, Interval, Measured
from slmbench.stats.paired import mcnemar, paired_difference, unpaired_difference

ACC = "accuracy/arc/acc"
TTFT = "latency/chat/ttft_s"
OLD = [1.0] * 60 + [0.0] * 40
NEW = [1.0] * 30 + [0.0] * 30 + [1.0] * 10 + [0.0] * 30

CONTRACT = [
    "suite", "task", "metric", "baseline", "candidate", "difference", "low", "high",
    "standard_error", "p", "n", "paired", "clusters", "detectable",
]  # fmt: skip


def only_row(baseline, candidate):
    comparison = compare(baseline, candidate)
    assert comparison.not_comparable == ()
    (row,) = comparison.rows
    return row


def only_reason(baseline, candidate):
    comparison = compare(baseline, candidate)
    assert comparison.rows == ()
    (refused,) = comparison.not_comparable
    return refused.reason


def test_accuracy_is_paired_and_tested_with_mcnemar():
    row = only_row(run_of("old", ACC, OLD), run_of("new", ACC, NEW, weights="v"))
    assert (row.baseline, row.candidate, row.n, row.paired) == (0.6, 0.4, 100, True)
    assert row.difference == pytest.approx(-0.2)
    assert row.standard_error == pytest.approx(np.subtract(NEW, OLD).std(ddof=1) / 10)
    assert row.p == mcnemar(10, 30)
    assert row.low < row.difference < row.high < 0


def test_a_row_has_the_keys_of_the_contract_first():
    row = only_row(run_of("old", ACC, OLD), run_of("new", ACC, NEW, weights="v"))
    assert list(row.model_dump())[: len(CONTRACT)] == CONTRACT


def test_clusters_of_the_samples_are_used():
    labels = [str(i // 10) for i in range(100)]
    row = only_row(
        run_of("old", ACC, OLD, clusters=labels),
        run_of("new", ACC, NEW, clusters=labels, weights="v"),
    )
    assert row.clusters == 10
    assert row.standard_error == paired_difference(OLD, NEW, labels).standard_error


def test_items_are_paired_by_id_and_not_by_position():
    old, new = run_of("old", ACC, OLD), run_of("new", ACC, OLD, weights="v")
    new.kept["accuracy.arc"].reverse()
    row = only_row(old, new)
    assert (row.difference, row.p) == (0.0, 1.0)


def test_equal_outcomes_of_two_models_leave_doubt_and_of_one_model_none():
    other = only_row(run_of("old", ACC, OLD), run_of("new", ACC, OLD, weights="v"))
    same = only_row(run_of("old", ACC, OLD), run_of("again", ACC, OLD))
    assert other.low < 0.0 < other.high
    assert (same.low, same.high, same.p) == (0.0, 0.0, 1.0)
    assert "same model" in same.note


def test_an_item_scored_on_one_side_only_is_told():
    row = only_row(run_of("old", ACC, OLD), run_of("new", ACC, [None, None, *NEW[2:]], weights="v"))
    assert row.n == 98
    assert "2 items" in row.note


def test_failed_items_are_told():
    new = run_of("new", ACC, NEW, job={"failed_count": 3, "sample_count": 100}, weights="v")
    assert "3 of 100 items failed in the candidate" in only_row(run_of("old", ACC, OLD), new).note


def test_latency_repeats_are_two_separate_samples():
    old, new = [0.010, 0.011, 0.012, 0.010], [0.020, 0.021, 0.019, 0.022, 0.020]
    row = only_row(
        run_of("old", TTFT, old, unit="s", up=False), run_of("new", TTFT, new, unit="s", up=False)
    )
    expected = unpaired_difference(old, new)
    assert (row.paired, row.n, row.unit) == (False, 4, "s")
    assert (row.difference, row.low, row.p) == (expected.difference, expected.low, expected.p)


def test_a_tail_quantile_of_few_repeats_has_no_interval():
    more = {"kind": "quantile", "q": 0.95, "unit": "s", "up": False}
    old, new = (run_of(name, f"{TTFT}@p95", [0.01, 0.02, 0.03], **more) for name in ("old", "new"))
    row = only_row(old, new)
    assert (row.difference, row.low, row.high, row.p, row.n) == (0.0, None, None, None, 3)
    assert "too few" in row.note


def test_medians_of_enough_repeats_are_bootstrapped():
    rng = np.random.default_rng(0)
    more = {"kind": "median", "unit": "s", "up": False}
    old = run_of("old", TTFT, rng.normal(1.0, 0.05, 40).tolist(), **more)
    new = run_of("new", TTFT, rng.normal(1.2, 0.05, 40).tolist(), **more)
    row = only_row(old, new)
    assert 0.1 < row.low < row.difference < row.high < 0.3
    assert row == only_row(old, new)


def test_perplexity_is_paired_over_its_documents():
    rng = np.random.default_rng(1)
    scores = rng.normal(-3.0, 0.5, 80)
    path, more = "accuracy/wiki/perplexity", {"kind": "perplexity", "up": False}
    row = only_row(
        run_of("old", path, scores.tolist(), **more),
        run_of("new", path, (scores - 0.05).tolist(), weights="v", **more),
    )
    assert row.paired and row.n == 80
    assert row.difference == pytest.approx(row.candidate - row.baseline)
    assert row.low > 0.0


def test_bytes_have_a_difference_without_interval():
    path = "memory/chat/weight_bytes"
    runs = [
        make_run(name, [make_job([make_metric(path, size, unit="bytes", up=False)])])
        for name, size in (("old", 400.0), ("new", 300.0))
    ]
    row = only_row(*runs)
    assert (row.difference, row.low, row.standard_error, row.n) == (-100.0, None, None, None)


def test_results_known_only_by_their_intervals_are_compared_by_them():
    def published(name, value):
        metric = make_metric(ACC, value)
        bound = Interval(low=value - 0.03, high=value + 0.03, method="published")
        interval = {"interval": bound}
        value = Measured(**(metric.value.model_dump(exclude={"interval"}) | interval))
        return make_run(name, [make_job([metric.model_copy(update={"value": value})])])

    row = only_row(published("old", 0.5), published("new", 0.6))
    assert row.high - row.low == pytest.approx(2 * np.hypot(0.03, 0.03))
    assert row.n is None and "intervals" in row.note


def test_an_absent_value_has_a_row_of_nulls_with_its_reason():
    absent = make_run("new", [make_job([make_metric(ACC, Absent(reason="no checkpoint"))])])
    row = only_row(run_of("old", ACC, OLD), absent)
    assert (row.baseline, row.candidate, row.difference, row.p) == (0.6, None, None, None)
    assert row.note == "candidate: no checkpoint"


def cases():
    half = {"job": {"limit": 50}}
    fast = {"unit": "s", "up": False}
    yield "the task", run_of("a", ACC, OLD), run_of("b", ACC, NEW, job={"task_hash": "t2"})
    yield "item limit", run_of("a", ACC, OLD), run_of("b", ACC, NEW, **half)
    yield "100 with the same id", run_of("a", ACC, OLD), run_of("b", ACC, NEW, salt="x")
    yield "10 are only in the base", run_of("a", ACC, OLD), run_of("b", ACC, NEW[:90])
    yield "two ways", run_of("a", ACC, OLD, how="x 1"), run_of("b", ACC, NEW, how="x 2")
    yield "aggregated", run_of("a", ACC, OLD), run_of("b", ACC, NEW, kind="median")
    yield "unit", run_of("a", ACC, OLD), run_of("b", ACC, NEW, unit="%")
    other = run_of("b", TTFT, OLD, hardware="h2", cpu="B", **fast)
    yield "hardware differs (hardware.cpu)", run_of("a", TTFT, OLD, **fast), other


@pytest.mark.parametrize(("reason", "old", "new"), [pytest.param(*c, id=c[0]) for c in cases()])
def test_a_fingerprint_that_differs_refuses_the_difference(reason, old, new):
    assert reason in only_reason(old, new)


def test_hardware_does_not_matter_to_accuracy_but_is_told():
    comparison = compare(
        run_of("old", ACC, OLD), run_of("new", ACC, NEW, weights="v", hardware="h2", cpu="B")
    )
    assert len(comparison.rows) == 1
    (difference,) = comparison.environment_differences
    assert (difference.key, difference.baseline, difference.candidate) == ("hardware.cpu", "A", "B")


def test_other_tokens_from_one_tokenizer_are_told():
    row = only_row(
        run_of("old", ACC, OLD, job={"prompt": "p1"}),
        run_of("new", ACC, NEW, job={"prompt": "p2"}, weights="v"),
    )
    assert "other token ids" in row.note


def test_a_metric_of_one_run_only_is_listed_with_the_reason():
    items = make_samples(OLD)
    shared = make_job([make_metric(ACC, items)])
    extra = make_job([make_metric("accuracy/boolq/acc", items)])
    failed = make_job([], suite="accuracy", task="boolq", status="failed", reason="out of memory")
    kept = {"accuracy.arc": items}
    comparison = compare(
        make_run("a", [shared, extra], kept), make_run("b", [shared, failed], kept)
    )
    assert [row.path for row in comparison.rows] == [ACC]
    (refused,) = comparison.not_comparable
    assert refused.path == "accuracy/boolq/acc"
    assert refused.reason == "the candidate's job is failed: out of memory"


def test_runs_that_share_nothing_are_refused():
    with pytest.raises(NotComparable, match="'old' and 'new' share no metric"):
        compare(run_of("old", ACC, OLD), run_of("new", "accuracy/boolq/acc", NEW))


def test_samples_are_read_once_for_each_job():
    reads = []

    class Counting:
        def __init__(self, run):
            self.record, self._run = run.record, run

        def samples(self, job_id):
            reads.append((self.record.run_id, job_id))
            return self._run.samples(job_id)

    compare(Counting(run_of("old", ACC, OLD)), Counting(run_of("new", ACC, NEW, weights="v")))
    assert sorted(reads) == [("new", "accuracy.arc"), ("old", "accuracy.arc")]


@pytest.mark.parametrize("kind", ["median", "quantile", "perplexity", "bits_per_byte"])
def test_a_resampled_difference_starts_from_the_record_s_own_values(kind):
    rng = np.random.default_rng(3)
    old, new = rng.normal(-2.0, 0.4, (2, 90)).tolist()
    more = {"kind": kind, "q": 0.25 if kind == "quantile" else None, "up": False}
    path = "accuracy/wiki/ppl"
    weights = [float(w) for w in rng.integers(5, 20, 90)] if kind == "bits_per_byte" else None
    runs = [
        run_of(name, path, scores, weights=name, item_weights=weights, **more)
        for name, scores in (("old", old), ("new", new))
    ]
    row = only_row(*runs)
    assert row.difference == pytest.approx(row.candidate - row.baseline, rel=1e-9)
    assert row.low < row.difference < row.high


def test_a_batch_size_is_a_setting_and_no_other_machine():
    def served(name, batch):
        run = run_of(name, TTFT, OLD, unit="s", up=False, hardware=f"h{batch}")
        facts = {"gpu": f"A100, batch {batch}", "gpu_model": "A100", "batch_size": str(batch)}
        host = run.record.environment.model_copy(update={"hardware": facts})
        return replace(run, record=run.record.model_copy(update={"environment": host}))

    reason = only_reason(served("a", 1), served("b", 8))
    assert "the settings differ (batch_size 1 and 8)" in reason and "hardware" not in reason


def test_runs_of_the_same_limit_are_compared_where_one_record_lacks_it():
    def limited(name, scores, **job):
        run = run_of(name, ACC, scores, job={"sample_count": len(scores), **job})
        spec = run.record.spec.model_copy(update={"limit": float(len(scores))})
        return replace(run, record=run.record.model_copy(update={"spec": spec}))

    assert len(compare(limited("a", OLD), limited("b", NEW, limit=len(NEW))).rows) == 1
    assert "items" in only_reason(limited("a", OLD), limited("b", NEW[:90], limit=90))
