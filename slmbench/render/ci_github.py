"""A verdict in GitHub Actions' own words: annotations, and the outputs of a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from slmbench.render.text_table import one_line
from slmbench.schema.verdict import WORST_FIRST, RuleVerdict, Verdict

#: GitHub shows ten annotations of a kind for each step, so the last may have to sum up.
_MOST_OF_A_KIND = 10
_LONGEST_TEXT = 4_000
_LONGEST_TITLE = 200


@dataclass(frozen=True)
class PolicyFile:
    """Where the policy lies in the repository, and on which line each of its rules begins."""

    path: str
    lines: Mapping[str, int] = field(default_factory=dict)


def render_annotations(verdict: Verdict, place: PolicyFile | None) -> str:
    """Return one workflow command a line: errors for what blocks, warnings for the rest.

    Characters that would end a command or begin another are escaped as the runner undoes it
    (actions/toolkit, ``escapeData`` and ``escapeProperty``).
    """
    ordered = sorted(verdict.rules, key=lambda rule: WORST_FIRST.index(rule.verdict))
    lines = []
    for kind, blocking in (("error", True), ("warning", False)):
        rules = [r for r in ordered if r.verdict != "PASS" and r.blocking is blocking]
        shown = rules if len(rules) <= _MOST_OF_A_KIND else rules[: _MOST_OF_A_KIND - 1]
        lines += [_annotation(kind, rule, place) for rule in shown]
        if len(rules) > len(shown):
            text = f"{len(rules) - len(shown)} more rules did not pass; the summary has them all."
            lines.append(_command(kind, {"title": "slmbench gate"}, text))
    if verdict.verdict == "PASS":
        text = f"{one_line(verdict.policy)}: {len(verdict.rules)} checks, none of them blocks."
        lines.append(_command("notice", {"title": "slmbench gate: PASS"}, text))
    return "".join(f"{line}\n" for line in lines)


def render_error_annotation(reason: str) -> str:
    """Return the annotation of a gate that reached no verdict."""
    return _command("error", {"title": "slmbench gate: no verdict"}, reason) + "\n"


def render_outputs(verdict: Verdict, exit_code: int) -> str:
    """Return the lines of ``$GITHUB_OUTPUT``; every value is one line.

    Args:
        verdict: what the gate says.
        exit_code: what the command ends with, which is not the verdict's own where a file could
            not be written.
    """
    stops = sum(rule.blocking and rule.verdict != "PASS" for rule in verdict.rules)
    values = {
        "verdict": verdict.verdict,
        "exit_code": str(exit_code),
        "policy": verdict.policy,
        "candidate": verdict.candidate,
        "baseline": verdict.baseline or "",
        "rules_total": str(len(verdict.rules)),
        "rules_blocking": str(stops),
        "warnings_total": str(len(verdict.warnings)),
        "items_used": str(verdict.items_used),
        "items_total": str(verdict.items_total),
    }
    return _pairs(values)


def render_error_outputs(reason: str, exit_code: int) -> str:
    """Return the outputs of a gate that reached no verdict: it is ERROR, never empty."""
    return _pairs({"verdict": "ERROR", "exit_code": str(exit_code), "error": reason})


def harmless(text: str) -> str:
    """Return text that the runner takes for no command, wherever it stands in a line.

    The old form ``##[...]`` is honoured in the middle of a line too, so a text out of a record
    could set this step's outputs.
    """
    return one_line(text).replace("##[", "##\u2060[")


def _annotation(kind: str, rule: RuleVerdict, place: PolicyFile | None) -> str:
    name = rule.metric or rule.rule
    where: dict[str, str] = {}
    if place is not None:
        where = {"file": place.path, "line": str(place.lines.get(rule.rule, 1))}
    reason = rule.reason.removeprefix(f"{name}: ")
    if rule.waiver:
        reason = f"{reason} Waived by {rule.waiver}."
    return _command(kind, {**where, "title": f"{rule.verdict}: {name}"[:_LONGEST_TITLE]}, reason)


def _command(kind: str, properties: Mapping[str, str], text: str) -> str:
    told = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{kind} {told}::{_data(one_line(text)[:_LONGEST_TEXT])}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(one_line(text)).replace(":", "%3A").replace(",", "%2C")


def _pairs(values: Mapping[str, str]) -> str:
    return "".join(f"{key}={one_line(value)}\n" for key, value in values.items())
