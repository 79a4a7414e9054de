"""Failing closed: what a candidate did not do, did not measure or may not use is never a pass."""

from __future__ import annotations

from fnmatch import fnmatchcase

from slmbench.gate.targets import Target
from slmbench.schema.base import Absent, Interval, Measured
from slmbench.schema.policy import Rule
from slmbench.schema.record import RunRecord
from slmbench.schema.verdict import RuleVerdict, VerdictKind

#: Up to this share of items without a score a PASS stands, and its reason names them.
MOST_UNSCORED = 0.1


def unfinished(candidate: RunRecord) -> list[RuleVerdict]:
    """Return a FAIL of its own where the candidate's run was cut off, else nothing.

    A crash may well be the model's own doing (memory, time), so the rules that were reached in
    time are no reason to ship it. No waiver lifts it: a waiver names a rule.
    """
    waiting = [job.job_id for job in candidate.jobs if job.status in ("pending", "running")]
    if candidate.status != "running" or not waiting:
        return []
    some = ", ".join(waiting[:3]) + (", ..." if len(waiting) > 3 else "")
    reason = (
        f"The run '{candidate.run_id}' did not end: {len(waiting)} of {len(candidate.jobs)} jobs "
        f"are unfinished ({some}). Run it again with --resume."
    )
    return [RuleVerdict(rule="a finished run", metric=None, verdict="FAIL", reason=reason)]


def refusal(rule: Rule, target: Target, early: RuleVerdict | None) -> RuleVerdict | None:
    """Return FAIL where the candidate has no number that the rule may use, else None.

    ``early`` is the verdict of a sequential gate, which may use a job that it stopped itself.
    """
    job, metric = target.job, target.metric
    if job is not None and job.status != "done":
        detail = f": {job.reason}" if job.reason else ""
        return refuse(rule, target, "FAIL", f"the job '{job.job_id}' is {job.status}{detail}")
    if metric is None:
        return refuse(rule, target, "FAIL", "the candidate does not have this metric")
    value = metric.value
    if isinstance(value, Absent):
        return refuse(rule, target, "FAIL", f"not measured: {value.reason}")
    if value.n < 1:
        return refuse(rule, target, "FAIL", "the value rests on no item")
    if value.interval is not None and not is_interval(value.interval):
        return refuse(rule, target, "FAIL", "its interval is none: the record is damaged")
    if rule.how and not any(fnmatchcase(value.how, pattern) for pattern in rule.how):
        accepted = ", ".join(rule.how)
        reason = f"known by '{value.how}', and the rule accepts only {accepted}"
        return refuse(rule, target, "FAIL", reason)
    if not rule.how and value.how.startswith("estimated"):
        reason = "an estimate is refused. List 'estimated' under 'how' to accept it"
        return refuse(rule, target, "FAIL", reason)
    if job is not None and job.items_total is not None and early is None:
        reason = (
            f"a gate stopped the job after {job.sample_count} of {job.items_total} items, which "
            "settled its own rules only. Run the model whole for this one"
        )
        return refuse(rule, target, "INCONCLUSIVE", reason)
    return None


def is_interval(interval: Interval) -> bool:
    """Say whether the bounds are in order and the level is one."""
    return interval.low <= interval.high and 0.0 < interval.level < 1.0


def refuse(rule: Rule, target: Target, verdict: VerdictKind, reason: str) -> RuleVerdict:
    """Return a verdict that rests on no test, with the reason for it."""
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


def with_gaps(verdict: RuleVerdict, rule: Rule, target: Target) -> tuple[RuleVerdict, bool]:
    """Take a PASS back where items are missing: those that are there may be the easy ones.

    One failed item is enough, on either side of a comparison. Items that ran and got no score are
    named, and take it back from a tenth on. Also returned: whether so much is missing that no
    policy may let an INCONCLUSIVE pass.
    """
    if verdict.verdict not in ("PASS", "INCONCLUSIVE"):
        return verdict, False
    old = target.baseline_job if rule.needs_baseline else None
    gaps, grave = [], False
    for job, where in ((target.job, ""), (old, " in the baseline")):
        if job is None:
            continue
        if job.failed_count:
            gaps.append(f"{job.failed_count} of {job.sample_count} items failed{where}")
            grave = True
        # A task that scores all items as one (a corpus' F1) leaves each of them without a score.
        if job.unscored_count and not _scored_as_a_whole(target):
            gaps.append(f"{job.unscored_count} of {job.sample_count} items have no score{where}")
            grave = grave or job.unscored_count > MOST_UNSCORED * job.sample_count
    if not gaps:
        return verdict, False
    reason = f"{verdict.reason} But {', and '.join(gaps)}."
    update = {"reason": reason, **({"verdict": "INCONCLUSIVE"} if grave else {})}
    return verdict.model_copy(update=update), grave


def _scored_as_a_whole(target: Target) -> bool:
    rule = target.metric.aggregation if target.metric is not None else None
    return rule is None or rule.kind == "other"
