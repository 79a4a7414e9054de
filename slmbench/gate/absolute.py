"""Rules with ``min`` or ``max``: is the whole interval of a value on the right side?"""

from __future__ import annotations

from slmbench.gate.quantities import in_metric_unit
from slmbench.schema.base import Measured
from slmbench.schema.policy import Rule
from slmbench.schema.verdict import RuleVerdict, VerdictKind
from slmbench.units import format_value


def judge_limit(rule: Rule, path: str, measured: Measured) -> RuleVerdict:
    """Return PASS where the interval keeps the limits, FAIL where it is wholly beyond one.

    The interval is the record's own (95 % unless it says otherwise). Where it straddles a limit
    the data cannot tell. A value without an interval (bytes of a file) decides by itself.
    """
    floor, ceiling = (
        None if limit is None else in_metric_unit(limit, measured.unit, path)
        for limit in (rule.min, rule.max)
    )
    interval = measured.interval
    low, high = (interval.low, interval.high) if interval else (measured.value, measured.value)
    kept = (floor is None or low >= floor) and (ceiling is None or high <= ceiling)
    broken = (floor is not None and high < floor) or (ceiling is not None and low > ceiling)
    verdict: VerdictKind = "PASS" if kept else "FAIL" if broken else "INCONCLUSIVE"
    limit = _in_words(floor, ceiling, measured.unit)
    return RuleVerdict(
        rule=rule.metric,
        metric=path,
        verdict=verdict,
        reason=_sentence(verdict, measured, limit),
        severity=rule.severity,
        limit=limit,
        unit=measured.unit,
        value=measured.value,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        n=measured.n,
        how=measured.how,
    )


def _in_words(floor: float | None, ceiling: float | None, unit: str) -> str:
    parts = []
    if floor is not None:
        parts.append(f"at least {format_value(floor, unit)}")
    if ceiling is not None:
        parts.append(f"at most {format_value(ceiling, unit)}")
    return " and ".join(parts)


def _sentence(verdict: VerdictKind, measured: Measured, limit: str) -> str:
    value = format_value(measured.value, measured.unit)
    if measured.interval is None:
        said = "is" if verdict == "PASS" else "is not"
        return f"{value} {said} {limit}; no interval is known, so the value alone decides."
    low, high = (
        format_value(bound, measured.unit)
        for bound in (measured.interval.low, measured.interval.high)
    )
    spread = f"{value} [{low}, {high}] (n = {measured.n})"
    if verdict == "PASS":
        return f"{spread} is {limit}, with its whole interval."
    if verdict == "FAIL":
        return f"{spread} is not {limit}, with its whole interval."
    return f"{spread} may or may not be {limit}: the interval holds both. More items would tell."
