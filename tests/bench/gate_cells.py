"""Simulated candidates that are just as bad as a rule allows: how often does the gate err?"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, partial

import numpy as np
from scipy import stats

from slmbench.gate.absolute import judge_limit
from slmbench.gate.family import Evidence, settle_families
from slmbench.gate.relative import Claim, judge_claim
from slmbench.schema.base import Measured
from slmbench.schema.finding import CompareRow
from slmbench.schema.policy import Rule, parse_policy
from slmbench.schema.record import Metric
from slmbench.stats.difference import Difference
from slmbench.stats.interval import mean_interval, wilson
from slmbench.stats.paired import paired_difference, unpaired_difference
from slmbench.stats.resampled_difference import unpaired_statistic_difference
from tests.bench.coverage_cells import Random, clustered_outcomes, outcome_pairs

ALPHA = 0.05
_PATH = ("accuracy", "simulated", "acc")
#: One trial: did any rule pass, and did any fail?
Trial = Callable[[Random], tuple[bool, bool]]


@dataclass(frozen=True)
class Error:
    """A truth on the very edge of what a rule allows, at which neither PASS nor FAIL is right."""

    name: str
    n: int
    trial: Trial
    costly: bool = False


@dataclass(frozen=True)
class Power:
    """A true effect that should be shown with the given chance."""

    name: str
    n: int
    trial: Callable[[Random], bool]
    predicted: float


def not_worse(margin: float | str | None) -> Rule:
    """Return a rule of non-inferiority as a policy writes it."""
    rule: dict[str, object] = {"metric": "/".join(_PATH), "not_worse_than": "baseline"}
    if margin is not None:
        rule["margin"] = margin
    return parse_policy({"rules": [rule]}, "bench").rules[0]


def limit(**limits: float) -> Rule:
    """Return a rule with ``min`` or ``max``."""
    return parse_policy({"rules": [{"metric": "/".join(_PATH), **limits}]}, "bench").rules[0]


def evidence(rule: Rule, found: Difference, baseline: float, up: bool = True) -> Evidence:
    """Return what a rule makes of a difference, as the comparison and the gate would."""
    suite, task, name = _PATH
    metrics = [
        Metric(
            suite=suite, task=task, metric=name, higher_is_better=up,
            value=Measured(value=value, unit="", n=found.n, interval=None, how="bench"),
        )
        for value in (baseline, baseline + found.difference)
    ]  # fmt: skip
    row = CompareRow(
        suite=suite, task=task, metric=name, higher_is_better=up, baseline=baseline,
        candidate=baseline + found.difference, difference=found.difference, low=found.low,
        high=found.high, standard_error=found.standard_error, p=found.p, n=found.n,
        paired=found.paired, clusters=found.clusters, detectable=found.detectable, df=found.df,
        gained_count=found.gained, lost_count=found.lost,
    )  # fmt: skip
    return judge_claim(rule, Claim(row, *metrics))


def verdicts(found: Sequence[Evidence]) -> tuple[bool, bool]:
    """Return whether any rule passed and whether any failed."""
    kinds = {verdict.verdict for verdict in settle_families(found, ALPHA)}
    return "PASS" in kinds, "FAIL" in kinds


@cache
def _of_counts(margin: float | None, n: int, gained: int, lost: int) -> Evidence:
    before = np.concatenate([np.zeros(gained), np.ones(lost), np.zeros(n - gained - lost)])
    after = np.concatenate([np.ones(gained), np.zeros(n - gained)])
    found = paired_difference(before.tolist(), after.tolist())
    return evidence(not_worse(margin), found, 0.5)


def _outcomes(
    rng: Random, n: int, p: float, margin: float | None, churn: float, rules: int = 1
) -> tuple[bool, bool]:
    """The candidate is right with p, the baseline by the margin more often; churn is mutual."""
    loss = (margin or 0.0) + churn * min(p, 1.0 - p - (margin or 0.0))
    gain = loss - (margin or 0.0)
    found = []
    for _ in range(rules):
        gained, lost, _ = rng.multinomial(n, [gain, loss, 1.0 - gain - loss])
        found.append(_of_counts(margin, n, int(gained), int(lost)))
    return verdicts(found)


def errors() -> Iterator[Error]:
    """Yield every cell at which the gate's error rate is counted."""
    for n in (50, 200, 1000):
        for p in (0.05, 0.2, 0.5, 0.8, 0.95):
            for churn in (0.02, 0.4):
                for margin in (None, 0.02, 0.05):
                    if p + (margin or 0.0) > 1.0:
                        continue
                    trial = partial(_outcomes, n=n, p=p, margin=margin, churn=churn)
                    name = f"margin {margin or 0}, accuracy {p}, churn {churn:.0%}"
                    yield Error(name, n, trial)
    for n in (200, 1000):
        for p in (0.05, 0.5, 0.9):
            trial = partial(_outcomes, n=n, p=p, margin=0.05, churn=0.02, rules=20)
            yield Error(f"20 rules, margin 0.05, accuracy {p}", n, trial)
    yield from _clustered_errors()
    yield from _limit_errors()
    yield from _resource_errors()


def _clustered_errors() -> Iterator[Error]:
    for clusters in (20, 57):
        for unequal in (False, True):
            for lost in (0.06, 0.15):
                trial = partial(_of_clusters, clusters=clusters, unequal=unequal, lost=lost)
                name = f"{clusters} clusters{', unequal' if unequal else ''}, {lost:.0%} lost"
                yield Error(name, 12 * clusters, trial)
    for clusters in (20, 57):
        for lost in (0.06, 0.15):
            trial = partial(_of_clusters, clusters=clusters, lost=lost, rules=20)
            yield Error(f"20 rules of {clusters} clusters, {lost:.0%} lost", 12 * clusters, trial)
    for p in (0.05, 0.5):
        trial = partial(_limit_of_clusters, clusters=57, p=p)
        yield Error(f"max {p} of a share of 57 clusters", 12 * 57, trial)
        trial = partial(_limit_of_clusters, clusters=57, p=p, rules=20)
        yield Error(f"20 rules, max {p} of a share of 57 clusters", 12 * 57, trial)


@lru_cache(maxsize=8)
def _labels(sizes: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(str(place) for place, size in enumerate(sizes) for _ in range(size))


def _of_clusters(
    rng: Random, clusters: int, lost: float, unequal: bool = False, rules: int = 1
) -> tuple[bool, bool]:
    """Five points more are lost than gained, which is the margin; clusters differ in both."""
    found = []
    for _ in range(rules):
        sizes = np.full(clusters, 12)
        if unequal:
            sizes = np.maximum(2, rng.lognormal(2.5, 0.7, clusters).astype(int))
        down = np.asarray(clustered_outcomes(rng, lost, sizes, 0.1)[0])
        won = np.asarray(clustered_outcomes(rng, (lost - 0.05) / (1.0 - lost), sizes, 0.1)[0])
        up = won * (1.0 - down)
        difference = paired_difference(down, up, _labels(tuple(sizes.tolist())))
        found.append(evidence(not_worse(0.05), difference, 0.5))
    return verdicts(found)


def _limit_of_clusters(rng: Random, clusters: int, p: float, rules: int = 1) -> tuple[bool, bool]:
    sizes, found = np.full(clusters, 12), []
    for _ in range(rules):
        values, _ = clustered_outcomes(rng, p, sizes, 0.1)
        measured = Measured(
            value=float(np.mean(values)), unit="", n=len(values), how="bench",
            interval=mean_interval(values, _labels(tuple(sizes.tolist()))),
        )  # fmt: skip
        found.append(judge_limit(limit(max=p), "/".join(_PATH), measured))
    return verdicts(found)


@cache
def _of_share(n: int, right: int, least: float, up: bool) -> Evidence:
    value = Measured(value=right / n, unit="", n=n, interval=wilson(right, n), how="bench")
    return judge_limit(limit(**{"min" if up else "max": least}), "/".join(_PATH), value)


def _limit_errors() -> Iterator[Error]:
    def share(rng: Random, n: int, p: float, up: bool, rules: int = 1) -> tuple[bool, bool]:
        return verdicts([_of_share(n, int(rng.binomial(n, p)), p, up) for _ in range(rules)])

    def score(rng: Random, n: int, rules: int = 1) -> tuple[bool, bool]:
        found = []
        for _ in range(rules):
            values = rng.beta(2.0, 5.0, n)
            measured = Measured(
                value=float(values.mean()), unit="", n=n, how="bench",
                interval=mean_interval(values.tolist()),
            )  # fmt: skip
            found.append(judge_limit(limit(min=2.0 / 7.0), "/".join(_PATH), measured))
        return verdicts(found)

    for n in (50, 200, 1000):
        for p in (0.05, 0.5, 0.95):
            yield Error(f"min {p} of a share", n, partial(share, n=n, p=p, up=True))
            yield Error(f"max {p} of a share", n, partial(share, n=n, p=p, up=False))
        yield Error(
            "20 rules, max 0.05 of a share", n, partial(share, n=n, p=0.05, up=False, rules=20)
        )
    yield Error("min of a score", 50, partial(score, n=50))
    yield Error("20 rules, min of a score", 200, partial(score, n=200, rules=20))


def _resource_errors() -> Iterator[Error]:
    def medians(rng: Random, n: int, rules: int = 1) -> tuple[bool, bool]:
        found = []
        for _ in range(rules):
            before, after = rng.lognormal(0.0, 0.1, (2, n))
            difference = unpaired_statistic_difference(before, 1.05 * after, _median)
            found.append(evidence(not_worse(0.05), difference, 1.0, up=False))
        return verdicts(found)

    def means(rng: Random, n: int, rules: int = 1) -> tuple[bool, bool]:
        found = []
        for _ in range(rules):
            before, after = rng.lognormal(0.0, 0.1, (2, n))
            shift = 0.05 * math.exp(0.005)
            difference = unpaired_difference(before.tolist(), (after + shift).tolist())
            found.append(evidence(not_worse(shift), difference, 1.0, up=False))
        return verdicts(found)

    yield Error("times, mean, margin 5 %", 50, partial(means, n=50))
    yield Error("20 rules, times, mean", 50, partial(means, n=50, rules=20))
    yield Error("times, median, margin 5 %", 50, partial(medians, n=50), costly=True)


def _median(rows: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.median(rows, axis=-1)
    return found


def powers() -> Iterator[Power]:
    """Yield every cell at which the predicted power is held against the one seen."""
    reach = float(stats.norm.ppf(0.975) + stats.norm.ppf(0.8))

    def scores(rng: Random, n: int) -> bool:
        change = rng.normal(reach / math.sqrt(n), 1.0, n)
        return _shown(paired_difference([0.0] * n, change.tolist()))

    def outcomes(rng: Random, n: int, changed: float) -> bool:
        effect = reach * math.sqrt(changed / n)
        effect = reach * math.sqrt((changed - effect**2) / n)
        gain, loss = (changed + effect) / 2.0, (changed - effect) / 2.0
        before, after = outcome_pairs(rng, n, gain, loss, 0.5 * (1.0 - changed))
        return _shown(paired_difference(before.tolist(), after.tolist()))

    def clusters(rng: Random, count: int) -> bool:
        owner = np.repeat(np.arange(count), 10)
        error = math.sqrt((0.36 + 0.1) / count)
        noise = rng.normal(0.0, 1.0, owner.size) + rng.normal(0.0, 0.6, count)[owner]
        labels = [str(each) for each in owner]
        after = reach * error + noise
        return _shown(paired_difference([0.0] * owner.size, after.tolist(), labels))

    def gate(rng: Random, n: int, changed: float, margin: float) -> bool:
        gained, lost, _ = rng.multinomial(n, [changed / 2.0, changed / 2.0, 1.0 - changed])
        return verdicts([_of_counts(margin, n, int(gained), int(lost))])[0]

    for n in (100, 400):
        yield Power("detectable difference of scores", n, partial(scores, n=n), 0.8)
    for n, changed in ((400, 0.3), (1000, 0.2), (1000, 0.5)):
        name = f"detectable difference of outcomes, {changed:.0%} change"
        yield Power(name, n, partial(outcomes, n=n, changed=changed), 0.8)
    yield Power("detectable difference of 57 clusters", 570, partial(clusters, count=57), 0.8)
    for n, changed, margin in ((1000, 0.1, 0.025), (2000, 0.2, 0.025), (4000, 0.3, 0.03)):
        z = margin / math.sqrt(changed / n) - float(stats.norm.ppf(1.0 - ALPHA))
        trial = partial(gate, n=n, changed=changed, margin=margin)
        yield Power(f"gate, equal models, margin {margin}", n, trial, float(stats.norm.cdf(z)))


def _shown(found: Difference) -> bool:
    assert found.low is not None and found.high is not None
    return found.low > 0.0 or found.high < 0.0
