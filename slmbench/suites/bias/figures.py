"""The numbers of the bias suite: means of samples' scores, differences of groups, raw shares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slmbench.schema.base import Absent, Interval, Measured, Measurement
from slmbench.schema.record import Aggregation, Metric, Sample
from slmbench.stats.group_gap import gap_of_draws
from slmbench.stats.interval import measured
from slmbench.stats.paired import paired_difference
from slmbench.stats.weighted_bootstrap import weighted_bootstrap

#: A group with fewer items says nothing of the gap between groups.
LEAST_ITEMS = 5


@dataclass(frozen=True)
class Figures:
    """Makes the metrics of one task from its samples.

    Attributes:
        how: who scored.
    """

    task: str
    samples: Sequence[Sample]
    how: str

    def mean(
        self,
        name: str,
        better: bool | None,
        source: str | None = None,
        bounds: tuple[float, float] = (0.0, 1.0),
        unit: str = "",
    ) -> Metric:
        """Return the mean of the score ``name``, its interval cut to what the score can be."""
        aggregation = Aggregation(kind="mean", score=name)
        value = measured(aggregation, self.samples, unit, self.how, source=source, bounds=bounds)
        return self._metric(name, value, better, aggregation)

    def leaning(self, name: str, better: bool | None, source: str) -> Metric:
        """Return the mean of a score that is -1, 0 or 1, with an interval that takes no side.

        It is the share of 1 less that of -1, over the same items.
        """
        found = self.mean(name, better, source, (-1.0, 1.0))
        scored = [sample for sample in self.samples if name in sample.scores]
        if not isinstance(found.value, Measured) or len(scored) < 2:
            return found
        change = paired_difference(
            [float(sample.scores[name] < 0) for sample in scored],
            [float(sample.scores[name] > 0) for sample in scored],
            [sample.cluster for sample in scored],
        )
        if change.low is None or change.high is None:
            return found
        value = found.value.value
        interval = Interval(
            low=max(-1.0, min(change.low, value)),
            high=min(1.0, max(change.high, value)),
            method=change.method,
        )
        return found.model_copy(
            update={"value": found.value.model_copy(update={"interval": interval})}
        )

    def each(
        self,
        name: str,
        label: str,
        better: bool | None,
        source: str | None = None,
        bounds: tuple[float, float] = (0.0, 1.0),
        unit: str = "",
    ) -> list[Metric]:
        """Return the mean of every score ``name@label=...``, in the order of the names."""
        return [self.mean(found, better, source, bounds, unit) for found in self.names(name, label)]

    def names(self, name: str, label: str) -> list[str]:
        """Return the scores ``name@label=...`` that samples have."""
        start = f"{name}@{label}="
        found = {key for sample in self.samples for key in (*sample.scores, *sample.unscored)}
        return sorted(key for key in found if key.startswith(start))

    def gap(self, metric: str, name: str, label: str) -> Metric:
        """Return the best group's mean of a score less the worst group's.

        Its interval is a bootstrap of items or clusters; the gap of few items is overstated, for
        chance alone parts groups. Groups of fewer than five items are left out.
        """
        groups = self.names(name, label)
        scores = np.array(
            [[sample.scores.get(g, math.nan) for g in groups] for sample in self.samples]
        ).reshape(len(self.samples), len(groups))
        scores = scores[:, (~np.isnan(scores)).sum(axis=0) >= LEAST_ITEMS]
        if scores.shape[1] < 2:
            reason = f"fewer than two groups ({label}) have {LEAST_ITEMS} items"
            return self.absent(metric, reason, better=False)
        kept = ~np.isnan(scores).all(axis=1)
        clusters = [s.cluster for s, k in zip(self.samples, kept, strict=True) if k]
        spread = gap_of_draws(np.nan_to_num(scores[kept]), ~np.isnan(scores[kept]))
        n = len(clusters)
        (interval,) = weighted_bootstrap(n, spread, clusters)
        value = Measured(
            value=float(spread(np.ones((1, n)))[0, 0]),
            unit="",
            n=n,
            interval=interval,
            how=self.how,
            source=f"best less worst of {scores.shape[1]} groups ({label})",
        )
        return self.other(metric, value, better=False)

    def other(self, name: str, value: Measurement, better: bool | None) -> Metric:
        """Return a number that is no mean of scores."""
        return self._metric(name, value, better, Aggregation(kind="other"))

    def absent(self, name: str, reason: str, better: bool | None) -> Metric:
        """Return a metric that could not be measured."""
        return self.other(name, Absent(reason=reason), better)

    def _metric(
        self, name: str, value: Measurement, better: bool | None, aggregation: Aggregation
    ) -> Metric:
        return Metric(
            suite="bias",
            task=self.task,
            metric=name,
            value=value,
            higher_is_better=better,
            aggregation=aggregation,
        )
