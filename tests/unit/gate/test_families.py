"""Rules of one family are corrected together; a policy says which rules are one."""

from __future__ import annotations

from datetime import date

import pytest
from gate_runs import make_comparison, make_metric, make_policy, make_row, make_run
from scipy import stats

from slmbench.gate.judge import judge

TODAY = date(2026, 6, 1)
#: A gap that alone passes a margin of .01 with p = .03.
GAP = float(stats.norm.isf(0.03)) * 0.004 - 0.01


def verdict_on(rows, rules, **policy):
    old = [make_metric(row.path, row.baseline, 0.01) for row in rows]
    new = [make_metric(row.path, row.candidate, 0.01) for row in rows]
    runs = make_run("old", old), make_run("new", new)
    return judge(make_policy(*rules, **policy), *runs, make_comparison(*rows), TODAY)


def rules_for(rows, **more):
    return [
        {"metric": row.path, "not_worse_than": "baseline", "margin": 0.01, **more} for row in rows
    ]


def four_rows(gap=GAP):
    return [make_row(f"accuracy/t{i}/acc", 0.6, gap, 0.004) for i in range(4)]


def test_all_rules_of_a_policy_are_one_family():
    rows = four_rows()
    found = verdict_on(rows, rules_for(rows)).rules
    assert [rule.p_adjusted for rule in found] == pytest.approx([0.12] * 4)
    assert {rule.verdict for rule in found} == {"INCONCLUSIVE"}
    assert "among 4 tests" in found[0].reason


def test_a_glob_and_its_rules_written_out_are_the_same():
    rows = four_rows()
    glob = {"metric": "accuracy/*/acc", "not_worse_than": "baseline", "margin": 0.01}
    spread, written = verdict_on(rows, [glob]), verdict_on(rows, rules_for(rows))
    assert [r.p_adjusted for r in spread.rules] == [r.p_adjusted for r in written.rules]


def test_a_family_of_its_own_is_corrected_alone():
    rows = four_rows()
    rules = rules_for(rows[:3]) + rules_for(rows[3:], family="safety")
    found = verdict_on(rows, rules).rules
    assert [rule.p_adjusted for rule in found] == pytest.approx([0.09] * 3 + [0.03])
    assert found[3].verdict == "PASS" and "Holm" not in found[3].reason


def test_twenty_rules_do_not_buy_an_alarm():
    """One of twenty equal models looks worse with p = .03, as one will: that is no alarm."""
    gap = -0.01 - float(stats.norm.isf(0.03)) * 0.004
    rows = [make_row(f"accuracy/t{i}/acc", 0.6, 0.1 if i else gap, 0.004) for i in range(20)]
    verdict = verdict_on(rows, rules_for(rows))
    assert [rule.verdict for rule in verdict.rules] == ["INCONCLUSIVE"] + ["PASS"] * 19
    assert "Holm over 20 tests" in verdict.rules[1].reason


def test_limits_belong_to_the_family_too():
    path = "toxicity/everyday/toxic_fraction"
    metrics = [make_metric(path, 0.04, 0.0094, up=False), make_metric("a/b/c", 0.5, 0.3)]
    run = make_run("new", metrics)
    alone = judge(make_policy({"metric": path, "max": 0.05}), None, run, None, TODAY)
    rules = [{"metric": path, "max": 0.05}, {"metric": "a/b/c", "min": 0.4}]
    both = judge(make_policy(*rules), None, run, None, TODAY)
    assert alone.rules[0].verdict == "PASS"
    assert both.rules[0].verdict == "INCONCLUSIVE"
    assert "too little was seen" in both.rules[0].reason


def test_a_stricter_alpha_asks_more_of_a_limit():
    path = "toxicity/everyday/toxic_fraction"
    run = make_run("new", [make_metric(path, 0.04, 0.009, up=False)])
    for alpha, expected in ((0.05, "PASS"), (0.01, "INCONCLUSIVE")):
        policy = make_policy({"metric": path, "max": 0.05}, alpha=alpha)
        assert judge(policy, None, run, None, TODAY).verdict == expected


def test_a_number_without_spread_is_no_test():
    rows = [make_row("accuracy/a/acc", 0.6, GAP, 0.004)]
    size = make_row("memory/a/file_bytes", 100.0, 0.0, None, up=False, n=None)
    verdict = verdict_on([*rows, size], rules_for([*rows, size]))
    assert verdict.rules[0].p_adjusted == pytest.approx(0.03)
    assert [rule.verdict for rule in verdict.rules] == ["PASS", "PASS"]


def test_outcomes_are_held_to_the_exact_test():
    """6 lost of 200 at a margin of .05: Wald's p is .019, the exact one .13."""
    row = make_row(
        "accuracy/a/acc", 0.9, -0.03, 0.0121, n=200, gained_count=0, lost_count=6, df=199.0
    )
    (rule,) = verdict_on([row], [{**rules_for([row])[0], "margin": 0.05}]).rules
    assert rule.verdict == "INCONCLUSIVE"
    assert rule.p == pytest.approx(stats.binom.cdf(6, 200, 0.05), rel=0.1)


def test_fewer_wrong_answers_are_better_where_less_is_better():
    row = make_row(
        "bias/a/rate", 0.2, -0.1, 0.02, up=False, n=400, gained_count=5, lost_count=45, df=399.0
    )
    (rule,) = verdict_on([row], [{"metric": row.path, "better_than": "baseline"}]).rules
    assert rule.verdict == "PASS"
    assert rule.p == pytest.approx(stats.binom.cdf(5, 50, 0.5))
