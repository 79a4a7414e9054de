"""One rule on one metric, settled as soon as a random part of the items shows its verdict.

How alpha is spent. A fifth of the policy's alpha is for verdicts before the last item; the rest is
for the test of the full data (`slmbench.gate.relative`), which judges whatever is open at the end.
So a wrong PASS has probability at most alpha in all, and so has a wrong FAIL. The tests of a family
(`slmbench.gate.family`) share the fifth evenly, and so do a ``min`` and a ``max`` of one rule.

A verdict is settled when both of these are shown (`slmbench.stats.sequential`):

1. the mean lies beyond the rule's threshold (the margin itself), at the early level;
2. it lies beyond it by as much as the test of the full data will ask for, at alpha: the verdict is
   the one that all items would give. Where items share clusters this too is at the early level,
   because the bets, which know of no clusters, do not stand for other clusters than these.

Or when no answer to the items left could change it (`slmbench.gate.certain`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from slmbench.gate.bounds import BINARY, BOUNDS, plain_name
from slmbench.gate.certain import certain_claim, certain_limit
from slmbench.gate.quantities import in_metric_unit
from slmbench.schema.base import Measured
from slmbench.schema.policy import Quantity, Rule
from slmbench.schema.record import Metric
from slmbench.schema.verdict import RuleVerdict, VerdictKind
from slmbench.stats.difference import critical_value
from slmbench.stats.interval import Clusters, cluster_count, is_binary
from slmbench.stats.laws import t_quantile
from slmbench.stats.sequential import (
    Bets,
    future_error,
    likely_freedom,
    mean_cluster_size,
    rejected,
)
from slmbench.units import format_value

#: The share of alpha that is spent on verdicts before the last item.
EARLY_SHARE = 0.2
#: Thresholds that are tried, from the rule's own to the farthest the full test can ask for.
_STEPS = 32

Side = Literal["above", "below"]


def spend(alpha: float) -> tuple[float, float]:
    """Return (level of all early verdicts of a rule, level of the test of the full data)."""
    return EARLY_SHARE * alpha, (1.0 - EARLY_SHARE) * alpha


@dataclass(frozen=True)
class Beforehand:
    """What is known of a rule's metric before the first item.

    Attributes:
        alpha: the policy's.
        family: how many tests are corrected together with the rule's.
        clusters: of all items, in any order.
        baseline: the baseline's value, where the rule is about it.
        known: the baseline's scores of all items, in any order, where the rule is about it.
    """

    alpha: float
    family: int
    clusters: Clusters
    baseline: Measured | None = None
    known: tuple[float, ...] = ()

    @property
    def count(self) -> int:
        """Return how many items there are."""
        return len(self.clusters)


@dataclass(frozen=True)
class _Line:
    """One threshold of the rule: the bets on it, and how far beyond it they reach."""

    bets: Bets
    steps: np.ndarray
    early: float
    agree: float

    def side(self, width: float) -> Side | None:
        """Return where the mean lies, or None; ``width`` is what the full test will ask for."""
        enough = self.steps >= width
        sides: tuple[Side, Side] = ("above", "below")
        for place, side in enumerate(sides):
            peaks = self.bets.peaks[0, place]
            beyond = bool(rejected(peaks[:1], self.early)[0])
            if beyond and bool(rejected(peaks, self.agree)[enough].any()):
                return side
        return None


class RuleWatch:
    """A rule on a metric that is the mean of one bounded score of each item.

    Args:
        rule: what is asked.
        metric: the candidate's, from its first items.
        setting: what is known.

    Raises:
        InputError: the limit is a quantity of something else than the metric.
    """

    def __init__(self, rule: Rule, metric: Metric, setting: Beforehand) -> None:
        """Begin without any item."""
        assert isinstance(metric.value, Measured), "an absent metric is judged at the end"
        self.rule = rule
        self.metric = metric
        self._setting = setting
        self._unit, self._how = metric.value.unit, metric.value.how
        self._sign = -1.0 if rule.needs_baseline and not metric.higher_is_better else 1.0
        self._scores: list[float] = []
        self._before: list[float] = []
        self._clusters: list[str | None] = []
        self._margin, self._margin_error = 0.0, 0.0
        if setting.baseline is not None:
            self._margin, self._margin_error = _margin(rule.margin, setting.baseline, metric.path)
        self._lines = [self._line(limit) for limit in self._thresholds()]

    def see(self, score: float, before: float | None, cluster: str | None) -> None:
        """Take one item, drawn at random: its score, the baseline's on it, and its cluster."""
        self._scores.append(score)
        self._before.append(0.0 if before is None else before)
        self._clusters.append(cluster)
        known = None if before is None else np.array([self._sign * before])
        for line in self._lines:
            line.bets.see(np.array([self._sign * score]), known)

    def verdict(self) -> RuleVerdict | None:
        """Return the verdict on the items so far, or None where it is still open."""
        kind = self._shown()
        if kind is not None:
            early, _ = spend(self._setting.alpha)
            chance = f"with a chance of at most {early:g} that all items would show the opposite"
            return self._told(kind, f"Settled early, {chance}.")
        kind = self._certain()
        left = self._setting.count - len(self._scores)
        return kind and self._told(kind, f"No answer to the other {left} items could change that.")

    def _shown(self) -> VerdictKind | None:
        """Return what the bets have shown."""
        width = self._critical() * (self._error() + self._margin_error)
        sides = [line.side(width) for line in self._lines]
        if self.rule.needs_baseline:
            wanted: list[Side] = ["above"]
        else:
            wanted = [side for limit, side in self._limits() if limit is not None]
        against = {"above": "below", "below": "above"}
        if sides == wanted:
            return "PASS"
        if any(side == against[want] for side, want in zip(sides, wanted, strict=True)):
            return "FAIL"
        return None

    def _certain(self) -> VerdictKind | None:
        """Return what no answer to the items left could change; for independent outcomes only."""
        setting, name = self._setting, plain_name(self.metric)
        if name not in BINARY or cluster_count(setting.clusters) or self._margin_error:
            return None
        level = spend(setting.alpha)[1] / setting.family
        if not is_binary([*self._scores, *self._before]):
            return None
        if not self.rule.needs_baseline:
            return certain_limit(self.rule, self.metric, self._scores, setting.count, level)
        new, old = np.array(self._scores), np.array(self._before)
        ones = int(sum(setting.known) - old.sum())
        up, down = int((new > old).sum()), int((new < old).sum())
        changes = (up, down, setting.count - len(new) - ones, ones)
        if self._sign < 0.0:
            changes = (down, up, changes[3], changes[2])
        return certain_claim(changes, setting.count, self._margin, level)

    def _limits(self) -> list[tuple[Quantity | None, Side]]:
        return [(self.rule.min, "above"), (self.rule.max, "below")]

    def _thresholds(self) -> list[float]:
        if self.rule.needs_baseline:
            return [self._sign * float(np.mean(self._setting.known)) - self._margin]
        return [
            in_metric_unit(limit, self._unit, self.metric.path)
            for limit, _ in self._limits()
            if limit is not None
        ]

    def _line(self, threshold: float) -> _Line:
        low, high = sorted(self._sign * bound for bound in BOUNDS[plain_name(self.metric)])
        early, _ = spend(self._setting.alpha)
        both = self.rule.min is not None and self.rule.max is not None
        parts = self._setting.family * (1 + both)
        clusters = self._setting.clusters
        size = 1.0 if cluster_count(clusters) is None else mean_cluster_size(clusters)
        most = (high - low) * math.sqrt(size / self._setting.count) + self._margin_error
        steps = np.linspace(0.0, min(high - low, self._critical() * most), _STEPS)
        known = np.array(self._setting.known) if self.rule.needs_baseline else None
        bets = Bets(
            above=(threshold + steps).tolist(),
            below=(threshold - steps).tolist(),
            count=self._setting.count,
            bounds=(low, high),
            known=None if known is None else self._sign * known,
        )
        agree = self._setting.alpha if cluster_count(clusters) is None else early
        return _Line(bets, steps, early / parts, agree / parts)

    def _critical(self) -> float:
        """Return how many standard errors the test of the full data will ask for."""
        df = likely_freedom(self._setting.clusters)
        _, end = spend(self._setting.alpha)
        # A limit is held against the two-sided interval, a baseline by a one-sided test.
        tails = 1.0 if self.rule.needs_baseline else 2.0
        return t_quantile(1.0 - end / self._setting.family / tails, df)

    def _error(self) -> float:
        """Return the likely standard error of the full data."""
        values: Sequence[float] = self._scores
        if self.rule.needs_baseline:
            values = [new - old for new, old in zip(self._scores, self._before, strict=True)]
        ternary = self.rule.needs_baseline and plain_name(self.metric) in BINARY
        return future_error(values, self._clusters, self._setting.clusters, ternary)

    def _told(self, verdict: VerdictKind, why: str) -> RuleVerdict:
        asked, count, unit = len(self._scores), self._setting.count, self._unit
        value = float(np.mean(self._scores))
        part = f"on the {asked} items asked of {count}, in random order"
        facts = f"{format_value(value, unit)} {part}"
        before = difference = None
        if self.rule.needs_baseline:
            before = float(np.mean(self._before))
            difference = value - before
            facts = (
                f"{format_value(value, unit)} against {format_value(before, unit)} {part}, "
                f"difference {format_value(difference, unit)}"
            )
        limit = self._in_words()
        said = f"it is {limit}" if verdict == "PASS" else f"it is {self._broken(limit)}"
        return RuleVerdict(
            rule=self.rule.metric,
            metric=self.metric.path,
            verdict=verdict,
            reason=f"{facts}: {said}. {why}",
            severity=self.rule.severity,
            limit=limit,
            unit=unit,
            value=value,
            baseline=before,
            difference=difference,
            n=asked,
            how=self._how,
        )

    @staticmethod
    def _broken(limit: str) -> str:
        worse = "not worse than"
        return limit.removeprefix("not ") if limit.startswith(worse) else f"not {limit}"

    def _in_words(self) -> str:
        if self.rule.better_than is not None:
            return "better than the baseline"
        if self.rule.not_worse_than is not None:
            if self._margin == 0.0:
                return "not worse than the baseline"
            told = format_value(self._margin, self._unit)
            return f"not worse than the baseline by more than {told}"
        words = {"above": "at least", "below": "at most"}
        return " and ".join(
            f"{words[side]} "
            + format_value(in_metric_unit(limit, self._unit, self.metric.path), self._unit)
            for limit, side in self._limits()
            if limit is not None
        )


def _margin(margin: Quantity | None, baseline: Measured, path: str) -> tuple[float, float]:
    """Return the margin, and the error that a relative one adds, as the test of all items does."""
    if margin is None:
        return 0.0, 0.0
    if not margin.relative:
        return in_metric_unit(margin, baseline.unit, path), 0.0
    interval, error = baseline.interval, 0.0
    if interval is not None:
        half = (interval.high - interval.low) / 2.0
        error = margin.value * half / critical_value(None, interval.level)
    return margin.value * abs(baseline.value), error
