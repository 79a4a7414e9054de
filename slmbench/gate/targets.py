"""Which metrics of two runs a rule is about, also those that a failed job never wrote."""

from __future__ import annotations

import difflib
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase

from slmbench.errors import InputError
from slmbench.schema.policy import Rule
from slmbench.schema.record import JobRecord, Metric, RunRecord


@dataclass(frozen=True)
class Target:
    """One metric a rule matched; ``metric`` and ``job`` are the candidate's, or None.

    ``baseline_job`` is the baseline's job of the same suite and task, or None. ``path`` is
    ``suite/task/metric``, or ``suite/task`` for a job that wrote no metric.
    """

    path: str
    metric: Metric | None
    job: JobRecord | None
    baseline_job: JobRecord | None = None


def find_targets(rule: Rule, baseline: RunRecord | None, candidate: RunRecord) -> list[Target]:
    """Return every metric the rule matches in either run, and unfinished jobs it would match.

    A metric that only the baseline has is a target too: a candidate may not pass by leaving a
    task out.

    Raises:
        InputError: the rule matches nothing, which is a mistake and not a pass; or a metric that a
            run has twice, so that nobody can say which of the two is meant.
    """
    for run in (baseline, candidate):
        _refuse_twins(rule, run)
    own = {metric.path: metric for metric in candidate.metrics}
    others = [metric.path for metric in baseline.metrics] if baseline is not None else []
    jobs = {(job.suite, job.task): job for job in candidate.jobs}
    old = {(job.suite, job.task): job for job in baseline.jobs} if baseline is not None else {}
    names = list(dict.fromkeys([*own, *others]))
    targets = []
    for name in names:
        if matches(rule.metric, name):
            suite, task, _ = name.split("/", 2)
            key = (suite, task)
            targets.append(Target(name, own.get(name), jobs.get(key), old.get(key)))
    reached = {target.path.rsplit("/", 1)[0] for target in targets}
    targets += [
        Target(f"{job.suite}/{job.task}", None, job)
        for job in candidate.jobs
        if job.status != "done"
        and f"{job.suite}/{job.task}" not in reached
        and matches(rule.metric.rsplit("/", 1)[0], f"{job.suite}/{job.task}")
    ]
    if not targets:
        raise InputError(f"The rule '{rule.metric}' matches no metric.{_nearest(rule, names)}")
    return targets


def _refuse_twins(rule: Rule, run: RunRecord | None) -> None:
    counts = Counter(metric.path for metric in run.metrics) if run is not None else Counter()
    twins = [path for path, count in counts.items() if count > 1 and matches(rule.metric, path)]
    if run is not None and twins:
        raise InputError(
            f"The run '{run.run_id}' has '{twins[0]}' {counts[twins[0]]} times, so which of them "
            "counts cannot be told. Run the model again, or import its results again."
        )


def matches(pattern: str, name: str) -> bool:
    """Say whether a glob matches a name part by part, so that ``*`` stays within one part."""
    parts, pieces = pattern.split("/"), name.split("/")
    return len(parts) == len(pieces) and all(map(fnmatchcase, pieces, parts))


def _nearest(rule: Rule, names: list[str]) -> str:
    near = difflib.get_close_matches(rule.metric, names, n=3, cutoff=0.3) or sorted(names)[:3]
    return f" Near names: {', '.join(near)}." if near else " The runs have no metrics at all."
