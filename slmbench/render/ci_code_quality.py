"""What did not pass, as GitLab's code-quality report: it marks the policy's lines in a diff."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from slmbench.render.ci_github import PolicyFile
from slmbench.render.text_table import one_line
from slmbench.schema.verdict import RuleVerdict, Verdict

_SEVERITY = {"FAIL": "critical", "NOT_COMPARABLE": "major", "INCONCLUSIVE": "major"}


def render_code_quality(verdict: Verdict, place: PolicyFile) -> str:
    """Return a JSON list (Code Climate's form) with one entry for each rule that did not pass.

    ``severity`` is ``critical`` or ``major`` where the rule blocks and ``minor`` where it doesn't;
    ``fingerprint`` stays the same from run to run, so that GitLab sees what is new.
    """
    entries = [_entry(rule, place) for rule in verdict.rules if rule.verdict != "PASS"]
    return _document(entries)


def render_code_quality_error(place: PolicyFile, reason: str) -> str:
    """Return the report of a gate that reached no verdict: one blocker."""
    text = f"No verdict: {reason}"
    return _document([_issue("gate/verdict", text, "blocker", place, 1)])


def _entry(rule: RuleVerdict, place: PolicyFile) -> dict[str, Any]:
    name = rule.metric or rule.rule
    reason = rule.reason.removeprefix(f"{name}: ")
    severity = _SEVERITY[rule.verdict] if rule.blocking else "minor"
    line = place.lines.get(rule.rule, 1)
    waived = f" Waived by {rule.waiver}." if rule.waiver else ""
    text = f"{rule.verdict} {name}: {reason}{waived}"
    return _issue(f"{rule.rule}|{name}|{rule.limit}", text, severity, place, line)


def _issue(key: str, text: str, severity: str, place: PolicyFile, line: int) -> dict[str, Any]:
    return {
        "description": one_line(text)[:2_000],
        "check_name": "slmbench gate",
        "fingerprint": hashlib.sha256(f"{place.path}|{key}".encode()).hexdigest(),
        "severity": severity,
        "location": {"path": place.path, "lines": {"begin": line}},
    }


def _document(entries: list[dict[str, Any]]) -> str:
    return json.dumps(entries, allow_nan=False, ensure_ascii=False, indent=1) + "\n"
