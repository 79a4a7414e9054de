"""Policy and two runs in, verdict out: pure, so the same records always give the same answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from slmbench.errors import InputError
from slmbench.gate.absolute import judge_limit
from slmbench.gate.completeness import is_interval, refusal, refuse, unfinished, with_gaps
from slmbench.gate.family import Evidence, early_evidence, settle_families
from slmbench.gate.host import on_equal_host
from slmbench.gate.relative import Claim, judge_claim
from slmbench.gate.sequential import Early
from slmbench.gate.targets import Target, find_targets, matches
from slmbench.schema.base import Absent, Measured
from slmbench.schema.finding import Comparison
from slmbench.schema.policy import Policy, Rule, Waiver
from slmbench.schema.record import RunRecord
from slmbench.schema.verdict import WORST_FIRST, RuleVerdict, Verdict, VerdictKind


def judge(
    policy: Policy,
    baseline: RunRecord | None,
    candidate: RunRecord,
    comparison: Comparison | None,
    today: date,
    early: Early | None = None,
) -> Verdict:
    """Return the verdict on the candidate.

    ``comparison`` is what ``compare(baseline, candidate)`` found, or None where the two share no
    metric; both are needed only by rules against a baseline. ``today`` decides which waivers
    still count. ``early`` are verdicts that a sequential gate settled before a job's last item;
    they count for jobs that it stopped there, and the full data for all others.

    The tests of a family (all tests of the policy, unless its rules name others) are corrected
    together: the chance that any PASS among them is wrong is at most alpha, and so is the chance
    that any FAIL is. See `gate.family`.

    Raises:
        InputError: a rule matches no metric, needs a baseline that isn't given, or has a limit
            that doesn't fit its metric.
    """
    asked = _asked(policy, baseline, candidate)
    against = _Against(baseline, comparison, early or {})
    results = [_result(number, rule, target, against) for number, rule, target in asked]
    tested = [each for each in results if isinstance(each, Evidence)]
    settled = iter(settle_families(tested, policy.alpha))
    verdicts: list[RuleVerdict] = []
    for (_, rule, target), result in zip(asked, results, strict=True):
        missing = True  # what rests on no test is no doubt of a test
        if isinstance(result, Evidence):
            result, missing = with_gaps(next(settled), rule, target)
        verdicts.append(_settle(result, policy, today, missing))
    verdicts += unfinished(candidate)
    jobs = {t.job.job_id: t.job for _, _, t in asked if t.job is not None}
    return Verdict(
        policy=policy.name,
        verdict=_overall(verdicts),
        alpha=policy.alpha,
        candidate=candidate.run_id,
        baseline=None if baseline is None else baseline.run_id,
        rules=tuple(verdicts),
        warnings=(*_warnings(verdicts, policy), *_unasked(candidate, set(jobs))),
        items_used=sum(job.sample_count for job in jobs.values()),
        items_total=sum(job.items_total or job.sample_count for job in jobs.values()),
    )


def _asked(
    policy: Policy, baseline: RunRecord | None, candidate: RunRecord
) -> list[tuple[int, Rule, Target]]:
    """Return (number of the rule, the rule, what it is about) for all that the rules match."""
    if policy.needs_baseline and baseline is None:
        raise InputError(
            f"The policy '{policy.name}' compares with a baseline. Give one with --baseline."
        )
    return [
        (number, rule, target)
        for number, rule in enumerate(policy.rules)
        for target in find_targets(rule, baseline, candidate)
    ]


class _Against:
    """The baseline, the comparison with it and what was settled early, each found at once."""

    def __init__(
        self, baseline: RunRecord | None, comparison: Comparison | None, early: Early
    ) -> None:
        self.early = early
        self.known = baseline is not None and comparison is not None
        self.metrics = {metric.path: metric for metric in baseline.metrics} if baseline else {}
        self.rows = {row.path: row for row in comparison.rows} if comparison else {}
        refused = comparison.not_comparable if comparison else ()
        self.refused = {each.path: each.reason for each in refused}


def _result(number: int, rule: Rule, target: Target, against: _Against) -> Evidence | RuleVerdict:
    """Return what a rule finds on one metric, or the refusal where there is nothing to test."""
    stopped = target.job is not None and target.job.items_total is not None
    early = against.early.get((number, target.path)) if stopped else None
    refused = refusal(rule, target, early)
    if refused is not None:
        return refused
    if early is not None:
        return early_evidence(rule.family, early) or early
    if rule.needs_baseline:
        claim = _claim(rule, target, against)
        return judge_claim(rule, claim) if isinstance(claim, Claim) else claim
    assert target.metric is not None and isinstance(target.metric.value, Measured)
    return judge_limit(rule, target.path, target.metric.value)


def _claim(rule: Rule, target: Target, against: _Against) -> Claim | RuleVerdict:
    """Return what there is to test, or why there is nothing."""
    if not against.known:
        reason = "the baseline and the candidate share no metric"
        return refuse(rule, target, "NOT_COMPARABLE", reason)
    job = target.baseline_job
    if job is not None and job.status != "done":
        why = f": {job.reason}" if job.reason else ""
        reason = f"the baseline's job '{job.job_id}' is {job.status}{why}"
        return refuse(rule, target, "NOT_COMPARABLE", reason)
    if target.path in against.refused:
        return refuse(rule, target, "NOT_COMPARABLE", against.refused[target.path])
    row, old = against.rows.get(target.path), against.metrics.get(target.path)
    if row is None or old is None or target.metric is None:
        return refuse(rule, target, "NOT_COMPARABLE", "the baseline does not have this metric")
    if isinstance(old.value, Absent) or row.difference is None:
        why = old.value.reason if isinstance(old.value, Absent) else row.note or "no difference"
        return refuse(rule, target, "FAIL", f"the baseline was not measured: {why}")
    if old.value.n < 1:
        return refuse(rule, target, "NOT_COMPARABLE", "the baseline's value rests on no item")
    if old.value.interval is not None and not is_interval(old.value.interval):
        reason = "the baseline's interval is none: its record is damaged"
        return refuse(rule, target, "NOT_COMPARABLE", reason)
    return Claim(row, old, target.metric, on_equal_host(row, target))


def _settle(verdict: RuleVerdict, policy: Policy, today: date, missing: bool) -> RuleVerdict:
    """Decide whether a verdict blocks: not for a warning, a valid waiver, or as the policy says.

    What a policy says of INCONCLUSIVE is about tests that can't tell, not about missing data.
    """
    blocking = verdict.severity == "block"
    if verdict.verdict == "INCONCLUSIVE" and policy.on_inconclusive != "fail" and not missing:
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


def _unasked(candidate: RunRecord, asked: set[str]) -> tuple[str, ...]:
    """Return a warning for each job that failed and that no rule looks at."""
    return tuple(
        f"the job '{job.job_id}' failed, and no rule asks for it: {job.reason or 'no reason known'}"
        for job in candidate.jobs
        if job.status == "failed" and job.job_id not in asked
    )
