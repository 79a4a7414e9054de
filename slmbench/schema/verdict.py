"""What a gate says: a verdict for each rule, one for the candidate, and the exit code."""

from __future__ import annotations

from typing import Any, Literal

from slmbench.schema.base import Frozen

VerdictKind = Literal["PASS", "FAIL", "INCONCLUSIVE", "NOT_COMPARABLE"]
Severity = Literal["block", "warn"]

EXIT_CODES: dict[VerdictKind, int] = {
    "PASS": 0,
    "FAIL": 1,
    "INCONCLUSIVE": 3,
    "NOT_COMPARABLE": 4,
}

#: From what stops a release first to what doesn't stop it.
WORST_FIRST: tuple[VerdictKind, ...] = ("FAIL", "NOT_COMPARABLE", "INCONCLUSIVE", "PASS")


class RuleVerdict(Frozen):
    """One rule on one metric; ``reason`` is a sentence with the numbers it rests on.

    Attributes:
        rule: the metric pattern of the policy; ``metric`` is what it matched, or None where a
            failed job left no metric to match.
        value: the candidate's value; None where it is absent.
        limit: what was asked of the metric, in words.
        low: lower end of the interval that decided (of the value, or of the difference).
        p_adjusted: one-sided p of the rule's own claim, Holm-corrected within its family.
        blocking: False for a warning and for a rule that a valid waiver lifts.
        waiver: who waived the rule, until when and why; None without a valid waiver.
    """

    rule: str
    metric: str | None
    verdict: VerdictKind
    reason: str
    severity: Severity = "block"
    blocking: bool = True
    limit: str = ""
    unit: str | None = None
    value: float | None = None
    baseline: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    p: float | None = None
    p_adjusted: float | None = None
    detectable: float | None = None
    how: str | None = None
    waiver: str | None = None


class Verdict(Frozen):
    """The answer to one policy about one candidate.

    Attributes:
        verdict: the worst of the blocking rules: FAIL, NOT_COMPARABLE, INCONCLUSIVE, PASS.
        warnings: what didn't block and still needs a reader.
        items_used: items the candidate's judged jobs were asked; ``items_total`` is how many the
            jobs have, which is more only where a sequential gate stopped early.
    """

    policy: str
    verdict: VerdictKind
    alpha: float
    candidate: str
    baseline: str | None
    rules: tuple[RuleVerdict, ...]
    warnings: tuple[str, ...] = ()
    items_used: int = 0
    items_total: int = 0

    @property
    def exit_code(self) -> int:
        """Return 0 for PASS, 1 FAIL, 3 INCONCLUSIVE, 4 NOT_COMPARABLE."""
        return EXIT_CODES[self.verdict]

    def to_json(self) -> dict[str, Any]:
        """Return the document ``slmbench gate --json`` prints."""
        return self.model_dump(mode="json")
