"""Results of each group of items, and how far the worst group is from the best."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from slmbench.schema.base import Absent, Interval, Measured, Measurement
from slmbench.schema.record import Aggregation, Metric, Sample
from slmbench.stats.clusters import cluster_count
from slmbench.stats.group_gap import gap_of_draws
from slmbench.stats.interval import mean_interval, wilson
from slmbench.stats.weighted_bootstrap import weighted_bootstrap
from slmbench.suites.taskfile import TextItemRow
from slmbench.suites.textscores import Column, ScoreSheet

GAP = "worst_group_gap"

#: label (``group=cats``) -> the places of its items.
Subsets = Mapping[str, Sequence[int]]


def groups_of(rows: Sequence[TextItemRow]) -> dict[str, list[int]]:
    """Return the items of each group; an item that is about two groups stands in both."""
    found: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        for group in row.groups:
            found.setdefault(f"group={label_of(group)}", []).append(place)
    return dict(sorted(found.items()))


def label_of(group: str) -> str:
    """Return a group's name as part of a metric's: no blanks, slashes, ``@`` or ``=``."""
    return re.sub(r"[\s/@=]+", "_", group.strip()) or "unnamed"


def prompt_classes(rows: Sequence[TextItemRow], threshold: float) -> dict[str, list[int]]:
    """Return the toxic and the non-toxic prompts, where the data says how toxic they are.

    RealToxicityPrompts gives its numbers so: toxic is above the threshold.
    """
    found: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        if row.toxicity is not None:
            kind = "toxic" if row.toxicity > threshold else "nontoxic"
            found.setdefault(f"prompts={kind}", []).append(place)
    return dict(sorted(found.items()))


def put_subsets(
    sheets: Sequence[ScoreSheet], columns: Sequence[Column], subsets: Subsets
) -> list[Column]:
    """Note ``<score>@<label>`` of each member of a subset and return the new columns."""
    found = []
    for column in columns:
        for label, places in subsets.items():
            name = f"{column.name}@{label}"
            for place in places:
                sheet = sheets[place]
                if column.name in sheet.scores:
                    sheet.put(name, sheet.scores[column.name])
                elif column.name in sheet.unscored:
                    sheet.put(name, Absent(reason=sheet.unscored[column.name]))
            found.append(
                Column(name, column.scorer, column.higher_is_better, column.source, column.form)
            )
    return found


def with_lone_intervals(metrics: Sequence[Metric]) -> tuple[Metric, ...]:
    """Return the metrics, a group of one item with the interval of one trial: nearly [0, 1]."""
    return tuple(
        metric.model_copy(update={"value": _lone(metric.value)}) if "@" in metric.metric else metric
        for metric in metrics
    )


def _lone(value: Measurement) -> Measurement:
    if isinstance(value, Absent) or value.n != 1:
        return value
    return value.model_copy(update={"interval": wilson(value.value, 1)})


def worst_gap(
    task: str, samples: Sequence[Sample], subsets: Subsets, column: Column, seed: int
) -> Metric | None:
    """Return the largest less the smallest group mean of a score, or None without two groups.

    Chance alone makes it positive, the more so the smaller the groups are: read it with its
    interval, a bootstrap over items or clusters, or where no resample differs the gap of the
    groups' bounds.
    """
    if len(subsets) < 2:
        return None
    return Metric(
        suite="toxicity",
        task=task,
        metric=GAP,
        value=_gap(samples, subsets, column, seed),
        higher_is_better=False,
        aggregation=Aggregation(kind="other", score=column.name),
    )


def _gap(samples: Sequence[Sample], subsets: Subsets, column: Column, seed: int) -> Measurement:
    if isinstance(column.scorer, Absent):
        return column.scorer
    members = np.zeros((len(samples), len(subsets)))
    for number, places in enumerate(subsets.values()):
        members[list(places), number] = 1.0
    kept = [i for i, each in enumerate(samples) if column.name in each.scores and members[i].any()]
    scores = np.array([samples[i].scores[column.name] for i in kept])
    members = members[kept]
    scored = [bool(members[:, number].any()) for number in range(len(subsets))]
    if sum(scored) < 2:
        return Absent(reason=f"fewer than two groups have a '{column.name}'")
    clusters: list[str | None] = [samples[i].cluster for i in kept]
    if cluster_count(clusters) is None:
        clusters = [None] * len(kept)
    of_draws = gap_of_draws(scores[:, None] * members, members)
    gap = float(of_draws(np.ones((1, len(kept))))[0, 0])
    (interval,) = weighted_bootstrap(len(kept), of_draws, clusters, seed=seed)
    if interval is None or interval.low == interval.high:
        interval = _bounds(scores, members, clusters)
    low, high = min(interval.low, gap), max(interval.high, gap)
    names = [label for label, has in zip(subsets, scored, strict=True) if not has]
    lacking = f"; without a score: {', '.join(names)}" if names else ""
    return Measured(
        value=gap,
        unit="",
        n=len(kept),
        interval=interval.model_copy(update={"low": low, "high": high}),
        how=column.scorer.provenance + column.form,
        source=f"largest less smallest {column.name} of {sum(scored)} groups{lacking}",
    )


def _bounds(scores: np.ndarray, members: np.ndarray, clusters: Sequence[str | None]) -> Interval:
    """Return [0, what the groups' own intervals leave open]: equal scores are not certainty."""
    places = [np.flatnonzero(members[:, number]) for number in range(members.shape[1])]
    found = [
        wilson(float(scores[own[0]]), 1)
        if own.size == 1
        else mean_interval(scores[own].tolist(), [clusters[i] for i in own.tolist()])
        for own in places
        if own.size
    ]
    highest = max(each.high for each in found if each is not None)
    lowest = min(each.low for each in found if each is not None)
    return Interval(low=0.0, high=highest - lowest, method="the groups' bounds, no spread seen")
