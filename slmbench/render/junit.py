"""A verdict as JUnit XML, which every CI system shows rule by rule."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter

from slmbench.schema.verdict import RuleVerdict, Verdict

#: What XML 1.0 does not allow, whatever the escaping.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render_junit(verdict: Verdict) -> str:
    """Return one test case for each rule and metric.

    A blocking rule that did not pass is a failure whose type is its verdict; a warning, or a rule
    that a waiver lifts, is a skipped test with the reason. No two cases have the same name: GitLab
    keeps the first of such and drops the others, a failure among them.
    """
    failures = sum(rule.verdict != "PASS" and rule.blocking for rule in verdict.rules)
    skipped = sum(rule.verdict != "PASS" and not rule.blocking for rule in verdict.rules)
    suite, root = _document(verdict.policy, len(verdict.rules), failures, skipped)
    facts = ET.SubElement(suite, "properties")
    for name in ("candidate", "baseline", "items_used", "items_total"):
        value = getattr(verdict, name)
        if value is not None:
            ET.SubElement(facts, "property", {"name": name, "value": _clean(str(value))})
    seen: Counter[tuple[str, str]] = Counter()
    for rule in verdict.rules:
        case = ET.SubElement(suite, "testcase", _names(rule, seen))
        _outcome(case, rule)
    return _text(root)


def render_junit_error(policy: str, reason: str) -> str:
    """Return the page of a gate that reached no verdict: one test case, in error."""
    suite, root = _document(policy, 1, 0, 0, errors=1)
    case = ET.SubElement(suite, "testcase", {"classname": "slmbench.gate", "name": "verdict"})
    message = _clean(f"No verdict: {reason}")
    error = ET.SubElement(case, "error", {"type": "ERROR", "message": message})
    error.text = message
    return _text(root)


def _document(
    policy: str, tests: int, failures: int, skipped: int, errors: int = 0
) -> tuple[ET.Element, ET.Element]:
    """Return (suite, root); the counts stand on both, as parsers read either."""
    counts = {
        "name": _clean(f"slmbench gate {policy}"),
        "tests": str(tests),
        "failures": str(failures),
        "errors": str(errors),
    }
    root = ET.Element("testsuites", counts)
    return ET.SubElement(root, "testsuite", {**counts, "skipped": str(skipped)}), root


def _names(rule: RuleVerdict, seen: Counter[tuple[str, str]]) -> dict[str, str]:
    """Return names that tell this rule apart, also from another on the same metric."""
    where = f"slmbench.{rule.rule}"
    name = rule.metric or rule.rule
    for choice in (name, f"{name}: {rule.limit}" if rule.limit else name):
        if (where, choice) not in seen:
            name = choice
            break
    seen[where, name] += 1
    if seen[where, name] > 1:
        name = f"{name} ({seen[where, name]})"
    return {"classname": _clean(where), "name": _clean(name)}


def _outcome(case: ET.Element, rule: RuleVerdict) -> None:
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
    # GitLab shows an element's text, others its message.
    ET.SubElement(case, "skipped", {"message": message}).text = message


def _text(root: ET.Element) -> str:
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
