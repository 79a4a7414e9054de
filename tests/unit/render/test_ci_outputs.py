"""A verdict in the words of CI systems: nothing in it can break out, and nothing is lost."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmbench.render.ci_badge import render_badge_json, render_badge_svg
from slmbench.render.ci_code_quality import render_code_quality, render_code_quality_error
from slmbench.render.ci_github import (
    PolicyFile,
    harmless,
    render_annotations,
    render_error_annotation,
    render_error_outputs,
    render_outputs,
)
from slmbench.render.junit import render_junit, render_junit_error
from slmbench.render.verdict_markdown import (
    comment_marker,
    render_error_markdown,
    render_verdict_markdown,
)
from slmbench.schema.verdict import EXIT_CODES, RuleVerdict, Verdict

COMMAND = re.compile(r"::(error|warning|notice) ([^:]*)::(.*)")


def rule(kind: str, name: str = "a/b/m", **more) -> RuleVerdict:
    facts = {"rule": name, "metric": name, "verdict": kind, "reason": f"{kind}: 0.1 < 0.2."}
    return RuleVerdict(**(facts | more))


def verdict(*rules: RuleVerdict, **more) -> Verdict:
    kinds = [each.verdict for each in rules if each.blocking]
    worst = next((kind for kind in ("FAIL", "NOT_COMPARABLE", "INCONCLUSIVE") if kind in kinds),
                 "PASS")  # fmt: skip
    facts = {"policy": "release", "verdict": worst, "alpha": 0.05, "candidate": "new",
             "baseline": "old", "rules": rules, "items_used": 10, "items_total": 20}  # fmt: skip
    return Verdict(**(facts | more))


def commands(text: str) -> list[tuple[str, dict[str, str], str]]:
    """Return what GitHub's runner makes of the lines: kind, properties and text, unescaped."""
    found = []
    for line in text.splitlines():
        match = COMMAND.fullmatch(line)
        assert match is not None, line
        kind, properties, message = match.groups()
        pairs = [each.split("=", 1) for each in properties.split(",")]
        found.append((kind, {key: unquote(value) for key, value in pairs}, unquote(message)))
    return found


def test_annotations_name_the_rule_the_reason_and_the_place() -> None:
    told = verdict(
        rule("PASS"),
        rule("FAIL", "x/y/z@p95", reason="50% of them: no,\nnone"),
        rule("INCONCLUSIVE", blocking=False),
        rule("FAIL", "w/w/w", blocking=False, waiver="ann until 2027-01-31: known"),
    )
    place = PolicyFile("ci/policy.yaml", {"x/y/z@p95": 7})
    lines = commands(render_annotations(told, place))
    assert lines[0] == (
        "error",
        {"file": "ci/policy.yaml", "line": "7", "title": "FAIL: x/y/z@p95"},
        "50% of them: no, none",
    )
    assert [kind for kind, _, _ in lines] == ["error", "warning", "warning"]
    assert "Waived by ann until 2027-01-31: known." in lines[1][2]
    assert lines[2][1]["line"] == "1"


@given(st.text(), st.text(min_size=1), st.text(min_size=1))
def test_no_text_ends_a_command_or_begins_another(reason: str, name: str, policy: str) -> None:
    told = verdict(rule("FAIL", name, reason=reason), rule("FAIL", "b", blocking=False),
                   policy=policy)  # fmt: skip
    for text in (render_annotations(told, PolicyFile("p", {})), render_error_annotation(reason)):
        assert {kind for kind, _, _ in commands(text)} <= {"error", "warning"}
    outputs = render_outputs(told, 1).splitlines()
    assert [line.split("=", 1)[0] for line in outputs] == OUTPUTS
    assert len(render_error_outputs(reason, 2).splitlines()) == 3


OUTPUTS = [
    "verdict", "exit_code", "policy", "candidate", "baseline", "rules_total", "rules_blocking",
    "warnings_total", "items_used", "items_total",
]  # fmt: skip


def test_what_github_would_drop_is_summed_up() -> None:
    rules = [rule("FAIL", f"a/b/{i}") for i in range(25)]
    rules += [rule("FAIL", f"c/d/{i}", blocking=False) for i in range(10)]
    lines = commands(render_annotations(verdict(*rules), None))
    errors = [text for kind, _, text in lines if kind == "error"]
    assert len(errors) == 10 and errors[-1].startswith("16 more rules")
    assert sum(kind == "warning" for kind, _, _ in lines) == 10


def test_a_pass_is_one_notice() -> None:
    ((kind, _, text),) = commands(render_annotations(verdict(rule("PASS")), None))
    assert kind == "notice" and "release: 1 checks" in text


@pytest.mark.parametrize("kind", list(EXIT_CODES))
def test_outputs_hold_the_verdict_and_the_code_of_the_command(kind: str) -> None:
    lines = dict(line.split("=", 1) for line in render_outputs(verdict(rule(kind)), 5).splitlines())
    assert lines["verdict"] == kind and lines["exit_code"] == "5"
    assert lines["rules_total"] == "1" and lines["rules_blocking"] == str(int(kind != "PASS"))
    assert (lines["items_used"], lines["items_total"]) == ("10", "20")


def test_no_verdict_is_an_error_everywhere() -> None:
    reason = "No run 'x' | <b>\nin the store."
    outputs = dict(line.split("=", 1) for line in render_error_outputs(reason, 2).splitlines())
    assert outputs["verdict"] == "ERROR" and outputs["exit_code"] == "2"
    suite = ET.fromstring(render_junit_error("release", reason)).find("testsuite")
    assert suite is not None and suite.get("errors") == "1" and suite.get("failures") == "0"
    assert "No run 'x'" in (next(suite.iter("error")).text or "")
    page = render_error_markdown("release", reason)
    assert page.startswith(f"{comment_marker('release')}\n## ERROR: release\n")
    assert "not a pass" in page and "<b>" not in page
    (issue,) = json.loads(render_code_quality_error(PolicyFile("p.yaml"), reason))
    assert issue["severity"] == "blocker" and issue["location"]["path"] == "p.yaml"
    assert json.loads(render_badge_json("release", None))["message"] == "error"
    assert "error" in render_badge_svg("release", None)


def test_an_old_command_inside_a_line_is_broken_up() -> None:
    assert "##[" not in harmless("so ##[set-output name=verdict]PASS\n::error::x")
    assert "\n" not in harmless("a\n::set-output name=verdict::PASS")


@pytest.mark.parametrize("kind", list(EXIT_CODES))
def test_badges_say_the_verdict_in_words(kind: str) -> None:
    word = kind.lower().replace("_", " ")
    shield = json.loads(render_badge_json("re<le>ase", kind))
    assert shield["schemaVersion"] == 1 and shield["message"] == word
    assert shield["label"] == "gate re<le>ase" and shield["isError"] is False
    picture = ET.fromstring(render_badge_svg("re<le>ase & co", kind))
    texts = [node.text for node in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["gate re<le>ase & co", word]
    widths = [float(node.get("textLength", "0")) for node in picture.iter() if "text" in node.tag]
    assert float(picture.get("width", "0")) > sum(widths)


def test_the_colour_of_a_badge_is_not_shared_by_pass_and_any_other() -> None:
    colours = [json.loads(render_badge_json("p", kind))["color"] for kind in EXIT_CODES]
    assert len(set(colours)) == len(EXIT_CODES)


def test_code_quality_is_a_list_of_what_did_not_pass() -> None:
    told = verdict(
        rule("PASS"), rule("FAIL", "x"), rule("FAIL", "y", blocking=False), rule("INCONCLUSIVE")
    )
    issues = json.loads(render_code_quality(told, PolicyFile("p.yaml", {"x": 4})))
    assert [each["severity"] for each in issues] == ["critical", "minor", "major"]
    assert issues[0]["location"] == {"path": "p.yaml", "lines": {"begin": 4}}
    assert len({each["fingerprint"] for each in issues}) == 3
    other = verdict(rule("FAIL", "x", reason="another number"))
    again = json.loads(render_code_quality(other, PolicyFile("p.yaml", {"x": 9})))
    assert again[0]["fingerprint"] == issues[0]["fingerprint"]
    assert json.loads(render_code_quality(verdict(rule("PASS")), PolicyFile("p"))) == []


def test_two_rules_on_one_metric_are_two_tests() -> None:
    """GitLab drops a test whose name it has seen, so a FAIL behind a PASS would be lost."""
    told = verdict(
        rule("PASS", limit="at least 0.1"),
        rule("FAIL", limit="not worse than the baseline"),
        rule("FAIL", limit="not worse than the baseline"),
        rule("FAIL", limit=""),
    )
    cases = list(ET.fromstring(render_junit(told)).iter("testcase"))
    names = [(case.get("classname"), case.get("name")) for case in cases]
    assert len(set(names)) == 4
    assert names[0] == ("slmbench.a/b/m", "a/b/m")


def test_the_comment_has_numbers_with_intervals_and_the_worst_first() -> None:
    told = verdict(
        rule("PASS", "p/p/p", value=0.5, limit="at least 0.4"),
        rule("FAIL", "f/f/f", value=0.1, baseline=0.3, difference=-0.2, low=-0.25, high=-0.15,
             limit="not worse than the baseline"),
        rule("FAIL", "w/w/w", blocking=False, severity="warn"),
        warnings=("FAIL w/w/w: slow",),
    )  # fmt: skip
    text = render_verdict_markdown(told)
    assert text.startswith("<!-- slmbench-gate: release -->\n## FAIL: release\n")
    assert "1 of 3 checks pass, **1 block the release**, 1 does not pass" in text
    rows = [line for line in text.splitlines() if line.startswith("| ")][2:]
    assert [row.split(" | ")[1] for row in rows] == ["f/f/f", "w/w/w", "p/p/p"]
    assert "| 0.1 | 0.3 | -0.2 | -0.25 to -0.15 (of the difference) |" in rows[0]
    assert text.index("</summary>") < text.index("- **FAIL** `f/f/f`") < text.index("</details>")


def test_the_comment_fits_and_says_what_it_leaves_out() -> None:
    rules = [rule("FAIL", f"a/b/{i}", reason="because " * 300) for i in range(2_000)]
    told = verdict(*rules, warnings=tuple(f"warning {i} " * 50 for i in range(500)))
    text = render_verdict_markdown(told)
    assert len(text) < 65_536
    assert len(re.findall(r"And \d+ more (?:rules|warnings|reasons)", text)) == 3
    assert "**2000 block the release**" in text


@given(st.text(min_size=1))
def test_the_marker_is_one_comment_and_stays_the_same(policy: str) -> None:
    marker = comment_marker(policy)
    assert marker == comment_marker(policy)
    assert re.fullmatch(r"<!-- slmbench-gate: [A-Za-z0-9._+-]+ -->", marker)
    told = verdict(rule("FAIL"), policy=policy)
    assert render_verdict_markdown(told).split("\n")[0] == marker
    assert render_verdict_markdown(told).count("<!--") == 1
