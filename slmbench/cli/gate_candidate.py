"""``slmbench gate --candidate BACKEND:MODEL``: run the candidate, and no longer than needed."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import UTC, datetime

from slmbench import catalog
from slmbench.analyse.compare import compare
from slmbench.cli.progress import Bars
from slmbench.errors import InputError, ModelError, NotComparable
from slmbench.execute.sequential import SequentialExecutor
from slmbench.gate.early_rule import spend
from slmbench.gate.judge import judge
from slmbench.gate.policy import load_policy
from slmbench.gate.sequential import Early, JobWatch
from slmbench.gate.targets import matches
from slmbench.plan.build import build, fingerprint_of, require_ready
from slmbench.plan.model_text import parse_model
from slmbench.plan.tasks import KIND_OF_SUITE, local_tasks
from slmbench.schema.finding import Comparison
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.plan import Job, Plan
from slmbench.schema.policy import Policy
from slmbench.schema.record import JobRecord
from slmbench.schema.spec import RunSpec
from slmbench.schema.verdict import Verdict
from slmbench.store.baseline_file import find_named
from slmbench.store.reader import StoredRun, open_run
from slmbench.store.remote import open_for_writing


def gate_candidate(
    policy_path: str, baseline: str | None, candidate: str, store: str, seed: int
) -> Verdict:
    """Run a candidate over what a policy's rules are about, record it and return the verdict.

    It is asked what the baseline was asked, items in random order, and each job ends as soon as
    every rule about it is certain.

    Args:
        policy_path: the policy.
        baseline: names the baseline, where a rule needs one.
        candidate: the model, as for ``slmbench run``.
        store: gets the candidate's run, and is where the baseline is looked up.
        seed: of the order of the items.

    Raises:
        InputError: policy, baseline or model are wrong, or a rule is about nothing that can be run.
        SaveError: the store refused a write.
    """
    policy = load_policy(policy_path)
    old = find_named(baseline, store) if baseline is not None else None
    if policy.needs_baseline and old is None:
        raise InputError(
            f"The policy '{policy.name}' compares with a baseline. Give one with --baseline."
        )
    model = parse_model(candidate, tuple(catalog.names("backends")))
    plan = _plan(policy, old, model, seed)
    watches = _Watches(policy, old)
    place, saved = open_for_writing(store, resume=False)
    with Bars() as bars:
        executor = SequentialExecutor(place, bars, fingerprint_of, saved, watches.watch, seed)
        (record,) = executor.execute(plan)
    if executor.input_failures:
        raise ModelError(" ".join(executor.input_failures))
    new = open_run(str(place / record.run_id))
    comparison: Comparison | None = None
    if old is not None:
        with suppress(NotComparable):  # the judge says so, rule by rule
            comparison = compare(old, new)
    _, end = spend(policy.alpha)
    before = old.record if old else None
    today = datetime.now(UTC).date()
    last = policy.model_copy(update={"alpha": end})
    verdict = judge(last, before, new.record, comparison, today, watches.early)
    return verdict.model_copy(update={"alpha": policy.alpha})


class _Watches:
    """Everyone who watches a job of the candidate's."""

    def __init__(self, policy: Policy, baseline: StoredRun | None) -> None:
        self._policy = policy
        self._baseline = baseline
        self._made: list[JobWatch] = []

    @property
    def early(self) -> Early:
        """Return every verdict that was settled before the end of its job."""
        return {key: each for made in self._made for key, each in made.early.items()}

    def watch(self, job: Job, count: int) -> JobWatch:
        """Return who watches a job."""
        baseline = None
        if self._baseline is not None:
            record = self._baseline.record
            own = [each for each in record.jobs if (each.suite, each.task) == _key(job)]
            if own:
                baseline = (record, own[0], self._baseline.samples(own[0].job_id))
        self._made.append(JobWatch(self._policy, count, baseline))
        return self._made[-1]


def _key(job: Job) -> tuple[str, str]:
    return job.suite, job.task.name


def _plan(policy: Policy, baseline: StoredRun | None, model: ModelSpec, seed: int) -> Plan:
    """Return the plan of the jobs that the rules are about."""
    if baseline is None:
        wanted = _by_name(policy)
        asked = RunSpec(models=(model,))
    else:
        wanted = _of_baseline(policy, baseline.record.jobs)
        asked = baseline.record.spec
    changes = {
        "name": "gate",
        "models": (model,),
        "suites": tuple(dict.fromkeys(suite for suite, _ in wanted)),
        "tasks": tuple(dict.fromkeys(task for _, task in wanted)),
    }
    plan = build(asked.model_copy(update=changes))
    (run,) = plan.runs
    jobs = tuple(job for job in run.jobs if _key(job) in wanted)
    # No run of the same request may go on from one that was stopped early, or take it for done.
    mark = f"{run.plan_hash}|gate|{seed}|{policy.model_dump_json()}"
    plan_hash = hashlib.sha256(mark.encode()).hexdigest()
    run = run.model_copy(update={"jobs": jobs, "plan_hash": plan_hash})
    return require_ready(plan.model_copy(update={"runs": (run,)}))


def _of_baseline(policy: Policy, jobs: tuple[JobRecord, ...]) -> list[tuple[str, str]]:
    """Return (suite, task) of the baseline's jobs that a rule is about.

    Raises:
        InputError: a rule is about none of them.
    """
    found: list[tuple[str, str]] = []
    for rule in policy.rules:
        named = [
            (job.suite, job.task)
            for job in jobs
            if matches(rule.metric.rsplit("/", 1)[0], f"{job.suite}/{job.task}")
            or any(matches(rule.metric, metric.path) for metric in job.metrics)
        ]
        if not named:
            known = ", ".join(f"{job.suite}/{job.task}" for job in jobs[:5])
            raise InputError(
                f"The rule '{rule.metric}' is about no job of the baseline, which has {known}."
            )
        found += named
    return list(dict.fromkeys(found))


def _by_name(policy: Policy) -> list[tuple[str, str]]:
    """Return (suite, task) that the rules name, globs standing for shipped tasks.

    Raises:
        InputError: a rule names no suite, or none of its tasks.
    """
    found: list[tuple[str, str]] = []
    for rule in policy.rules:
        suite, _, rest = rule.metric.partition("/")
        task = rest.partition("/")[0]
        if suite not in KIND_OF_SUITE or not task:
            raise InputError(
                f"The rule '{rule.metric}' does not say what to run. Write suite/task/metric, or "
                "give a --baseline whose jobs it is about."
            )
        names = [task]
        if any(sign in task for sign in "*?["):
            kind = KIND_OF_SUITE[suite]
            names = [
                name
                for name, known in local_tasks().items()
                if known.kind == kind and matches(task, name)
            ]
            if not names:
                raise InputError(f"The rule '{rule.metric}' is about no task that is shipped.")
        found += [(suite, name) for name in names]
    return list(dict.fromkeys(found))
