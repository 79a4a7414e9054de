"""Verdicts that no answer to the items left could change: arithmetic, not chance."""

from __future__ import annotations

from collections.abc import Sequence

from slmbench.gate.absolute import judge_limit
from slmbench.schema.base import Measured
from slmbench.schema.policy import Rule
from slmbench.schema.record import Metric
from slmbench.schema.verdict import VerdictKind
from slmbench.stats.interval import wilson
from slmbench.stats.paired_margin import paired_margin_p

_LARGEST_MARGIN = 0.1


def certain_claim(
    changes: tuple[int, int, int, int], count: int, margin: float, level: float
) -> VerdictKind | None:
    """Return the verdict of a rule against a baseline, or None while the items left may change it.

    Where a p-value of `paired_margin_p` is small it only becomes smaller by an item more that
    speaks for it (a test tries every table of up to 40 items; for margins above a tenth that is
    not so, and nothing is called certain), so the worst answers to the items left decide whether
    PASS is certain, and the best whether FAIL is. It is the test of independent 0/1 outcomes and of
    no others.

    Args:
        changes: items gained so far, lost so far, that may still be gained, that may still be lost;
            to gain is to be better than the baseline on an item.
        count: all items.
        margin: by how much the candidate may be worse, in the metric's own unit.
        level: of the strictest test that the full data will be held to.
    """
    if not 0.0 <= margin <= _LARGEST_MARGIN:
        return None
    gained, lost, may_gain, may_lose = changes
    shift = -margin
    if (gained - lost - may_lose) / count > shift:
        kept, _ = paired_margin_p(gained, lost + may_lose, count, shift)
        if kept <= level:
            return "PASS"
    if (gained + may_gain - lost) / count < shift:
        _, broken = paired_margin_p(gained + may_gain, lost, count, shift)
        if broken <= level:
            return "FAIL"
    return None


def certain_limit(
    rule: Rule, metric: Metric, scores: Sequence[float], count: int, level: float
) -> VerdictKind | None:
    """Return the verdict of ``min`` and ``max``, or None while the items left may change it.

    Args:
        rule: the limits, as shares.
        metric: the candidate's.
        scores: 0 or 1, of the items seen.
        count: all items.
        level: of the strictest test that the full data will be held to.
    """
    limits = [None if each is None else each.value for each in (rule.min, rule.max)]
    if any(each is not None and not 0.0 < each < 1.0 for each in limits):
        return None
    fewest = int(sum(scores))
    most = fewest + count - len(scores)
    sides = []
    if rule.min is not None:
        sides.append((rule.model_copy(update={"max": None}), fewest, most))
    if rule.max is not None:
        sides.append((rule.model_copy(update={"min": None}), most, fewest))
    if all(_p(side, metric, worst, count)[0] <= level for side, worst, _ in sides):
        return "PASS"
    if any(_p(side, metric, best, count)[1] <= level for side, _, best in sides):
        return "FAIL"
    return None


def _p(rule: Rule, metric: Metric, right: int, count: int) -> tuple[float, float]:
    """Return the p of "not kept" and of "kept", were so many of all items right."""
    assert isinstance(metric.value, Measured), "an absent metric is judged at the end"
    interval = wilson(right, count)
    share = {"value": right / count, "n": count, "interval": interval}
    found = judge_limit(rule, metric.path, metric.value.model_copy(update=share))
    assert found.p_kept is not None and found.p_broken is not None, "a share has an interval"
    return found.p_kept, found.p_broken
