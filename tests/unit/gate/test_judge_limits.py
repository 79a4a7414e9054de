"""Rules with min and max, provenance, absence and failure."""

from __future__ import annotations

from datetime import date

import pytest
from gate_runs import make_metric, make_policy, make_run

from slmbench.errors import InputError
from slmbench.gate.judge import judge

TOXIC = "toxicity/everyday/toxicity_probability"
TODAY = date(2026, 6, 1)


def verdict_on(metric, rule, *, jobs=None, **policy):
    run = make_run("new", [metric], **(jobs or {}))
    return judge(make_policy({"metric": metric.path, **rule}, **policy), None, run, None, TODAY)


@pytest.mark.parametrize(
    ("value", "half", "rule", "expected"),
    [
        (0.03, 0.01, {"max": 0.05}, "PASS"),
        (0.04, 0.01, {"max": 0.05}, "PASS"),
        (0.045, 0.01, {"max": 0.05}, "INCONCLUSIVE"),
        (0.08, 0.01, {"max": 0.05}, "FAIL"),
        (0.30, 0.01, {"min": 0.25}, "PASS"),
        (0.255, 0.01, {"min": 0.25}, "INCONCLUSIVE"),
        (0.20, 0.01, {"min": 0.25}, "FAIL"),
        (0.30, 0.01, {"min": 0.25, "max": 0.35}, "PASS"),
        (0.30, 0.06, {"min": 0.25, "max": 0.35}, "INCONCLUSIVE"),
        (0.40, 0.01, {"min": 0.25, "max": 0.35}, "FAIL"),
        (0.05, None, {"max": 0.05}, "PASS"),
        (0.0501, None, {"max": 0.05}, "FAIL"),
        (0.04, 0.005, {"max": "5%"}, "PASS"),
    ],
)
def test_the_whole_interval_decides(value, half, rule, expected):
    verdict = verdict_on(make_metric(TOXIC, value, half, up=False), rule)
    assert verdict.verdict == verdict.rules[0].verdict == expected


@pytest.mark.parametrize(
    ("path", "value", "unit", "limit", "expected"),
    [
        ("memory/chat/peak_resident_bytes", 5.9 * 2**30, "bytes", "6 GiB", "PASS"),
        ("memory/chat/peak_resident_bytes", 6.1 * 2**30, "bytes", "6 GiB", "FAIL"),
        ("latency/chat/tpot_s", 0.049, "s", "50ms", "PASS"),
        ("energy/chat/wh_per_1000_requests", 1.5, "Wh/1000 requests", "2 Wh", "PASS"),
        ("energy/chat/wh_per_1000_requests", 2.5, "Wh/1000 requests", "2 Wh", "FAIL"),
        ("energy/chat/j_per_output_token", 0.3, "J/token", "0.2 J", "FAIL"),
    ],
)
def test_a_limit_is_read_in_the_metric_s_unit(path, value, unit, limit, expected):
    metric = make_metric(path, value, up=False, unit=unit)
    assert verdict_on(metric, {"max": limit}).verdict == expected


@pytest.mark.parametrize(
    ("unit", "limit"), [("bytes", "50ms"), ("s", "5%"), ("", "6 GiB"), ("tokens/s", "3 s")]
)
def test_a_limit_of_another_kind_is_an_error(unit, limit):
    with pytest.raises(InputError, match="does not fit"):
        verdict_on(make_metric("a/b/c", 1.0, unit=unit), {"max": limit})


def test_the_reason_carries_the_numbers():
    rule = verdict_on(make_metric(TOXIC, 0.08, 0.01), {"max": 0.05}).rules[0]
    for number in ("0.08", "0.07", "0.09", "n = 100", "at most 0.05"):
        assert number in rule.reason
    assert (rule.low, rule.high) == (pytest.approx(0.07), pytest.approx(0.09))


def test_absent_is_a_failure_with_its_reason():
    verdict = verdict_on(make_metric(TOXIC, "no checkpoint was given"), {"max": 0.05})
    assert verdict.verdict == "FAIL"
    assert "no checkpoint was given" in verdict.rules[0].reason


@pytest.mark.parametrize("status", ["failed", "pending", "running"])
def test_a_job_that_did_not_end_well_fails_although_it_left_a_value(status):
    jobs = {"toxicity__everyday": {"status": status, "reason": "killed"}}
    verdict = verdict_on(make_metric(TOXIC, 0.0, 0.001), {"max": 0.05}, jobs=jobs)
    assert verdict.verdict == "FAIL"
    assert status in verdict.rules[0].reason and "killed" in verdict.rules[0].reason


def test_a_failed_job_without_metrics_is_still_seen_by_a_glob():
    run = make_run(
        "new",
        [make_metric("accuracy/arc/acc", 0.9, 0.01)],
        accuracy__boolq={"status": "failed", "reason": "out of memory"},
    )
    policy = make_policy({"metric": "accuracy/*/acc", "min": 0.5})
    verdict = judge(policy, None, run, None, TODAY)
    assert verdict.verdict == "FAIL"
    assert [rule.verdict for rule in verdict.rules] == ["PASS", "FAIL"]
    assert "out of memory" in verdict.rules[1].reason and verdict.rules[1].metric is None


def test_failed_items_take_a_pass_back():
    jobs = {"toxicity__everyday": {"failed_count": 7}}
    verdict = verdict_on(make_metric(TOXIC, 0.01, 0.005), {"max": 0.05}, jobs=jobs)
    assert verdict.verdict == "INCONCLUSIVE"
    assert "7 of 100 items failed" in verdict.rules[0].reason


@pytest.mark.parametrize(
    ("how", "accepted", "expected"),
    [
        ("estimated", [], "FAIL"),
        ("estimated", ["estimated"], "PASS"),
        ("counter", ["counter", "rapl"], "PASS"),
        ("polled", ["counter", "rapl"], "FAIL"),
        ("detoxify 0.5.4 sha256:ab", ["detoxify*"], "PASS"),
        ("profanity 1.9", ["detoxify*"], "FAIL"),
    ],
)
def test_provenance_is_required(how, accepted, expected):
    metric = make_metric("energy/chat/j_per_output_token", 0.1, 0.01, how=how, up=False)
    rule = {"max": 0.2, "how": accepted} if accepted else {"max": 0.2}
    verdict = verdict_on(metric, rule)
    assert verdict.verdict == expected
    assert expected == "PASS" or how in verdict.rules[0].reason or "estimate" in str(verdict.rules)


def test_a_rule_that_matches_nothing_is_an_error_with_near_names():
    with pytest.raises(InputError, match=r"matches no metric.*accuracy/arc/acc") as caught:
        judge(
            make_policy({"metric": "acuracy/arc/acc", "min": 0.5}),
            None,
            make_run("new", [make_metric("accuracy/arc/acc", 0.9)]),
            None,
            TODAY,
        )
    assert caught.value.exit_code == 2


def test_a_star_stays_within_its_part_of_the_name():
    run = make_run("new", [make_metric("accuracy/arc/acc", 0.9)])
    with pytest.raises(InputError, match="matches no metric"):
        judge(make_policy({"metric": "accuracy/*", "min": 0.5}), None, run, None, TODAY)


def test_the_worst_blocking_rule_decides_and_a_warning_does_not():
    run = make_run("new", [make_metric("a/b/good", 0.9), make_metric("a/b/bad", 0.1)])
    rules = [{"metric": "a/b/good", "min": 0.5}, {"metric": "a/b/bad", "min": 0.5}]
    assert judge(make_policy(*rules), None, run, None, TODAY).verdict == "FAIL"
    rules[1]["severity"] = "warn"
    verdict = judge(make_policy(*rules), None, run, None, TODAY)
    assert (verdict.verdict, verdict.exit_code) == ("PASS", 0)
    assert len(verdict.warnings) == 1 and "a/b/bad" in verdict.warnings[0]


@pytest.mark.parametrize(
    ("setting", "expected", "warnings"),
    [("fail", "INCONCLUSIVE", 0), ("warn", "PASS", 1), ("pass", "PASS", 0)],
)
def test_the_policy_says_what_doubt_means(setting, expected, warnings):
    metric = make_metric(TOXIC, 0.05, 0.01)
    verdict = verdict_on(metric, {"max": 0.05}, on_inconclusive=setting)
    assert verdict.rules[0].verdict == "INCONCLUSIVE"
    assert (verdict.verdict, len(verdict.warnings)) == (expected, warnings)


@pytest.mark.parametrize(
    ("until", "expected"), [("2026-06-01", "PASS"), ("2027-01-01", "PASS"), ("2026-05-31", "FAIL")]
)
def test_a_waiver_lifts_a_rule_until_its_day(until, expected):
    waiver = {"rule": TOXIC, "owner": "ann@example.org", "until": until, "why": "known"}
    verdict = verdict_on(make_metric(TOXIC, 0.08, 0.01), {"max": 0.05}, waivers=[waiver])
    (rule,) = verdict.rules
    assert (verdict.verdict, rule.verdict) == (expected, "FAIL")
    if expected == "PASS":
        assert "ann@example.org" in rule.waiver and len(verdict.warnings) == 1
    else:
        assert rule.waiver is None and "ended on 2026-05-31" in rule.reason


def test_a_waiver_of_one_metric_leaves_the_others_of_its_family():
    run = make_run("new", [make_metric("a/x/m", 0.1), make_metric("a/y/m", 0.1)])
    waiver = {"rule": "a/x/m", "owner": "o", "until": "2027-01-01", "why": "w"}
    policy = make_policy({"metric": "a/*/m", "min": 0.5}, waivers=[waiver])
    verdict = judge(policy, None, run, None, TODAY)
    assert [rule.blocking for rule in verdict.rules] == [False, True]
    assert verdict.verdict == "FAIL"


def test_items_are_counted_once_for_each_job():
    metrics = [make_metric("a/b/x", 0.9), make_metric("a/b/y", 0.9), make_metric("a/c/x", 0.9)]
    policy = make_policy({"metric": "a/*/x", "min": 0.5}, {"metric": "a/b/y", "min": 0.5})
    verdict = judge(policy, None, make_run("new", metrics), None, TODAY)
    assert (verdict.items_used, verdict.items_total) == (200, 200)
