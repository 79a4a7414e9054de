"""A verdict as JUnit XML, which every CI system shows rule by rule."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from slmbench.schema.verdict import RuleVerdict, Verdict

#: What XML 1.0 does not allow, whatever the escaping.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render_junit(verdict: Verdict) -> str:
    """Return one test case for each rule and metric.

    A blocking rule that did not pass is a failure whose type is its verdict; a warning, or a rule
    that a waiver lifts, is a skipped test with the reason.
    """
    failures = sum(rule.verdict != "PASS" and rule.blocking for rule in verdict.rules)
    skipped = sum(rule.verdict != "PASS" and not rule.blocking for rule in verdict.rules)
    counts = {
        "name": _clean(f"slmbench gate {verdict.policy}"),
        "tests": str(len(verdict.rules)),
        "failures": str(failures),
        "errors": "0",
        "skipped": str(skipped),
    }
    root = ET.Element("testsuites", counts)
    suite = ET.SubElement(root, "testsuite", counts)
    for rule in verdict.rules:
        _test_case(suite, rule)
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _test_case(suite: ET.Element, rule: RuleVerdict) -> None:
    name = rule.metric or rule.rule
    case = ET.SubElement(
        suite, "testcase", {"classname": _clean(f"slmbench.{rule.rule}"), "name": _clean(name)}
    )
    if rule.verdict == "PASS":
        ET.SubElement(case, "system-out").text = _clean(rule.reason)
        return
    message = _clean(f"{rule.verdict}: {rule.reason}")
    if rule.blocking:
        failure = ET.SubElement(case, "failure", {"type": rule.verdict, "message": message})
        failure.text = message
        return
    if rule.waiver is not None:
        message = _clean(f"waived by {rule.waiver} ({rule.verdict}: {rule.reason})")
    ET.SubElement(case, "skipped", {"message": message})


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
