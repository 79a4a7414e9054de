"""A verdict as Markdown, for the summary of a CI job or a comment on a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterable

from slmbench.render.text_table import Row, markdown_table, one_line
from slmbench.schema.verdict import WORST_FIRST, RuleVerdict, Verdict
from slmbench.units import format_value

_HEAD = Row("Verdict", "Metric", "Candidate", "Baseline", "Difference", "Interval", "Limit")
#: A comment on GitHub holds 65,536 characters; what is longer is refused whole.
_MOST_CHARACTERS = 60_000
_TABLE_SHARE = 0.55
_LONGEST_REASON = 1_000


def comment_marker(policy: str) -> str:
    """Return the hidden first line by which a bot finds the comment that it is to replace."""
    plain = re.sub(r"[^A-Za-z0-9._+-]+", "-", policy).strip("-") or "policy"
    return f"<!-- slmbench-gate: {plain} -->"


def render_verdict_markdown(verdict: Verdict) -> str:
    """Return the verdict, a table of the rules with their numbers, and each reason folded away.

    What blocks comes first. A page that would be too long for a comment says how much it leaves
    out; the verdict is never left out.
    """
    rules = sorted(verdict.rules, key=_urgency)
    against = f" against {_code(verdict.baseline)}" if verdict.baseline else ""
    head = [
        comment_marker(verdict.policy),
        f"## {verdict.verdict}: {_plain(verdict.policy)}",
        "",
        _in_short(verdict),
        "",
        f"Candidate {_code(verdict.candidate)}{against}, alpha {verdict.alpha:g}, "
        f"{verdict.items_used} of {verdict.items_total} items.",
        "",
    ]
    budget = int(_MOST_CHARACTERS * _TABLE_SHARE)
    title, line, *rows = markdown_table(_HEAD, [_row(rule) for rule in rules]).split("\n")
    table = _within(rows, budget, "rules; the JSON output and the JUnit file have all of them")
    body = [title, line, *table]
    if verdict.warnings:
        warnings = (f"- {_plain(text)}" for text in verdict.warnings)
        body += ["", "Warnings:", "", *_within(warnings, budget // 4, "warnings")]
    spent = sum(map(len, [*head, *body]))
    reasons = _within(map(_reason, rules), _MOST_CHARACTERS - spent - 500, "reasons")
    body += ["", "<details>", "<summary>Why, rule by rule</summary>", "", *reasons]
    return "\n".join([*head, *body, "", "</details>"]) + "\n"


def render_error_markdown(policy: str, reason: str) -> str:
    """Return the page of a gate that reached no verdict, under the same marker."""
    return (
        f"{comment_marker(policy)}\n## ERROR: {_plain(policy)}\n\n"
        f"No verdict was reached, and that is not a pass: {_plain(reason)[:_LONGEST_REASON]}\n"
    )


def _urgency(rule: RuleVerdict) -> tuple[bool, bool, int]:
    passed = rule.verdict == "PASS"
    return passed, not rule.blocking, WORST_FIRST.index(rule.verdict)


def _in_short(verdict: Verdict) -> str:
    total = len(verdict.rules)
    stops = sum(rule.blocking and rule.verdict != "PASS" for rule in verdict.rules)
    told = sum(not rule.blocking and rule.verdict != "PASS" for rule in verdict.rules)
    passed = total - stops - told
    parts = [f"{passed} of {total} checks pass"]
    if stops:
        parts.append(f"**{stops} block the release**")
    if told:
        parts.append(f"{told} {'do' if told > 1 else 'does'} not pass and may not block it")
    return ", ".join(parts) + "."


def _row(rule: RuleVerdict) -> Row:
    verdict: str = rule.verdict
    if rule.verdict != "PASS" and not rule.blocking:
        verdict += " (waived)" if rule.waiver else " (does not block)"
    unit = rule.unit or ""
    value, baseline, difference = (
        "-" if number is None else format_value(number, unit)
        for number in (rule.value, rule.baseline, rule.difference)
    )
    spread = "-"
    if rule.low is not None and rule.high is not None:
        of = " (of the difference)" if rule.difference is not None else ""
        spread = f"{format_value(rule.low, unit)} to {format_value(rule.high, unit)}{of}"
    limit = rule.limit or "-"
    return Row(verdict, rule.metric or rule.rule, value, baseline, difference, spread, limit)


def _reason(rule: RuleVerdict) -> str:
    name = rule.metric or rule.rule
    reason = rule.reason.removeprefix(f"{name}: ")
    if rule.waiver:
        reason = f"{reason} Waived by {rule.waiver}."
    text = _plain(reason)
    cut = text if len(text) <= _LONGEST_REASON else text[: _LONGEST_REASON - 1] + "…"
    return f"- **{rule.verdict}** {_code(name)}: {cut}"


def _within(lines: Iterable[str], budget: int, what: str) -> list[str]:
    """Return the lines that fit into so many characters, and how many did not."""
    kept: list[str] = []
    left_out = 0
    for line in lines:
        budget -= len(line) + 1
        if budget < 0 or left_out:
            left_out += 1
        else:
            kept.append(line)
    return [*kept, "", f"And {left_out} more {what}."] if left_out else kept


def _plain(text: str) -> str:
    """Return one line in which no tag, comment or mention of a person takes effect."""
    escaped = one_line(text).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"(?<!\w)@", "@\u2060", escaped)


def _code(text: str) -> str:
    return f"`{one_line(text).replace('`', chr(39))}`"
