"""Draw every model's value of a column again: from its samples, else from its interval."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from slmbench.analyse.board_columns import Reading
from slmbench.analyse.board_items import SamplesOf, rests_on
from slmbench.analyse.board_marks import is_exact
from slmbench.analyse.data import own_samples
from slmbench.schema.base import Measured
from slmbench.schema.board import Column
from slmbench.schema.record import Aggregation, Sample
from slmbench.stats.clusters import cluster_numbers
from slmbench.stats.front import interval_draws

#: States of the world that a probability is counted over: it is known to 0.016, two errors wide.
DRAWS = 1000


@dataclass(frozen=True)
class Drawn:
    """Draws of one column, (rows, draws): NaN in a row that has no value.

    Attributes:
        known: (rows,) whether the spread of the value is known; a value whose spread is not known
            is the same in every draw.
        how: where the draws come from.
    """

    draws: np.ndarray
    known: np.ndarray
    how: str


@dataclass
class Drawer:
    """Draws columns so that the same items are drawn for all models together.

    Attributes:
        samples: where samples are read; None draws from intervals alone.
        count: how many draws.
    """

    samples: SamplesOf | None = None
    count: int = DRAWS
    _items: dict[tuple[str, str], _Items] = field(default_factory=dict)

    def column(self, column: Column, readings: Sequence[Reading]) -> Drawn:
        """Return the draws of one column."""
        values = [reading.value for reading in readings]
        drawn = self.intervals(column, values)
        resampled = 0
        for row, reading in enumerate(readings):
            own = self._resampled(column, reading)
            if own is not None:
                drawn.draws[row] = own
                drawn.known[row] = True
                resampled += 1
        there = sum(isinstance(value, Measured) for value in values)
        if not resampled:
            return drawn
        how = "bootstrap over samples, the same items for all models"
        if resampled < there:
            how += f" ({there - resampled} of {there} values: {drawn.how})"
        return Drawn(drawn.draws, drawn.known, how)

    def intervals(self, column: Column, values: Sequence[object]) -> Drawn:
        """Return draws from each value's interval: a half normal on each side of the value."""
        there = [(i, v) for i, v in enumerate(values) if isinstance(v, Measured)]
        draws = np.full((len(values), self.count), np.nan)
        known = np.zeros(len(values), dtype=bool)
        if there:
            rows = [i for i, _ in there]
            ends = np.array([_ends(value) for _, value in there])
            middle, low, high, level = ends.T
            generator = self._generator(column.column_id)
            draws[rows] = interval_draws(middle, low, high, level, self.count, generator)
            known[rows] = [v.interval is not None or is_exact(column, v) for _, v in there]
        return Drawn(draws, known, "draws from each value's interval")

    def mean(self, parts: Sequence[Drawn], weights: Sequence[float] | None = None) -> Drawn:
        """Return the draws of a (weighted) mean of columns."""
        total = np.average([part.draws for part in parts], axis=0, weights=weights)
        hows = tuple(dict.fromkeys(part.how for part in parts))
        return Drawn(total, np.all([part.known for part in parts], axis=0), "; ".join(hows))

    def _resampled(self, column: Column, reading: Reading) -> np.ndarray | None:
        """Return the draws of one value by the bootstrap, or None where it can't be drawn so."""
        found = rests_on(reading)
        if self.samples is None or found is None:
            return None
        record, job, metric, rule = found
        samples = own_samples(self.samples(record.run_id, job.job_id), job, metric)
        if not samples:
            return None
        key = (column.suite, column.task)
        items = self._items.get(key)
        if items is None:
            seed = self._generator(f"{column.suite}/{column.task}")
            items = self._items[key] = _Items.drawn(samples, self.count, seed)
        return items.values(rule, samples)

    def _generator(self, name: str) -> np.random.Generator:
        return np.random.default_rng(zlib.crc32(name.encode()))


@dataclass(frozen=True)
class _Items:
    """How often each item was drawn: the same numbers for every model that answered it."""

    places: Mapping[tuple[str, str], int]
    weights: np.ndarray

    @classmethod
    def drawn(cls, samples: Sequence[Sample], count: int, generator: np.random.Generator) -> _Items:
        """Draw items again, those of one cluster together, (draws, items)."""
        places = {(each.sample_id, each.content_hash): i for i, each in enumerate(samples)}
        numbers = cluster_numbers([each.cluster for each in samples])
        groups = int(numbers.max()) + 1 if numbers.size else 0
        if groups < 2:
            return cls({}, np.zeros((count, 0)))
        taken = generator.multinomial(groups, np.full(groups, 1.0 / groups), size=count)
        return cls(places, taken.astype(np.float32)[:, numbers])

    def values(self, rule: Aggregation, samples: Sequence[Sample]) -> np.ndarray | None:
        """Return the metric in every draw; None where the model answered other items."""
        scored = [each for each in samples if rule.score in each.scores]
        if rule.weight is not None:
            scored = [each for each in scored if rule.weight in each.scores]
        at = [self.places.get((each.sample_id, each.content_hash)) for each in scored]
        if len(scored) < 2 or None in at:
            return None
        weights = self.weights[:, np.array(at, dtype=int)]
        scores = np.array([each.scores[rule.score] for each in scored])
        below = np.ones(len(scored))
        if rule.weight is not None:
            below = np.array([each.scores[rule.weight] for each in scored])
        total = weights @ below
        if not (total > 0.0).all():
            return None
        return np.asarray((weights @ scores) / total, dtype=float)


def _ends(value: Measured) -> tuple[float, float, float, float]:
    interval = value.interval
    if interval is None:
        return value.value, value.value, value.value, 0.95
    return value.value, interval.low, interval.high, interval.level
