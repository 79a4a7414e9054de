"""Rules against a baseline: non-inferiority, superiority, families and what cannot be compared."""

from __future__ import annotations

from datetime import date

import pytest
from gate_runs import make_comparison, make_metric, make_policy, make_row, make_run
from scipy import stats

from slmbench.errors import InputError
from slmbench.gate.judge import judge
from slmbench.stats.paired_margin import restricted_spread

ACC = "accuracy/arc/acc"
TPOT = "latency/chat/tpot_s@p95"
TODAY = date(2026, 6, 1)


def verdict_on(*rows, rule, refused=(), half=0.01, **policy):
    """Judge one rule on the rows; both runs hold a metric for each row and each refusal."""
    old, new = [], []
    for row in rows:
        more = {"up": row.higher_is_better, "unit": row.unit or ""}
        old.append(make_metric(row.path, row.baseline, half, **more))
        new.append(make_metric(row.path, row.candidate, half, **more))
    for path, _ in refused:
        old.append(make_metric(path, 0.5))
        new.append(make_metric(path, 0.5))
    comparison = make_comparison(*rows, refused=refused)
    runs = make_run("old", old), make_run("new", new)
    return judge(make_policy(rule, **policy), *runs, comparison, TODAY)


def not_worse(metric=ACC, **more):
    return {"metric": metric, "not_worse_than": "baseline", **more}


@pytest.mark.parametrize(
    ("difference", "error", "expected"),
    [
        (0.000, 0.001, "PASS"),
        (-0.005, 0.001, "PASS"),
        (-0.005, 0.004, "INCONCLUSIVE"),
        (-0.010, 0.001, "INCONCLUSIVE"),
        (-0.015, 0.001, "FAIL"),
        (-0.015, 0.010, "INCONCLUSIVE"),
        (0.000, 0.020, "INCONCLUSIVE"),
        (0.100, 0.020, "PASS"),
    ],
)
def test_non_inferiority_of_a_score(difference, error, expected):
    row = make_row(ACC, 0.6, difference, error)
    verdict = verdict_on(row, rule=not_worse(margin=0.01))
    assert verdict.verdict == verdict.rules[0].verdict == expected


@pytest.mark.parametrize(
    ("difference", "expected"), [(-0.02, "PASS"), (0.0, "PASS"), (0.02, "FAIL")]
)
def test_lower_is_better_turns_the_sign(difference, expected):
    row = make_row(TPOT, 0.1, difference, 0.001, up=False, unit="s")
    assert verdict_on(row, rule=not_worse(TPOT, margin="10ms")).verdict == expected


def test_the_p_is_the_one_sided_test_at_the_margin():
    row = make_row(ACC, 0.6, -0.004, 0.003)
    (rule,) = verdict_on(row, rule=not_worse(margin=0.01)).rules
    assert rule.p == pytest.approx(stats.norm.sf(0.006 / 0.003))
    assert rule.p_adjusted == rule.p


def test_student_s_t_is_used_where_there_are_few_clusters():
    half = stats.t.ppf(0.975, 4) * 0.003
    row = make_row(ACC, 0.6, -0.004, 0.003, df=4.0, low=-0.004 - half, high=-0.004 + half)
    (rule,) = verdict_on(row, rule=not_worse(margin=0.01)).rules
    assert rule.p == pytest.approx(stats.t.sf(0.006 / 0.003, 4))
    assert rule.verdict == "INCONCLUSIVE"


def test_clustered_outcomes_have_the_spread_at_the_margin():
    """Two points lost at a margin of five: a lucky sample's own error would be half as large."""
    counts = {"clusters": 20, "df": 19.0, "n": 600, "gained_count": 20, "lost_count": 32}
    row = make_row(ACC, 0.6, -0.02, 0.011, **counts, low=-0.045, high=0.005)
    (rule,) = verdict_on(row, rule=not_worse(margin=0.05)).rules
    half = 0.025 / stats.t.ppf(0.975, 19) * restricted_spread(20, 32, 600, -0.05)
    assert rule.p == pytest.approx(stats.t.sf(0.03 / half, 19))
    assert rule.p > stats.t.sf(0.03 / (0.025 / stats.t.ppf(0.975, 19)), 19)


def test_an_interval_wider_than_its_error_is_believed():
    wide = make_row(ACC, 0.6, 0.0, 0.003, low=-0.02, high=0.02)
    assert verdict_on(wide, rule=not_worse(margin=0.01)).verdict == "INCONCLUSIVE"


def test_an_interval_cut_short_does_not_shrink_the_error():
    cut = make_row(ACC, 0.6, -0.3, 0.4, low=-0.3001, high=0.5)
    assert verdict_on(cut, rule=not_worse(margin=0.4)).verdict == "INCONCLUSIVE"


def test_a_relative_margin_is_of_the_baseline_and_adds_its_doubt():
    row = make_row(TPOT, 0.100, 0.002, 0.001, up=False, unit="s")
    sure = verdict_on(row, rule=not_worse(TPOT, margin="5%"), half=None).rules[0]
    unsure = verdict_on(row, rule=not_worse(TPOT, margin="5%"), half=0.04).rules[0]
    assert sure.p == pytest.approx(stats.norm.sf(0.003 / 0.001))
    assert unsure.p == pytest.approx(stats.norm.sf(0.003 / (0.001 + 0.05 * 0.04 / 1.96)), rel=1e-3)
    assert (sure.verdict, unsure.verdict) == ("PASS", "INCONCLUSIVE")
    assert "(5%)" in sure.limit


@pytest.mark.parametrize(
    ("difference", "expected"), [(0.05, "PASS"), (0.005, "INCONCLUSIVE"), (-0.05, "FAIL")]
)
def test_better_than_needs_proof(difference, expected):
    row = make_row(ACC, 0.6, difference, 0.01)
    assert verdict_on(row, rule={"metric": ACC, "better_than": "baseline"}).verdict == expected


def test_holm_corrects_a_family_and_not_a_single_rule():
    """One-sided p of .03 passes alone; four of them make .12 each."""
    gap = stats.norm.isf(0.03) * 0.004 - 0.01
    rows = [make_row(f"accuracy/t{i}/acc", 0.6, gap, 0.004) for i in range(4)]
    alone = verdict_on(rows[0], rule=not_worse("accuracy/*/acc", margin=0.01))
    family = verdict_on(*rows, rule=not_worse("accuracy/*/acc", margin=0.01))
    assert alone.verdict == "PASS"
    assert family.verdict == "INCONCLUSIVE"
    assert [rule.p_adjusted for rule in family.rules] == pytest.approx([0.12] * 4)


def test_holm_also_guards_against_a_false_alarm():
    worse = -0.01 - stats.norm.isf(0.03) * 0.004
    rows = [make_row(f"accuracy/t{i}/acc", 0.6, worse if i == 0 else 0.1, 0.004) for i in range(4)]
    alone = verdict_on(rows[0], rule=not_worse("accuracy/*/acc", margin=0.01))
    family = verdict_on(*rows, rule=not_worse("accuracy/*/acc", margin=0.01))
    assert alone.verdict == "FAIL"
    assert [rule.verdict for rule in family.rules] == ["INCONCLUSIVE", "PASS", "PASS", "PASS"]


@pytest.mark.parametrize(
    ("difference", "rule", "expected"),
    [
        (0.0, not_worse(), "PASS"),
        (5.0, not_worse(), "FAIL"),
        (5.0, not_worse(margin="10%"), "PASS"),
        (-5.0, {"metric": ACC, "better_than": "baseline"}, "PASS"),
        (0.0, {"metric": ACC, "better_than": "baseline"}, "FAIL"),
    ],
)
def test_a_number_without_spread_decides_by_itself(difference, rule, expected):
    row = make_row(ACC, 100.0, difference, None, up=False, n=None, unit="bytes")
    verdict = verdict_on(row, rule=rule, half=None)
    assert verdict.verdict == expected
    assert verdict.rules[0].p is None


def test_one_reading_on_each_side_shows_nothing():
    row = make_row(TPOT, 0.1, -0.05, None, up=False, n=1, note="too few")
    verdict = verdict_on(row, rule=not_worse(TPOT, margin="5%"))
    assert verdict.verdict == "INCONCLUSIVE"
    assert "too few" in verdict.rules[0].reason


def test_the_same_model_passes_against_itself():
    row = make_row(ACC, 0.6, 0.0, 0.0)
    assert verdict_on(row, rule=not_worse()).verdict == "PASS"
    assert verdict_on(row, rule={"metric": ACC, "better_than": "baseline"}).verdict == "FAIL"


def test_a_metric_without_direction_needs_min_or_max():
    row = make_row("similarity/x/length", 1.0, 0.1, 0.1, up=None)
    with pytest.raises(InputError, match="Give it min or max"):
        verdict_on(row, rule=not_worse(row.path))


def test_other_fingerprints_are_not_comparable():
    verdict = verdict_on(refused=[(ACC, "the task fingerprint differs")], rule=not_worse())
    assert (verdict.verdict, verdict.exit_code) == ("NOT_COMPARABLE", 4)
    assert "the task fingerprint differs" in verdict.rules[0].reason


def test_runs_that_share_nothing_are_not_comparable():
    old, new = (
        make_run("old", [make_metric("a/b/c", 1.0)]),
        make_run("new", [make_metric(ACC, 1.0)]),
    )
    assert judge(make_policy(not_worse()), old, new, None, TODAY).verdict == "NOT_COMPARABLE"


def test_a_metric_the_candidate_left_out_fails():
    old = make_run("old", [make_metric(ACC, 0.5), make_metric("accuracy/boolq/acc", 0.5)])
    new = make_run("new", [make_metric(ACC, 0.5)])
    comparison = make_comparison(
        make_row(ACC, 0.5, 0.0, 0.0), refused=[("accuracy/boolq/acc", "not there")]
    )
    verdict = judge(make_policy(not_worse("accuracy/*/acc")), old, new, comparison, TODAY)
    assert [rule.verdict for rule in verdict.rules] == ["PASS", "FAIL"]
    assert "does not have this metric" in verdict.rules[1].reason


def test_a_baseline_that_was_not_measured_fails():
    old, new = (
        make_run("old", [make_metric(ACC, "no sensor")]),
        make_run("new", [make_metric(ACC, 1.0)]),
    )
    row = make_row(ACC, 0.0, 0.0, None).model_copy(update={"difference": None})
    verdict = judge(make_policy(not_worse()), old, new, make_comparison(row), TODAY)
    assert verdict.verdict == "FAIL"
    assert "no sensor" in verdict.rules[0].reason


def test_a_policy_with_a_baseline_rule_needs_a_baseline():
    with pytest.raises(InputError, match="--baseline"):
        judge(make_policy(not_worse()), None, make_run("new", [make_metric(ACC, 1.0)]), None, TODAY)


def test_fail_comes_before_not_comparable_and_that_before_doubt():
    refused = [("accuracy/b/acc", "other task")]
    doubt = make_row("accuracy/a/acc", 0.6, 0.0, 0.1)
    failed = make_row("accuracy/c/acc", 0.6, -0.5, 0.01)
    rule = not_worse("accuracy/*/acc", margin=0.01)
    assert verdict_on(doubt, rule=rule).verdict == "INCONCLUSIVE"
    assert verdict_on(doubt, refused=refused, rule=rule).verdict == "NOT_COMPARABLE"
    assert verdict_on(doubt, failed, refused=refused, rule=rule).verdict == "FAIL"


def test_doubt_says_what_the_data_could_have_shown():
    row = make_row(ACC, 0.6, -0.005, 0.01)
    (rule,) = verdict_on(row, rule=not_worse(margin=0.01)).rules
    assert rule.detectable == pytest.approx(0.028)
    for text in ("0.595 against 0.6", "-0.005", "cannot be told", "0.028"):
        assert text in rule.reason


@pytest.mark.parametrize(
    ("up", "low", "high", "expected"),
    [
        (True, -0.0025, 0.04, "PASS"),
        (True, -0.04, 0.0025, "INCONCLUSIVE"),
        (False, -0.04, 0.0025, "PASS"),
        (False, -0.0025, 0.04, "INCONCLUSIVE"),
    ],
)
def test_the_side_of_a_skewed_interval_that_is_worse_decides(up, low, high, expected):
    row = make_row(ACC, 0.6, 0.0, 0.001, up=up, low=low, high=high)
    assert verdict_on(row, rule=not_worse(margin=0.01)).verdict == expected
