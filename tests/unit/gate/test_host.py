"""Times of two hosts: a verdict holds with and without what others' use of the CPU did."""

from __future__ import annotations

from datetime import date

import pytest
from gate_runs import make_comparison, make_metric, make_policy, make_row, make_run
from hypothesis import given
from hypothesis import strategies as st

from slmbench.gate.host import on_equal_host
from slmbench.gate.judge import judge
from slmbench.gate.targets import find_targets
from slmbench.schema.policy import parse_policy

TPOT = "latency/chat/tpot_s"
RATE = "latency/chat/decode_tokens_per_s"


def verdict_of(path, baseline, difference, error, shares, *, unit="s", margin="5%"):
    up = unit != "s"
    row = make_row(path, baseline, difference, error, up=up, unit=unit)
    runs = [
        make_run(name, [make_metric(path, value, error, up=up, unit=unit)],
                 latency__chat={"details": {"waited_share": share}})
        for name, value, share in zip(
            ("old", "new"), (baseline, baseline + difference), shares, strict=True
        )
    ]  # fmt: skip
    rule = {"metric": path, "not_worse_than": "baseline", "margin": margin}
    return judge(make_policy(rule), *runs, make_comparison(row), date(2026, 6, 1)).rules[0]


@pytest.mark.parametrize(
    ("difference", "shares", "expected"),
    [
        (0.04, (0.0, 0.0), "FAIL"),  # 40 % slower, on equal hosts
        (0.04, (0.3, 0.3), "FAIL"),
        (0.04, (0.0, 0.3), "INCONCLUSIVE"),  # waiting alone makes 43 %
        (0.04, (0.0, 0.05), "FAIL"),  # waiting alone makes 5 %
        (0.0, (0.0, 0.0), "PASS"),
        (0.0, (0.3, 0.0), "INCONCLUSIVE"),  # as quick as the baseline was on a busier host
        (0.0, (None, 0.3), "PASS"),  # a record of an earlier version, or a server's
        (0.0, (0.3, 1.0), "PASS"),
        (0.04, (0.3, None), "FAIL"),
    ],
)
def test_a_busy_host_is_not_taken_for_a_slow_model(difference, shares, expected):
    found = verdict_of(TPOT, 0.1, difference, 0.001, shares)
    assert found.verdict == expected
    told = "Others' use of the CPU alone made the candidate's times" in found.reason
    assert told == (expected == "INCONCLUSIVE")


def test_a_rate_falls_where_a_time_grows():
    assert verdict_of(RATE, 100.0, -30.0, 1.0, (0.0, 0.0), unit="tokens/s").verdict == "FAIL"
    busy = verdict_of(RATE, 100.0, -30.0, 1.0, (0.0, 0.3), unit="tokens/s")
    assert busy.verdict == "INCONCLUSIVE" and "1.43 times as long" in busy.reason
    quiet = verdict_of(RATE, 100.0, 0.0, 1.0, (0.3, 0.0), unit="tokens/s")
    assert quiet.verdict == "INCONCLUSIVE" and "1/1.43 as long" in quiet.reason


@given(
    difference=st.floats(-0.09, 0.5), error=st.floats(1e-4, 0.05),
    shares=st.tuples(st.floats(0.0, 0.95), st.floats(0.0, 0.95)),
)  # fmt: skip
def test_no_verdict_rests_on_the_host(difference, error, shares):
    """What is said with the shares is said of the times as they were, too."""
    with_shares = verdict_of(TPOT, 0.1, difference, error, shares)
    without = verdict_of(TPOT, 0.1, difference, error, (None, None))
    assert with_shares.verdict in (without.verdict, "INCONCLUSIVE")
    assert with_shares.difference == without.difference


@pytest.mark.parametrize("unit", ["J", "B", ""])
def test_what_is_no_time_stays_as_it_is(unit):
    path = "latency/chat/other"
    row = make_row(path, 1.0, 0.1, 0.01, up=False, unit=unit)
    runs = [
        make_run(name, [make_metric(path, 1.0, 0.01, up=False, unit=unit)],
                 latency__chat={"details": {"waited_share": share}})
        for name, share in (("old", 0.0), ("new", 0.5))
    ]  # fmt: skip
    (rule,) = parse_policy(
        {"name": "p", "rules": [{"metric": path, "not_worse_than": "baseline"}]}, "test"
    ).rules
    (target,) = find_targets(rule, *runs)
    assert on_equal_host(row, target) is None
