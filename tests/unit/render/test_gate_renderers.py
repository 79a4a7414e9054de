"""Verdicts and comparisons as text: complete, well-formed and safe."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from slmbench.render.compare_text import render_compare_markdown, render_compare_text
from slmbench.render.junit import render_junit
from slmbench.render.verdict_markdown import render_verdict_markdown
from slmbench.schema.finding import (
    CompareRow,
    Comparison,
    EnvironmentDifference,
    NotCompared,
)
from slmbench.schema.verdict import RuleVerdict, Verdict


def make_rule(kind, **more):
    facts = {
        "rule": "a/*/m",
        "metric": "a/b/m",
        "verdict": kind,
        "reason": f"{kind} with 0.1 < 0.2",
    }
    return RuleVerdict(**(facts | more))


VERDICT = Verdict(
    policy="release",
    verdict="FAIL",
    alpha=0.05,
    candidate="new",
    baseline="old",
    rules=(
        make_rule("PASS"),
        make_rule("FAIL", reason='bad | <script>"&\x00\ninjected'),
        make_rule("INCONCLUSIVE"),
        make_rule("NOT_COMPARABLE", metric=None),
        make_rule("FAIL", blocking=False, waiver="ann until 2027-01-31: known"),
        make_rule("FAIL", blocking=False, severity="warn"),
    ),
    warnings=("FAIL a/b/m: slow\n# not a heading",),
    items_used=10,
    items_total=20,
)


def make_row(name, low, high, up, **more):
    facts = {
        "suite": "accuracy", "task": "arc", "metric": name, "baseline": 0.6, "candidate": 0.5,
        "difference": -0.1, "low": low, "high": high, "standard_error": 0.01, "p": 0.012,
        "n": 100, "paired": True, "clusters": None, "detectable": 0.028, "higher_is_better": up,
    }  # fmt: skip
    return CompareRow(**(facts | more))


COMPARISON = Comparison(
    baseline="run-1",
    candidate="run-2",
    baseline_model="tiny",
    candidate_model="tiny-int8",
    rows=(
        make_row("worse", -0.2, -0.05, True, clusters=57),
        make_row("better", -0.2, -0.05, False),
        make_row("open", -0.2, 0.05, True),
        make_row("silent", -0.2, -0.05, None),
        make_row("bare", None, None, True, paired=False, n=None, p=None, note="no interval"),
    ),
    not_comparable=(NotCompared(suite="a", task="b", metric="c", reason="other task"),),
    environment_differences=(
        EnvironmentDifference(key="software.torch", baseline="2.4", candidate=None),
    ),
)


def test_junit_counts_and_types():
    root = ET.fromstring(render_junit(VERDICT))
    suite = root.find("testsuite")
    counts = {key: suite.get(key) for key in ("tests", "failures", "skipped", "errors")}
    assert counts == {"tests": "6", "failures": "3", "skipped": "2", "errors": "0"}
    facts = {each.get("name"): each.get("value") for each in suite.iter("property")}
    assert (facts["items_used"], facts["items_total"]) == ("10", "20")
    types = [failure.get("type") for failure in suite.iter("failure")]
    assert types == ["FAIL", "INCONCLUSIVE", "NOT_COMPARABLE"]
    assert "waived by ann" in next(suite.iter("skipped")).get("message")
    assert [case.get("name") for case in suite.iter("testcase")].count("a/*/m") == 1


def test_junit_survives_what_xml_forbids():
    text = render_junit(VERDICT)
    assert "\x00" not in text and "<script>" not in text
    failure = next(ET.fromstring(text).iter("failure"))
    assert '<script>"&' in failure.text


def test_the_verdict_s_table_has_a_line_for_each_rule():
    text = render_verdict_markdown(VERDICT)
    rows = [line for line in text.splitlines() if line.startswith("| ")][2:]
    assert len(rows) == len(VERDICT.rules)
    assert "\n## FAIL: release\n" in text
    assert "Candidate `new` against `old`, alpha 0.05, 10 of 20 items." in text
    verdicts = [row.split(" | ")[0].removeprefix("| ") for row in rows]
    assert verdicts[-1] == "PASS" and verdicts[0] == "FAIL"
    assert {"FAIL (waived)", "FAIL (does not block)"} <= set(verdicts)
    assert "\n# not a heading" not in text


def test_a_reason_cannot_leave_its_line():
    row = next(line for line in render_verdict_markdown(VERDICT).splitlines() if "bad" in line)
    assert "bad | &lt;script>" in row and "injected" in row


@pytest.mark.parametrize("render", [render_compare_text, render_compare_markdown])
def test_a_comparison_says_everything_it_knows(render):
    text = render(COMPARISON)
    for expected in (
        "tiny-int8 (candidate) against tiny (baseline)",
        "a/b/c: other task.",
        "software.torch: 2.4 -> -",
        "[-0.2, -0.05]",
        "0.012",
        "paired, 57 clusters",
        "can show 0.028",
        "no interval",
    ):
        assert expected in text


@pytest.mark.parametrize(
    ("name", "reading"),
    [("worse", "worse;"), ("better", "better;"), ("open", "no difference"), ("silent", "differs")],
)
def test_the_reading_follows_the_interval_and_the_direction(name, reading):
    line = next(
        line for line in render_compare_text(COMPARISON).splitlines() if f"arc/{name}" in line
    )
    cell = line.split(" 100  ")[1]
    assert cell.startswith(reading)


def test_terminal_columns_are_aligned():
    head, *rows = render_compare_text(COMPARISON).splitlines()[2:7]
    assert {line.index(" 100  ") + 6 for line in rows} == {head.index("reading")}
