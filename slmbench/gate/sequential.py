"""Watch the rules of a policy that are about one job, while its items are asked in random order.

A rule is watched where its metric is the mean of one bounded score of each item
(`slmbench.gate.early_rule`). Every other rule, and one whose items failed or lack a score, keeps
the job going to its last item and is judged on the full data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from slmbench.gate.bounds import BOUNDS, plain_name
from slmbench.gate.early_rule import Beforehand, RuleWatch
from slmbench.gate.targets import matches
from slmbench.schema.base import Measured
from slmbench.schema.policy import Policy, Rule
from slmbench.schema.record import JobRecord, JobResult, Metric, RunRecord, Sample
from slmbench.schema.verdict import RuleVerdict

#: Before this many items of a job nothing is settled: their spread says too little of the others'.
LEAST_ITEMS = 12

#: (place of the rule in its policy, metric) -> the verdict that was settled early.
Early = Mapping[tuple[int, str], RuleVerdict]


class JobWatch:
    """Watches the rules about one job.

    Args:
        policy: whose rules.
        count: the job's items.
        baseline: the baseline's record, its own record of the job, and its samples of it; None
            where there is no baseline, or where it has no such job.

    Attributes:
        early: the verdicts that are settled.
    """

    def __init__(
        self,
        policy: Policy,
        count: int,
        baseline: tuple[RunRecord, JobRecord, Sequence[Sample]] | None,
    ) -> None:
        """Watch nothing yet: the first result tells which metrics there are."""
        self.early: dict[tuple[int, str], RuleVerdict] = {}
        self._policy = policy
        self._count = count
        self._baseline = baseline
        self._before = {each.sample_id: each for each in baseline[2]} if baseline else {}
        self._watches: dict[tuple[int, str], RuleWatch] = {}
        self._asked = 0
        #: Some rule can only be judged on the full data.
        self._to_the_end = False

    @property
    def is_settled(self) -> bool:
        """Say whether every rule about the job has its verdict, so that nothing is left to ask."""
        return bool(self.early) and not self._watches and not self._to_the_end

    def take(self, places: Sequence[int], result: JobResult) -> None:
        """Take the result of a part of the items, ``places`` being theirs in the order drawn.

        Raises:
            InputError: a limit doesn't fit its metric.
        """
        if self._asked == 0:
            self._begin(result)
        self._asked += len(places)
        if len(result.samples) != len(places):
            # Which item a sample is of would be a guess.
            self._to_the_end = True
            self._watches.clear()
            return
        by_place = dict(zip(sorted(places), result.samples, strict=True))
        for place in places:
            self._see(by_place[place])
        if self._asked >= LEAST_ITEMS:
            for key, watch in list(self._watches.items()):
                verdict = watch.verdict()
                if verdict is not None:
                    self.early[key] = verdict
                    del self._watches[key]

    def _begin(self, result: JobResult) -> None:
        jobs = {f"{metric.suite}/{metric.task}" for metric in result.metrics}
        for number, rule in enumerate(self._policy.rules):
            names = {metric.path for metric in result.metrics if matches(rule.metric, metric.path)}
            # A metric that only the baseline has is the judge's to tell of.
            others = self._baseline[1].metrics if self._baseline else ()
            if any(matches(rule.metric, each.path) and each.path not in names for each in others):
                self._to_the_end = True
            if len(jobs) != 1:
                self._to_the_end = self._to_the_end or bool(names)
                continue
            for metric in result.metrics:
                if metric.path in names:
                    self._watch(number, rule, metric, result)

    def _watch(self, number: int, rule: Rule, metric: Metric, result: JobResult) -> None:
        """Watch a rule on a metric, settle it at once, or leave it to the end."""
        key = (number, metric.path)
        if rule.needs_baseline:
            refused = self._why_not_comparable(metric, result)
            if refused is not None:
                self.early[key] = _refused(rule, metric, refused)
                return
        setting = self._setting(rule, metric, result)
        if setting is None:
            self._to_the_end = True
        else:
            self._watches[key] = RuleWatch(rule, metric, setting)

    def _setting(self, rule: Rule, metric: Metric, result: JobResult) -> Beforehand | None:
        aggregation, name = metric.aggregation, plain_name(metric)
        if name not in BOUNDS or aggregation is None or aggregation.kind != "mean":
            return None
        if not isinstance(metric.value, Measured):
            return None
        clusters: list[str | None] = [None] * self._count
        if len(self._before) == self._count:
            clusters = [sample.cluster for sample in self._before.values()]
        elif any(sample.cluster is not None for sample in result.samples):
            return None  # the clusters of the items to come are not known
        if not rule.needs_baseline:
            family = self._family(rule, result)
            return Beforehand(self._policy.alpha, family, clusters) if family else None
        old = self._metric_before(metric.path)
        low, high = BOUNDS[name]
        known = [each.scores.get(aggregation.score) for each in self._before.values()]
        scores = [score for score in known if score is not None and low <= score <= high]
        if (
            old is None
            or not isinstance(old.value, Measured)
            or len(scores) != self._count
            or metric.higher_is_better is None
        ):
            return None
        family = self._family(rule, result) or 1
        return Beforehand(self._policy.alpha, family, clusters, old.value, tuple(scores))

    def _family(self, rule: Rule, result: JobResult) -> int | None:
        """Return how many tests the rule's family has; Holm's strictest level is alpha by that.

        None where other jobs may have metrics of it that nothing here names.
        """
        rules = [each for each in self._policy.rules if each.family == rule.family]
        if self._baseline is None:
            named = not any(sign in each.metric for each in rules for sign in "*?[")
            return len(rules) if named else None
        paths = {each.path for each in (*self._baseline[0].metrics, *result.metrics)}
        return sum(matches(each.metric, path) for each in rules for path in paths)

    def _metric_before(self, path: str) -> Metric | None:
        if self._baseline is None:
            return None
        return next((each for each in self._baseline[1].metrics if each.path == path), None)

    def _why_not_comparable(self, metric: Metric, result: JobResult) -> str | None:
        """Return what the first items show to differ; the judge finds all else."""
        if self._baseline is None:
            return None
        job, old = self._baseline[1], self._metric_before(metric.path)
        if job.fingerprints.task != result.fingerprints.task:
            return "the task fingerprint differs: its version, definition or data is not the same"
        if old is not None and old.aggregation != metric.aggregation:
            return "the samples are aggregated in two ways"
        values = [each.value for each in (metric, old) if each is not None]
        ways = {value.how: None for value in values if isinstance(value, Measured)}
        if len(ways) > 1:
            return "measured in two ways: " + " and ".join(f"'{how}'" for how in ways)
        if len(self._before) != self._count:
            return f"the baseline has {len(self._before)} items and the candidate {self._count}"
        for sample in result.samples:
            before = self._before.get(sample.sample_id)
            if before is None or before.content_hash != sample.content_hash:
                return f"the item '{sample.sample_id}' is not the same as in the baseline"
        return None

    def _see(self, sample: Sample) -> None:
        before = self._before.get(sample.sample_id)
        for key, watch in list(self._watches.items()):
            assert watch.metric.aggregation is not None
            name = watch.metric.aggregation.score
            low, high = BOUNDS[plain_name(watch.metric)]
            score = sample.scores.get(name)
            old: float | None = None
            if watch.rule.needs_baseline:
                if before is None or before.content_hash != sample.content_hash:
                    reason = f"the item '{sample.sample_id}' is not the same as in the baseline"
                    self.early[key] = _refused(watch.rule, watch.metric, reason)
                    del self._watches[key]
                    continue
                old = before.scores[name]
            if score is None or sample.status == "failed" or not low <= score <= high:
                self._to_the_end = True
                del self._watches[key]
                continue
            watch.see(score, old, sample.cluster)


def _refused(rule: Rule, metric: Metric, reason: str) -> RuleVerdict:
    return RuleVerdict(
        rule=rule.metric,
        metric=metric.path,
        verdict="NOT_COMPARABLE",
        reason=f"{metric.path}: {reason}.",
        severity=rule.severity,
    )
