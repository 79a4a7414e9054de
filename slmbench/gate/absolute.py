"""Rules with ``min`` or ``max``: is the whole interval of a value on the right side?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

from slmbench.gate.family import Adjusted, Evidence
from slmbench.gate.quantities import in_metric_unit
from slmbench.schema.base import Interval, Measured
from slmbench.schema.policy import Rule
from slmbench.schema.verdict import RuleVerdict, VerdictKind
from slmbench.stats.difference import critical_value, upper_tail
from slmbench.stats.interval import degrees_of_freedom
from slmbench.stats.laws import normal_upper
from slmbench.stats.paired_margin import proportion_p
from slmbench.units import format_value


@dataclass(frozen=True)
class _Limits:
    floor: float | None
    ceiling: float | None

    def words(self, unit: str) -> str:
        parts = []
        if self.floor is not None:
            parts.append(f"at least {format_value(self.floor, unit)}")
        if self.ceiling is not None:
            parts.append(f"at most {format_value(self.ceiling, unit)}")
        return " and ".join(parts)

    def hold(self, low: float, high: float) -> bool:
        above = self.floor is None or low >= self.floor
        return above and (self.ceiling is None or high <= self.ceiling)


def judge_limit(rule: Rule, path: str, measured: Measured) -> Evidence:
    """Return what a value says of a rule's limits.

    Alone in its family and at an alpha of 0.05, a rule passes where the whole 95 % interval of the
    record keeps the limits and fails where it lies wholly beyond one; otherwise the data cannot
    tell. For other alphas and in larger families the interval is read back as a two-sided test.
    A proportion's p is also at least the exact binomial one, so that few items can't pass by the
    normal law alone. A value without an interval (bytes of a file) decides by itself.

    Raises:
        InputError: a limit is a quantity of something else than the metric.
    """
    limits = _Limits(
        *(
            None if limit is None else in_metric_unit(limit, measured.unit, path)
            for limit in (rule.min, rule.max)
        )
    )
    say = partial(_say, rule, path, measured, limits)
    if measured.interval is None:
        return Evidence(rule.family, None, None, say)
    sides = []
    if limits.floor is not None:
        sides.append(_sides(measured, measured.interval, limits.floor))
    if limits.ceiling is not None:
        above, below = _sides(measured, measured.interval, limits.ceiling)
        sides.append((below, above))
    # To keep both limits takes both tests; to break one takes one, and never both at once.
    return Evidence(rule.family, max(kept for kept, _ in sides), min(b for _, b in sides), say)


def _sides(measured: Measured, interval: Interval, limit: float) -> tuple[float, float]:
    """Return the p that lets "at least the limit" be said, and the one for "below it"."""
    value, n = measured.value, measured.n
    if interval.method == "wilson" and 0.0 < limit < 1.0 and _is_share(value, n):
        z = (value - limit) / math.sqrt(limit * (1.0 - limit) / n)
        exact = proportion_p(value * n, n, limit)
        both = min(1.0, 2.0 * normal_upper(abs(z)))
        scores = (both, 1.0) if z > 0 else (1.0, both)
        return max(scores[0], exact[0]), max(scores[1], exact[1])
    df = degrees_of_freedom(interval, n)
    critical = critical_value(df, interval.level)
    bound = interval.low if limit < value else interval.high
    if interval.method.startswith("wilson, clustered") and 0.0 < limit < 1.0 and bound != value:
        # The bound is where the test of a share just rejects: it tells the spread at the limit.
        spread = abs(value - bound) / critical / math.sqrt(bound * (1.0 - bound))
        t = (value - limit) / (spread * math.sqrt(limit * (1.0 - limit)))
        both = min(1.0, 2.0 * upper_tail(abs(t), df))
        return (both, 1.0) if t > 0 else (1.0, both)
    at_least = _two_sided(value - limit, (value - interval.low) / critical, df, strict=False)
    below = _two_sided(limit - value, (interval.high - value) / critical, df, strict=True)
    return at_least, below


def _is_share(value: float, n: int) -> bool:
    return n > 0 and 0.0 <= value <= 1.0 and abs(value * n - round(value * n)) < 1e-6 * n


def _two_sided(distance: float, error: float, df: float | None, strict: bool) -> float:
    if error <= 0.0:
        holds = distance > 0.0 if strict else distance >= 0.0
        return 0.0 if holds else 1.0
    return min(1.0, 2.0 * upper_tail(distance / error, df))


def _say(
    rule: Rule, path: str, measured: Measured, limits: _Limits, adjusted: Adjusted | None
) -> RuleVerdict:
    interval, limit = measured.interval, limits.words(measured.unit)
    if adjusted is None:
        verdict: VerdictKind = "PASS" if limits.hold(measured.value, measured.value) else "FAIL"
    else:
        verdict = adjusted.verdict
    return RuleVerdict(
        rule=rule.metric,
        metric=path,
        verdict=verdict,
        reason=_sentence(verdict, measured, limits, adjusted),
        severity=rule.severity,
        limit=limit,
        unit=measured.unit,
        value=measured.value,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        n=measured.n,
        p_adjusted=None if adjusted is None else adjusted.p_kept,
        how=measured.how,
    )


def _sentence(
    verdict: VerdictKind, measured: Measured, limits: _Limits, adjusted: Adjusted | None
) -> str:
    unit, interval, limit = measured.unit, measured.interval, limits.words(measured.unit)
    value = format_value(measured.value, unit)
    if interval is None or adjusted is None:
        said = "is" if verdict == "PASS" else "is not"
        return f"{value} {said} {limit}; no interval is known, so the value alone decides."
    low, high = (format_value(bound, unit) for bound in (interval.low, interval.high))
    spread = f"{value} [{low}, {high}] (n = {measured.n})"
    if verdict == "PASS":
        return f"{spread} is {limit} ({adjusted.told(adjusted.p_kept)})."
    if verdict == "FAIL":
        return f"{spread} is not {limit} ({adjusted.told(adjusted.p_broken)})."
    if limits.hold(interval.low, interval.high):
        why = adjusted.told(adjusted.p_kept)
        return f"{spread} is {limit}, but too little was seen to be sure of it ({why})."
    why = adjusted.told(min(adjusted.p_kept, adjusted.p_broken))
    return f"{spread} may or may not be {limit} ({why}). More items would tell."
