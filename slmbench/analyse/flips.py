"""Which items two runs answer differently: correct to wrong, and wrong to correct."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from slmbench.analyse.data import MetricOf
from slmbench.schema.finding import FlippedItem, Flips
from slmbench.schema.record import Sample
from slmbench.stats.interval import is_binary, mean_interval

#: Items of each direction that a comparison carries; all are counted.
MOST_ITEMS = 50


def flips(baseline: MetricOf, candidate: MetricOf) -> Flips | None:
    """Return the items whose 0/1 outcome changed, or None where outcomes are not 0 or 1.

    The interval of their rate is Wilson's, or with clustered errors where items share a cluster.
    """
    rule = baseline.metric.aggregation
    if rule is None or rule.kind != "mean" or rule != candidate.metric.aggregation:
        return None
    before, after = _scored(baseline, rule.score), _scored(candidate, rule.score)
    ids = [key for key in before if key in after]
    old = [before[key].scores[rule.score] for key in ids]
    new = [after[key].scores[rule.score] for key in ids]
    if not ids or not is_binary(old) or not is_binary(new):
        return None
    fell = [key for key, was, now in zip(ids, old, new, strict=True) if was > now]
    rose = [key for key, was, now in zip(ids, old, new, strict=True) if was < now]
    # Where less is better (a text is toxic or not), it is the 1 that is wrong.
    lost, gained = (rose, fell) if _direction(baseline, candidate) is False else (fell, rose)
    changed = [float(was != now) for was, now in zip(old, new, strict=True)]
    bounds = mean_interval(changed, [before[key].cluster for key in ids])
    metric = baseline.metric
    return Flips(
        suite=metric.suite,
        task=metric.task,
        metric=metric.metric,
        n=len(ids),
        lost_count=len(lost),
        gained_count=len(gained),
        rate=sum(changed) / len(ids),
        low=None if bounds is None else bounds.low,
        high=None if bounds is None else bounds.high,
        lost=_items(lost, before, after),
        gained=_items(gained, before, after),
    )


def _direction(baseline: MetricOf, candidate: MetricOf) -> bool | None:
    known = baseline.metric.higher_is_better
    return candidate.metric.higher_is_better if known is None else known


def _scored(side: MetricOf, score: str) -> dict[str, Sample]:
    return {sample.sample_id: sample for sample in side.samples() if score in sample.scores}


def _items(
    ids: Sequence[str], before: Mapping[str, Sample], after: Mapping[str, Sample]
) -> tuple[FlippedItem, ...]:
    return tuple(
        FlippedItem(
            sample_id=key,
            cluster=before[key].cluster,
            prompt=before[key].prompt,
            target=before[key].target,
            baseline_output=before[key].output,
            candidate_output=after[key].output,
        )
        for key in ids[:MOST_ITEMS]
    )
