"""What people gave texts, how far scores follow it, and how far people agree with each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from slmbench.schema.base import Measurement
from slmbench.schema.record import Aggregation, Metric, Sample
from slmbench.stats.agreement import Clusters, Level, correlations, krippendorff_alpha
from slmbench.suites.rated_row import RatedRow


@dataclass(frozen=True)
class Rated:
    """Texts that were scored, some of which people rated.

    Attributes:
        suite: of the metrics.
        task: of the metrics.
        rows: the items.
        samples: their scores, in the same order.
        seed: of bootstraps.
    """

    suite: str
    task: str
    rows: Sequence[RatedRow]
    samples: Sequence[Sample]
    seed: int

    @property
    def documents(self) -> Clusters | None:
        """Return what each text is about; None where no two are about the same."""
        found = [row.document for row in self.rows]
        named = [each for each in found if each is not None]
        return found if len(set(named)) < len(named) else None

    def follows(self, score: str, how: str, suffix: str = "", better: bool = True) -> list[Metric]:
        """Return a score's correlations with people's ratings, at every level that exists.

        Texts about the same document make a summary level, named systems a system level. A text
        that lacks the score, a rating or, at the system level, a system is left out, and counted
        in the source.

        Args:
            score: its name in the samples.
            how: who scored.
            suffix: added to the metrics' names.
            better: more of the score is better, and so is a higher correlation.
        """
        levels: list[Level] = ["sample"]
        if self.documents is not None:
            levels.append("summary")
        if any(row.system is not None for row in self.rows):
            levels.append("system")
        metrics = []
        for level in levels:
            unnamed = level == "system"
            found = correlations(
                level,
                [None if unnamed and row.system is None else row.rating for row in self.rows],
                [sample.scores.get(score) for sample in self.samples],
                [("", row.id) if row.document is None else row.document for row in self.rows],
                [row.system for row in self.rows],
                self.seed,
                how,
            )
            for coefficient, value in found.items():
                name = f"{coefficient}_{level}{suffix}"
                metrics.append(self.metric(name, value, score, better))
        return metrics

    def people_agree(self) -> list[Metric]:
        """Return ``krippendorff_alpha_people``: how far the raters agree with each other.

        It is alpha for interval data. Nothing is returned where each text has one rating.
        """
        if all(len(row.ratings) < 2 for row in self.rows):
            return []
        table = [
            [math.nan if each is None else each for each in rater]
            for rater in zip_longest(*(row.ratings for row in self.rows))
        ]
        value = krippendorff_alpha(table, "interval", self.documents, self.seed)
        return [self.metric("krippendorff_alpha_people", value)]

    def metric(self, name: str, value: Measurement, score: str = "", better: bool = True) -> Metric:
        """Return a metric about a score and people's ratings; it is no mean of scores."""
        return Metric(
            suite=self.suite,
            task=self.task,
            metric=name,
            value=value,
            higher_is_better=better,
            aggregation=Aggregation(kind="other", score=score),
        )


def are_rated(rows: Sequence[RatedRow]) -> bool:
    """Say whether people rated any of the texts."""
    return any(row.rating is not None for row in rows)
