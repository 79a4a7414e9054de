"""What rules found, corrected together: many rules must not buy a pass, nor an alarm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from slmbench.schema.verdict import RuleVerdict, VerdictKind
from slmbench.stats.difference import holm

#: A p that equals alpha but for rounding is at alpha: an interval that ends on its limit keeps it.
_ROUNDING = 1.0 + 1e-9


@dataclass(frozen=True)
class Adjusted:
    """One test's p-values after Holm's correction, and how many tests were corrected together."""

    p_kept: float
    p_broken: float
    tests: int
    alpha: float

    @property
    def verdict(self) -> VerdictKind:
        """Return PASS where "broken" is refused, FAIL where "kept" is, else INCONCLUSIVE."""
        if self.p_kept <= self.alpha * _ROUNDING:
            return "PASS"
        return "FAIL" if self.p_broken <= self.alpha * _ROUNDING else "INCONCLUSIVE"

    def told(self, p: float) -> str:
        """Return one of the p-values in words."""
        among = f", Holm over {self.tests} tests" if self.tests > 1 else ""
        return f"p = {p:.3g}{among}, alpha {self.alpha:g}"


@dataclass(frozen=True)
class Evidence:
    """What one rule found on one metric, before it is known what else was tested.

    Attributes:
        family: tests of one family are corrected together.
        p_kept: p of "the rule is not kept": a small one lets the rule pass.
        p_broken: p of "the rule is kept": a small one fails it. Both are None for a number without
            a spread, which decides by itself and is no test.
        say: makes the verdict of the adjusted p-values, or of None where there are none.
    """

    family: str
    p_kept: float | None
    p_broken: float | None
    say: Callable[[Adjusted | None], RuleVerdict]


def early_evidence(family: str, verdict: RuleVerdict) -> Evidence | None:
    """Return what a sequential gate settled as one test of its family; None where it tested none.

    It was rejected at Holm's strictest level, or by the opposite test.
    """
    if verdict.verdict not in ("PASS", "FAIL"):
        return None
    p_kept = float(verdict.verdict == "FAIL")
    return Evidence(family, p_kept, 1.0 - p_kept, lambda _: verdict)


def settle_families(evidence: Sequence[Evidence], alpha: float) -> list[RuleVerdict]:
    """Return the verdicts in the order of the evidence, each family corrected by itself.

    Both sides are Holm-adjusted: within a family the chance that any PASS is wrong is at most
    alpha, and so is the chance that any FAIL is. Over families, a policy's overall PASS is wrong
    with a chance of at most alpha however many there are, since every blocking rule must pass
    (the intersection-union test of Berger 1982, Technometrics 24:295); a false alarm of the whole
    policy has at most alpha times the number of families.
    """
    adjusted: dict[int, Adjusted] = {}
    for family in dict.fromkeys(each.family for each in evidence):
        kept: dict[int, float] = {}
        broken: dict[int, float] = {}
        for place, each in enumerate(evidence):
            if each.family == family and each.p_kept is not None and each.p_broken is not None:
                kept[place], broken[place] = each.p_kept, each.p_broken
        pairs = zip(holm(list(kept.values())), holm(list(broken.values())), strict=True)
        for place, (p_kept, p_broken) in zip(kept, pairs, strict=True):
            adjusted[place] = Adjusted(p_kept, p_broken, len(kept), alpha)
    return [each.say(adjusted.get(place)) for place, each in enumerate(evidence)]
