"""The items that models of a column share: how the models differ on each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from slmbench.analyse.board_columns import Reading
from slmbench.analyse.data import own_samples
from slmbench.schema.base import Measured
from slmbench.schema.record import Aggregation, JobRecord, Metric, RunRecord, Sample
from slmbench.stats.clusters import cluster_numbers

#: Kinds of metrics that follow from sums over samples.
SUMS = frozenset({"mean", "weighted_mean"})
#: Samples behind one number of all models; of more, intervals must do while somebody waits.
MOST_SAMPLES = 60_000

#: Returns the samples of a run's job: (run id, job id).
SamplesOf = Callable[[str, str], Sequence[Sample]]
#: What a number is made of: columns as readings, one for each row, each with its weight.
Parts = Sequence[tuple[Sequence[Reading], float]]


def rests_on(reading: Reading) -> tuple[RunRecord, JobRecord, Metric, Aggregation] | None:
    """Return the samples' run and job and the rule, where a value is a mean over samples."""
    job, record, metric = reading.job, reading.record, reading.metric
    if job is None or record is None or metric is None or not isinstance(reading.value, Measured):
        return None
    rule = metric.aggregation
    if rule is None or rule.kind not in SUMS or not job.sample_count:
        return None
    return record, job, metric, rule


def sample_count(parts: Parts) -> int:
    """Return how many samples a number of all models rests on; none where fewer than two do."""
    counts = [
        [found[1].sample_count for reading in readings if (found := rests_on(reading))]
        for readings, _ in parts
    ]
    return sum(map(sum, counts)) if counts and all(len(each) > 1 for each in counts) else 0


@dataclass(frozen=True)
class ItemTable:
    """How far each model is from the middle of all, item by item.

    Attributes:
        shares: (rows, clusters of items): what a row's items of one cluster add to its distance
            from the mean of all rows; they sum up to it.
        paired: (rows,) whether the row answered the items that others answered too.
    """

    shares: np.ndarray
    paired: np.ndarray

    def differences(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return row less column of every pair: the sum, its variance about 0, the largest item.

        Each (rows, rows). The variance is the sum of the squared differences of the clusters.
        """
        rows = len(self.shares)
        total, variance, step = (np.zeros((rows, rows)) for _ in range(3))
        for row in np.flatnonzero(self.paired):
            each = self.shares[row] - self.shares
            total[row] = each.sum(axis=1)
            variance[row] = np.square(each).sum(axis=1)
            step[row] = np.abs(each).max(axis=1, initial=0.0)
        # Models that answered every item alike do not differ, whatever is left by rounding.
        total[variance == 0.0] = 0.0
        return total, variance, step


@dataclass(frozen=True)
class _Scores:
    """The scores of one model: of each item its key, cluster, score and weight."""

    keys: list[tuple[str, str]]
    clusters: list[str | None]
    scores: np.ndarray
    weights: np.ndarray

    @property
    def ratio(self) -> float:
        return float(self.scores.sum() / self.weights.sum())


@dataclass(frozen=True)
class ItemReader:
    """Makes item tables; the scores of a number are read once."""

    samples: SamplesOf
    _known: dict[tuple[str, str, str, str], _Scores | None] = field(default_factory=dict)

    def table(self, parts: Parts, rows: Sequence[int]) -> ItemTable | None:
        """Return the table of some rows, or None where no two of them share their items."""
        found = [
            (self._part([readings[row] for row in rows]), weight) for readings, weight in parts
        ]
        tables = [(table, weight) for table, weight in found if table is not None]
        if not tables or len(tables) < len(found):
            return None
        paired = np.all([table.paired for table, _ in tables], axis=0)
        if paired.sum() < 2:
            return None
        return ItemTable(np.hstack([weight * table.shares for table, weight in tables]), paired)

    def _part(self, readings: Sequence[Reading]) -> ItemTable | None:
        found = [self._scores(reading) for reading in readings]
        there = [each for each in found if each is not None]
        if len(there) < 2:
            return None
        widest = max(there, key=lambda each: len(each.keys))
        numbers = cluster_numbers(widest.clusters)
        places = dict(zip(widest.keys, numbers.tolist(), strict=True))
        middle = float(np.mean([each.ratio for each in there]))
        shares = np.zeros((len(readings), int(numbers.max()) + 1))
        paired = np.zeros(len(readings), dtype=bool)
        for row, each in enumerate(found):
            at = [] if each is None else [places.get(key, -1) for key in each.keys]
            if each is None or -1 in at:
                continue
            apart = (each.scores - middle * each.weights) / each.weights.sum()
            shares[row] = np.bincount(at, weights=apart, minlength=shares.shape[1])
            paired[row] = True
        return ItemTable(shares, paired)

    def _scores(self, reading: Reading) -> _Scores | None:
        found = rests_on(reading)
        if found is None:
            return None
        record, job, metric, _ = found
        key = (record.run_id, job.job_id, metric.task, metric.metric)
        if key not in self._known:
            self._known[key] = self._read(reading)
        return self._known[key]

    def _read(self, reading: Reading) -> _Scores | None:
        found = rests_on(reading)
        assert found is not None and isinstance(reading.value, Measured)
        record, job, metric, rule = found
        samples = own_samples(self.samples(record.run_id, job.job_id), job, metric)
        needed = {rule.score} | ({rule.weight} if rule.weight is not None else set())
        scored = [each for each in samples if needed <= each.scores.keys()]
        weight = rule.weight
        made = _Scores(
            [(each.sample_id, each.content_hash) for each in scored],
            [each.cluster for each in scored],
            np.array([each.scores[rule.score] for each in scored], dtype=float),
            np.array([1.0 if weight is None else each.scores[weight] for each in scored]),
        )
        if len(scored) < 2 or not made.weights.sum() > 0.0:
            return None
        # Samples that do not make up the value (a part of them was kept) say nothing of it.
        alike = np.isclose(made.ratio, reading.value.value, rtol=1e-6, atol=1e-9)
        return made if alike else None
