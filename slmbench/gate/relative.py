"""Rules against a baseline: non-inferiority and superiority, metric by metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from slmbench.errors import InputError
from slmbench.gate.family import Adjusted, Evidence, settle_families
from slmbench.gate.host import EqualHost
from slmbench.gate.quantities import in_metric_unit
from slmbench.schema.base import Measured
from slmbench.schema.finding import CompareRow
from slmbench.schema.policy import Rule
from slmbench.schema.record import Metric
from slmbench.schema.verdict import RuleVerdict, VerdictKind
from slmbench.stats.difference import critical_value, upper_tail
from slmbench.stats.paired import FEW_DISCORDANT
from slmbench.stats.paired_margin import paired_margin_p, restricted_spread
from slmbench.units import format_value


@dataclass(frozen=True)
class Claim:
    """One metric to hold against its baseline; all are about the same metric.

    A verdict must hold for ``row`` and, where it is known, on an ``equal_host`` too.
    """

    row: CompareRow
    baseline: Metric
    candidate: Metric
    equal_host: EqualHost | None = None


@dataclass(frozen=True)
class _Test:
    """A claim made ready: all signs turned so that more is better."""

    claim: Claim
    margin: float
    p_kept: float | None
    p_broken: float | None
    exact: bool

    @property
    def gain(self) -> float:
        """Return how much better the candidate is, negative where it is worse."""
        difference = self.claim.row.difference or 0.0
        return difference if self.claim.row.higher_is_better else -difference


def judge_claim(rule: Rule, claim: Claim) -> Evidence:
    """Return what a difference says of a rule.

    PASS: the one-sided test rejects "worse than baseline by the margin or more" (for
    ``better_than``: "not better") at alpha (Wellek 2010, "Testing statistical hypotheses of
    equivalence and noninferiority", chapter 2). FAIL: the opposite test rejects "no worse than the
    margin" at alpha. Otherwise INCONCLUSIVE. Outcomes that are 0 or 1 and independent get the test
    of `stats.paired_margin`; all others Student's t with the interval's own half-widths, which for
    clustered outcomes have the spread at the margin (`restricted_spread`).
    A difference without any spread (bytes) decides by itself and is no test.

    Raises:
        InputError: a metric has no direction, so "worse" means nothing.
    """
    test = _prepare(rule, claim)
    if claim.equal_host is not None:
        other = _prepare(rule, replace(claim, row=claim.equal_host.row))
        test = replace(
            test,
            p_kept=_larger(test.p_kept, other.p_kept),
            p_broken=_larger(test.p_broken, other.p_broken),
        )
    return Evidence(rule.family, test.p_kept, test.p_broken, partial(_verdict, rule, test))


def _larger(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else max(one, other)


def judge_family(rule: Rule, claims: Sequence[Claim], alpha: float) -> list[RuleVerdict]:
    """Return the verdicts of one rule that is alone in its family.

    Raises:
        InputError: a metric has no direction, so "worse" means nothing.
    """
    return settle_families([judge_claim(rule, claim) for claim in claims], alpha)


def _prepare(rule: Rule, claim: Claim) -> _Test:
    row = claim.row
    if row.higher_is_better is None:
        raise InputError(
            f"'{row.path}' does not say whether more is better, so 'worse than baseline' means "
            "nothing. Give it min or max instead."
        )
    margin, margin_error = _margin(rule, claim)
    if row.low is None or row.high is None:
        return _Test(claim, margin, None, None, exact=row.n is None)
    difference = row.difference or 0.0
    gain = difference if row.higher_is_better else -difference
    below, above = difference - row.low, row.high - difference
    if not row.higher_is_better:
        below, above = above, below
    # The interval's own half-widths are read back as errors: they carry whatever widening the
    # comparison found right (few clusters, skewed resamples), which the plain error lacks.
    # The plain error is the least, because an interval that ends at -1 or 1 is cut short there.
    critical, least = critical_value(row.df), row.standard_error or 0.0
    below, above = (max(side / critical, least) for side in (below, above))
    if row.gained_count is not None and row.clusters is not None:
        more, spread = _spread_at(row, margin)
        below, above = below * more, above * spread
    below, above = below + margin_error, above + margin_error
    strict = rule.better_than is not None
    kept = _one_sided(gain + margin, below, row.df, strict)
    broken = _one_sided(-gain - margin, above, row.df, not strict)
    if row.gained_count is not None and row.clusters is None and least > 0.0:
        own = _of_outcomes(row, margin)
        # A margin in percent is itself uncertain, which only the normal test allows for.
        kept, broken = own if margin_error == 0.0 else (max(kept, own[0]), max(broken, own[1]))
    return _Test(claim, margin, kept, broken, exact=False)


def _of_outcomes(row: CompareRow, margin: float) -> tuple[float, float]:
    return paired_margin_p(*_counts(row), -min(margin, 1.0))


def _spread_at(row: CompareRow, margin: float) -> tuple[float, float]:
    """Return by what the errors of clustered outcomes grow, for "kept" and for "broken".

    It is never less than 1 for "kept", nor where so few outcomes changed that the error was
    widened already.
    """
    gained, lost, n = _counts(row)
    spread = restricted_spread(gained, lost, n, -min(margin, 1.0))
    more = max(spread, 1.0)
    return more, more if gained + lost < FEW_DISCORDANT else spread


def _counts(row: CompareRow) -> tuple[int, int, int]:
    """Return (items that are better, items that are worse, all items)."""
    better, worse = row.gained_count or 0, row.lost_count or 0
    if not row.higher_is_better:
        better, worse = worse, better
    return better, worse, row.n or 1


def _one_sided(distance: float, error: float, df: float | None, strict: bool) -> float:
    if error <= 0.0:
        holds = distance > 0.0 if strict else distance >= 0.0
        return 0.0 if holds else 1.0
    return upper_tail(distance / error, df)


def _margin(rule: Rule, claim: Claim) -> tuple[float, float]:
    """Return the margin in the metric's unit, and the error that a relative margin adds.

    A percentage is of the baseline's measured value, which is itself uncertain: by the triangle
    inequality the error of ``candidate - (1 - m) baseline`` is at most SE + m SE(baseline).
    """
    if rule.margin is None:
        return 0.0, 0.0
    measured = claim.baseline.value
    assert isinstance(measured, Measured), "compare gives a difference of measured values only"
    if not rule.margin.relative:
        return in_metric_unit(rule.margin, measured.unit, claim.row.path), 0.0
    share, interval = rule.margin.value, measured.interval
    error = 0.0
    if interval is not None:
        error = share * (interval.high - interval.low) / 2.0 / critical_value(None, interval.level)
    return share * abs(measured.value), error


def _verdict(rule: Rule, test: _Test, adjusted: Adjusted | None) -> RuleVerdict:
    row, measured = test.claim.row, test.claim.candidate.value
    verdict: VerdictKind = "INCONCLUSIVE"
    if adjusted is not None:
        verdict = adjusted.verdict
    elif test.exact:
        better = rule.better_than is not None
        verdict = "PASS" if (test.gain > 0 if better else test.gain + test.margin >= 0) else "FAIL"
    limit = _in_words(rule, test.margin, row.unit or "")
    return RuleVerdict(
        rule=rule.metric,
        metric=row.path,
        verdict=verdict,
        reason=_sentence(verdict, test, limit, adjusted),
        severity=rule.severity,
        limit=limit,
        unit=row.unit,
        value=row.candidate,
        baseline=row.baseline,
        difference=row.difference,
        low=row.low,
        high=row.high,
        n=row.n,
        p=test.p_kept,
        p_adjusted=None if adjusted is None else adjusted.p_kept,
        detectable=row.detectable,
        how=measured.how if isinstance(measured, Measured) else None,
    )


def _in_words(rule: Rule, margin: float, unit: str) -> str:
    if rule.better_than is not None:
        return "better than the baseline"
    if margin == 0.0:
        return "not worse than the baseline"
    written = f" ({rule.margin.text})" if rule.margin is not None and rule.margin.relative else ""
    return f"not worse than the baseline by more than {format_value(margin, unit)}{written}"


def _denied(limit: str) -> str:
    """Return the opposite of a limit, without a double "not"."""
    return limit.removeprefix("not ") if limit.startswith("not ") else f"not {limit}"


def _sentence(verdict: VerdictKind, test: _Test, limit: str, adjusted: Adjusted | None) -> str:
    row = test.claim.row
    unit = row.unit or ""
    told = [None if x is None else format_value(x, unit) for x in (row.candidate, row.baseline)]
    change = format_value(row.difference or 0.0, unit)
    facts = f"{told[0]} against {told[1]}, difference {change}"
    if row.low is None or row.high is None or adjusted is None:
        if test.exact:
            said = limit if verdict == "PASS" else _denied(limit)
            return f"{facts}: it is {said}; no interval is known, so the values decide."
        return f"{facts}: the spread is unknown ({row.note or 'one reading'}), so nothing is shown."
    facts += f" [{format_value(row.low, unit)}, {format_value(row.high, unit)}] (n = {row.n})"
    if verdict == "PASS":
        return f"{facts}: it is {limit} (one-sided {adjusted.told(adjusted.p_kept)})."
    if verdict == "FAIL":
        return f"{facts}: it is {_denied(limit)} (one-sided {adjusted.told(adjusted.p_broken)})."
    seen = ""
    if row.detectable is not None:
        seen = f" The data would show a true difference of {format_value(row.detectable, unit)}."
    host = "" if test.claim.equal_host is None else test.claim.equal_host.words
    why = f"at alpha {adjusted.alpha:g}"
    if adjusted.tests > 1:
        why += f" among {adjusted.tests} tests"
    return f"{facts}: whether it is {limit} cannot be told {why}.{seen}{host}"
