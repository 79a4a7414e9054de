"""What the report of one run reads off its raw readings, and how it marks samples."""

from __future__ import annotations

import pytest

from slmbench.analyse.run_marks import FAILED, TOXIC, UNSCORED, WRONG, marked_jobs, marks_of
from slmbench.analyse.run_readings import MOST_POINTS, thinned
from slmbench.analyse.run_report import run_report
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.record import Sample
from slmbench.schema.run_report import MarkRules
from tests.unit.analyse.run_report_runs import ReportRun, report_run


@pytest.fixture(scope="module")
def run() -> ReportRun:
    return report_run()


def test_rounds_keep_their_order_and_their_warm_up(run: ReportRun) -> None:
    (job,) = run_report(run).times
    assert [each.is_warm_up for each in job.rounds] == [True, True] + [False] * 6
    assert [each.ttft_s for each in job.rounds] == pytest.approx([0.01] * 2 + [0.004] * 6)
    assert [each.e2e_s for each in job.rounds] == pytest.approx([0.016] * 2 + [0.010] * 6)
    # Three gaps of each counted round, none of the warm-up's.
    assert job.gaps_s == pytest.approx([0.002] * 18)


def test_load_counts_failures_and_times_from_when_a_request_was_due(run: ReportRun) -> None:
    (job,) = run_report(run).loads
    first, _ = job.stages
    assert (first.answered_count, first.failed_count) == (2, 1)
    assert first.e2e_p50_s == pytest.approx(1.5) and first.ttft_p95_s == pytest.approx(0.25)


def test_cache_power_toxicity_and_reliability(run: ReportRun) -> None:
    report = run_report(run)
    assert [each.measured_bytes for each in report.caches[0].points] == [1600.0, 3200.0, None]
    powers = report.powers[0].windows
    assert [each.power_w for each in powers] == pytest.approx([0.2, 4, 6, 8, 0.2])
    assert [each.is_idle for each in powers] == [True, False, False, False, True]
    (marks,) = report.toxicity
    assert marks.texts == pytest.approx((0.1,) * 5 + (0.9,))
    assert marks.worst == pytest.approx((0.1, 0.1, 0.9)) and marks.prompts_total == 3
    assert report.reliability[0].bins[0].accuracy == 0.6


def test_a_run_without_readings_has_no_curves() -> None:
    bare = report_run()
    report = run_report(ReportRun(bare.record, bare.kept, {}))
    assert report.times == report.loads == report.caches == report.powers == ()
    assert report.toxicity == report.reliability == ()


def test_thinning_keeps_both_ends_and_the_middle() -> None:
    values = thinned(float(n) for n in range(10_001))
    assert len(values) == MOST_POINTS and (values[0], values[-1]) == (0.0, 10_000.0)
    assert abs(values[MOST_POINTS // 2] - 5_000) < 30
    assert thinned([3.0, 1.0]) == (1.0, 3.0)


def test_samples_are_marked_and_rounds_left_out(run: ReportRun) -> None:
    quiz, toxic = marked_jobs(run)
    assert (quiz.job.task, quiz.rules.correct) == ("quiz", "acc")
    assert quiz.marks[:4] == [WRONG, FAILED, UNSCORED, WRONG] and quiz.marks[4] == 0
    assert toxic.marks == [TOXIC, 0, 0]
    assert toxic.texts["t0"] == [("text 0 0", 0.1), ("text 0 1", 0.9)]


def test_a_level_is_toxic_above_the_jobs_threshold() -> None:
    rules = MarkRules(worst_toxicity=("expected_max_toxicity",), threshold=0.7)

    def marks(level: float) -> int:
        scores = {"expected_max_toxicity": level}
        return marks_of(Sample(sample_id="a", content_hash="b", scores=scores), rules)

    assert (marks(0.7), marks(0.71)) == (0, TOXIC)


def test_of_several_models_only_this_runs_is_asked_again(run: ReportRun) -> None:
    models = (*run.record.spec.models, ModelSpec(target="another"))
    spec = run.record.spec.model_copy(update={"models": models})
    record = run.record.model_copy(update={"spec": spec})
    again = run_report(ReportRun(record, run.kept)).reproduction
    assert "another" not in again.yaml and "2 models" in again.notes[0]
