"""Ratios of resources, the compression report, and curves: each figure and each refusal."""

from __future__ import annotations

import math

import numpy as np
import pytest
from compare_runs import make_job, make_metric, make_run, make_samples, run_of
from scipy import stats

from slmbench.analyse.compare_compression import NO_FIDELITY
from slmbench.analyse.compare_details import compare_in_detail
from slmbench.schema.base import Interval, Measured
from slmbench.schema.finding import Comparison
from slmbench.schema.record import Metric
from tests.unit.render.compare_page_runs import outcomes, pair, quiz

TTFT = "latency/chat/ttft_s"


def ratio_of(path, old, new, **metric):
    unit = metric.pop("unit", "s")
    comparison = compare_in_detail(
        run_of("old", path, old, unit=unit, up=False, **metric),
        run_of("new", path, new, unit=unit, up=False, weights="v", **metric),
    )
    (found,) = comparison.ratios
    return found


def noisy(seed, middle, count=40):
    return (middle * np.exp(np.random.default_rng(seed).normal(0.0, 0.05, count))).tolist()


def test_a_ratio_of_medians_has_an_interval_of_two_samples():
    old, new = noisy(1, 0.10), noisy(2, 0.05)
    found = ratio_of(TTFT, old, new, kind="median")
    assert found.ratio == pytest.approx(np.median(new) / np.median(old))
    assert 0.45 < found.low < found.ratio < found.high < 0.55
    assert (found.n, found.method) == (40, "bootstrap of two samples")
    assert found.higher_is_better is False


def test_a_ratio_of_means_is_the_delta_methods():
    old, new = noisy(3, 2.0, 12), noisy(4, 3.0, 12)
    found = ratio_of("energy/chat/j_per_request", old, new, unit="J")
    parts = [np.var(s, ddof=1) / 12 / np.mean(s) ** 2 for s in (old, new)]
    df = sum(parts) ** 2 / sum(part**2 / 11 for part in parts)
    half = stats.t.ppf(0.975, df) * math.sqrt(sum(parts))
    assert found.low == pytest.approx(found.ratio * math.exp(-half))
    assert found.high == pytest.approx(found.ratio * math.exp(half))


def test_the_interval_of_a_ratio_holds_it_as_often_as_it_says():
    """400 pairs of runs whose true ratio is 1.5: 95 % must hold it, give or take 3.3 points."""
    held = 0
    for seed in range(400):
        old, new = noisy(2 * seed, 1.0, 20), noisy(2 * seed + 1, 1.5, 20)
        found = ratio_of("energy/chat/j_per_request", old, new, unit="J")
        held += found.low <= 1.5 <= found.high
    assert abs(held / 400 - 0.95) < 0.033


def test_one_reading_gives_a_ratio_without_an_interval():
    runs = [
        make_run(
            name,
            [make_job([make_metric("memory/chat/weight_bytes", size, unit="bytes", up=False)])],
            weights=name,
        )
        for name, size in (("old", 4e6), ("new", 1e6))
    ]
    (found,) = compare_in_detail(*runs).ratios
    assert (found.ratio, found.low, found.high, found.n) == (0.25, None, None, None)
    assert "one reading" in found.method


def test_without_readings_the_two_intervals_are_combined_on_the_log_scale():
    def itl(value):
        bounds = Interval(low=value / 1.1, high=value * 1.1, method="groups")
        number = Measured(value=value, unit="s", n=99, interval=bounds, how="clock")
        return Metric(suite="latency", task="chat", metric="itl_s", value=number)

    runs = [make_run(n, [make_job([itl(v)])], weights=n) for n, v in (("a", 0.02), ("b", 0.04))]
    (found,) = compare_in_detail(*runs).ratios
    assert found.ratio == pytest.approx(2.0)
    assert math.log(found.high / 2.0) == pytest.approx(math.sqrt(2.0) * math.log(1.1))


def test_few_readings_of_a_tail_have_no_interval_and_zero_has_no_ratio():
    tail = {"kind": "quantile", "q": 0.99}
    found = ratio_of("latency/chat/ttft_s@p99", noisy(5, 1.0), noisy(6, 1.0), **tail)
    assert found.low is None and "too few" in found.method
    none = compare_in_detail(
        run_of("old", TTFT, [0.0] * 9, kind="median", unit="s"),
        run_of("new", TTFT, [1.0] * 9, kind="median", unit="s", weights="v"),
    )
    assert none.ratios == ()


def test_the_json_keeps_its_keys_and_has_new_ones():
    comparison, _ = pair()
    document = comparison.model_dump(mode="json")
    assert {"baseline", "candidate", "rows", "flips", "ratios", "compression"} <= set(document)
    assert Comparison.model_validate_json(comparison.model_dump_json()) == comparison


def test_the_report_tells_what_a_student_kept_above_chance():
    comparison, _ = pair(right=60)
    (score,) = [each for each in comparison.compression.scores if each.metric == "acc"]
    assert (score.baseline, score.candidate, score.chance) == (0.75, 0.5, 0.25)
    assert score.retention.value == pytest.approx(0.5)
    assert 0.3 < score.retention.low < 0.5 < score.retention.high < 0.7
    # 60 items both have right, and the 30 that neither has are answered A and C.
    assert score.agreement.value == 0.5
    assert score.flip_rate.value == 0.25


def test_a_teacher_at_chance_has_nothing_to_keep():
    def run(name, right):
        asked = quiz(outcomes(80, right), name)
        return make_run(name, [make_job([make_metric("accuracy/quiz/acc", asked)])],
                        {"accuracy.quiz": asked}, weights=name)  # fmt: skip

    report = compare_in_detail(run("old", 21), run("new", 20), with_compression=True).compression
    assert report.scores[0].retention is None
    assert "above chance" in report.scores[0].why_no_retention
    assert report.notes == (NO_FIDELITY,)


def test_a_written_answer_is_never_right_by_chance():
    def run(name, scores):
        samples = make_samples(scores, "exact_match")
        job = make_job([make_metric("accuracy/sums/exact_match", samples)])
        return make_run(name, [job], {"accuracy.sums": samples}, weights=name)

    report = compare_in_detail(
        run("old", [1.0] * 40), run("new", [1.0] * 30 + [0.0] * 10), with_compression=True
    ).compression
    assert report.scores[0].chance == 0.0
    assert report.scores[0].retention.value == pytest.approx(0.75)


def test_fidelity_comes_from_the_candidates_run_alone():
    comparison, _ = pair(kl=0.02)
    (figure,) = comparison.compression.fidelity
    assert (figure.metric, figure.number.value, figure.unit) == ("kl_divergence", 0.02, "nats")
    assert all(each.suite != "fidelity" for each in comparison.not_comparable)
    assert comparison.compression.notes == ()
    absent, _ = pair(kl=None)
    assert absent.compression.fidelity[0].absent == "the two tokenizers differ"


def test_another_reference_than_the_baseline_is_told():
    comparison, _ = pair()
    old = make_run("base", [make_job([make_metric("accuracy/quiz/ece", 0.2)])], weights="other")
    new = pair()[0]
    assert new == comparison
    report = compare_in_detail(old, _candidate()).compression
    assert "not the baseline" in report.notes[0]


def _candidate():
    from tests.unit.render.compare_page_runs import run

    return run("small", 60, 0.5, "C", 0.02, 0.1)


def test_without_fidelity_there_is_no_report_unless_asked():
    old = run_of("old", "accuracy/arc/acc", [1.0, 0.0] * 9)
    new = run_of("new", "accuracy/arc/acc", [1.0, 0.0] * 9, weights="v")
    assert compare_in_detail(old, new).compression is None
    assert compare_in_detail(old, new, with_compression=True).compression is not None


def test_curves_hold_the_raw_rounds_sorted_and_the_reliability():
    _, found = pair()
    (curve,) = found.times
    assert (curve.task, curve.metric, len(curve.baseline)) == ("chat", "ttft_s", 30)
    assert list(curve.candidate) == sorted(curve.candidate)
    (reliability,) = found.reliability
    assert [each.confidence for each in reliability.baseline] == [0.35, 0.55, 0.75]
