"""Policy and two runs in, verdict out: pure, so the same records always give the same answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fnmatch import fnmatchcase

from slmbench.errors import InputError
from slmbench.gate.absolute import judge_limit
from slmbench.gate.relative import Claim, judge_family
from slmbench.gate.targets import Target, find_targets, matches
from slmbench.schema.base import Absent, Measured
from slmbench.schema.finding import Comparison
from slmbench.schema.policy import Policy, Rule, Waiver
from slmbench.schema.record import Metric, RunRecord
from slmbench.schema.verdict import WORST_FIRST, RuleVerdict, Verdict, VerdictKind


def judge(
    policy: Policy,
    baseline: RunRecord | None,
    candidate: RunRecord,
    comparison: Comparison | None,
    today: date,
) -> Verdict:
    """Return the verdict on the candidate.

    ``comparison`` is what ``compare(baseline, candidate)`` found, or None where the two share no
    metric; both are needed only by rules against a baseline. ``today`` decides which waivers
    still count.

    Raises:
        InputError: a rule matches no metric, needs a baseline that isn't given, or has a limit
            that doesn't fit its metric.
    """
    if policy.needs_baseline and baseline is None:
        raise InputError(
            f"The policy '{policy.name}' compares with a baseline. Give one with --baseline."
        )
    verdicts: list[RuleVerdict] = []
    jobs: dict[str, int] = {}
    for rule in policy.rules:
        targets = find_targets(rule, baseline, candidate)
        jobs |= {t.job.job_id: t.job.sample_count for t in targets if t.job is not None}
        if rule.needs_baseline:
            results = _judge_against_baseline(rule, targets, (baseline, comparison), policy.alpha)
        else:
            results = [_judge_alone(rule, target) for target in targets]
        verdicts += [_settle(result, policy, today) for result in results]
    items = sum(jobs.values())
    return Verdict(
        policy=policy.name,
        verdict=_overall(verdicts),
        alpha=policy.alpha,
        candidate=candidate.run_id,
        baseline=None if baseline is None else baseline.run_id,
        rules=tuple(verdicts),
        warnings=_warnings(verdicts, policy),
        items_used=items,
        items_total=items,
    )


def _judge_alone(rule: Rule, target: Target) -> RuleVerdict:
    refused = _refusal(rule, target)
    if refused is not None:
        return refused
    assert target.metric is not None and isinstance(target.metric.value, Measured)
    return _with_failures(judge_limit(rule, target.path, target.metric.value), target)


def _judge_against_baseline(
    rule: Rule,
    targets: Sequence[Target],
    against: tuple[RunRecord | None, Comparison | None],
    alpha: float,
) -> list[RuleVerdict]:
    """Return verdicts in the order of the targets; those that can be tested are one family."""
    settled: dict[str, RuleVerdict] = {}
    claims: list[Claim] = []
    for target in targets:
        result = _refusal(rule, target) or _claim(rule, target, *against)
        if isinstance(result, Claim):
            claims.append(result)
        else:
            settled[target.path] = result
    by_path = {target.path: target for target in targets}
    for verdict in judge_family(rule, claims, alpha):
        assert verdict.metric is not None
        settled[verdict.metric] = _with_failures(verdict, by_path[verdict.metric])
    return [settled[target.path] for target in targets]


def _refusal(rule: Rule, target: Target) -> RuleVerdict | None:
    """Return FAIL where the candidate has no number that the rule may use, else None."""
    job, metric = target.job, target.metric
    if job is not None and job.status != "done":
        detail = f": {job.reason}" if job.reason else ""
        return _refuse(rule, target, "FAIL", f"the job '{job.job_id}' is {job.status}{detail}")
    if metric is None:
        return _refuse(rule, target, "FAIL", "the candidate does not have this metric")
    value = metric.value
    if isinstance(value, Absent):
        return _refuse(rule, target, "FAIL", f"not measured: {value.reason}")
    if rule.how and not any(fnmatchcase(value.how, pattern) for pattern in rule.how):
        accepted = ", ".join(rule.how)
        reason = f"known by '{value.how}', and the rule accepts only {accepted}"
        return _refuse(rule, target, "FAIL", reason)
    if not rule.how and value.how.startswith("estimated"):
        reason = "an estimate is refused. List 'estimated' under 'how' to accept it"
        return _refuse(rule, target, "FAIL", reason)
    return None


def _claim(
    rule: Rule, target: Target, baseline: RunRecord | None, comparison: Comparison | None
) -> Claim | RuleVerdict:
    """Return what there is to test, or why there is nothing."""
    if comparison is None or baseline is None:
        reason = "the baseline and the candidate share no metric"
        return _refuse(rule, target, "NOT_COMPARABLE", reason)
    for refused in comparison.not_comparable:
        if refused.path == target.path:
            return _refuse(rule, target, "NOT_COMPARABLE", refused.reason)
    rows = {row.path: row for row in comparison.rows}
    metrics: dict[str, Metric] = {metric.path: metric for metric in baseline.metrics}
    if target.path not in rows or target.path not in metrics or target.metric is None:
        return _refuse(rule, target, "NOT_COMPARABLE", "the baseline does not have this metric")
    row, old = rows[target.path], metrics[target.path]
    if isinstance(old.value, Absent) or row.difference is None:
        why = old.value.reason if isinstance(old.value, Absent) else row.note
        return _refuse(rule, target, "FAIL", f"the baseline was not measured: {why}")
    return Claim(row, old, target.metric)


def _refuse(rule: Rule, target: Target, verdict: VerdictKind, reason: str) -> RuleVerdict:
    value = target.metric.value if target.metric is not None else None
    return RuleVerdict(
        rule=rule.metric,
        metric=target.path if target.path.count("/") > 1 else None,
        verdict=verdict,
        reason=f"{target.path}: {reason}.",
        severity=rule.severity,
        unit=value.unit if isinstance(value, Measured) else None,
        value=value.value if isinstance(value, Measured) else None,
        how=value.how if isinstance(value, Measured) else None,
    )


def _with_failures(verdict: RuleVerdict, target: Target) -> RuleVerdict:
    """Take a PASS back where items failed: those that ran may be the easy ones."""
    job = target.job
    if job is None or job.failed_count == 0 or verdict.verdict != "PASS":
        return verdict
    reason = f"{verdict.reason} But {job.failed_count} of {job.sample_count} items failed."
    return verdict.model_copy(update={"verdict": "INCONCLUSIVE", "reason": reason})


def _settle(verdict: RuleVerdict, policy: Policy, today: date) -> RuleVerdict:
    """Decide whether a verdict blocks: not for a warning, a valid waiver, or as the policy says."""
    blocking = verdict.severity == "block"
    if verdict.verdict == "INCONCLUSIVE" and policy.on_inconclusive != "fail":
        blocking = False
    if verdict.verdict == "PASS":
        return verdict.model_copy(update={"blocking": blocking})
    reason, lifted = verdict.reason, None
    for waiver in policy.waivers:
        if not _waives(waiver, verdict):
            continue
        if today <= waiver.until:
            lifted = f"{waiver.owner} until {waiver.until.isoformat()}: {waiver.why}"
            break
        reason += f" The waiver of {waiver.owner} ended on {waiver.until.isoformat()}."
    return verdict.model_copy(
        update={"reason": reason, "waiver": lifted, "blocking": blocking and lifted is None}
    )


def _waives(waiver: Waiver, verdict: RuleVerdict) -> bool:
    return waiver.rule == verdict.rule or (
        verdict.metric is not None and matches(waiver.rule, verdict.metric)
    )


def _overall(verdicts: Sequence[RuleVerdict]) -> VerdictKind:
    blocking = {verdict.verdict for verdict in verdicts if verdict.blocking}
    return next((kind for kind in WORST_FIRST if kind in blocking), "PASS")


def _warnings(verdicts: Sequence[RuleVerdict], policy: Policy) -> tuple[str, ...]:
    """Return what didn't block but is not a pass; ``on_inconclusive: pass`` asks for silence."""
    return tuple(
        f"{verdict.verdict} {verdict.metric or verdict.rule}: {verdict.reason}"
        for verdict in verdicts
        if verdict.verdict != "PASS"
        and not verdict.blocking
        and not (
            verdict.verdict == "INCONCLUSIVE"
            and policy.on_inconclusive == "pass"
            and verdict.severity == "block"
            and verdict.waiver is None
        )
    )
