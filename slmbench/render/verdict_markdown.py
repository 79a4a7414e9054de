"""A verdict as Markdown, for the summary of a CI job or a comment on a pull request."""

from __future__ import annotations

from slmbench.render.text_table import Row, markdown_table, one_line
from slmbench.schema.verdict import RuleVerdict, Verdict


def render_verdict_markdown(verdict: Verdict) -> str:
    """Return a heading with the verdict, a table of the rules and the warnings."""
    against = f" against `{one_line(verdict.baseline)}`" if verdict.baseline else ""
    lines = [
        f"## {verdict.verdict}: {one_line(verdict.policy)}",
        "",
        f"Candidate `{one_line(verdict.candidate)}`{against}, alpha {verdict.alpha:g}, "
        f"{verdict.items_used} of {verdict.items_total} items.",
        "",
        markdown_table(
            Row("Verdict", "Metric", "Limit", "Reason"), [_row(rule) for rule in verdict.rules]
        ),
    ]
    if verdict.warnings:
        lines += ["", "Warnings:", "", *(f"- {one_line(text)}" for text in verdict.warnings)]
    return "\n".join(lines) + "\n"


def _row(rule: RuleVerdict) -> Row:
    verdict: str = rule.verdict
    if rule.verdict != "PASS" and not rule.blocking:
        verdict += " (waived)" if rule.waiver else " (does not block)"
    reason = f"{rule.reason} Waived by {rule.waiver}." if rule.waiver else rule.reason
    return Row(verdict, rule.metric or rule.rule, rule.limit or "-", reason)
