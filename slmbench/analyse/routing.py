"""What a router between two stored runs would be worth: cost against quality, task by task."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import numpy as np

from slmbench.analyse.board_mean import PRIMARY_METRICS
from slmbench.analyse.comparability import why_items_differ, why_not_comparable
from slmbench.analyse.data import MetricOf, RunData, metrics_by_path
from slmbench.analyse.routing_cost import CostKind, Costs, costs_of
from slmbench.errors import InputError, NotComparable, did_you_mean
from slmbench.schema.base import Absent, Interval, Measured, Measurement
from slmbench.schema.record import Sample
from slmbench.schema.route import Route, RoutePoint, Routing
from slmbench.stats.calibration import choice_probabilities
from slmbench.stats.clusters import cluster_count
from slmbench.stats.interval import mean_interval
from slmbench.stats.routing import (
    Curve,
    Items,
    aiq,
    apgr,
    cpt,
    curve,
    oracle,
    oracle_interval,
    recovered_area,
    routing_intervals,
)

#: Shares of the gap that CPT asks for, by the figure's name.
_RECOVERED = {"cpt_50": 0.5, "cpt_80": 0.8}
_SHARES = np.linspace(0.0, 1.0, 11)


def routing(
    weak: RunData, strong: RunData, metric: str | None = None, cost: CostKind = "auto"
) -> Routing:
    """Return, for each task that both runs answered, what routing between them is worth.

    Args:
        weak: the run that is asked first, with its samples.
        strong: the run that is asked where the weak one is not sure.
        metric: a pattern of ``suite/task/metric``; None takes each accuracy task's main metric.
        cost: what stands for cost; ``auto`` takes time, else energy, else parameters.

    Raises:
        InputError: the runs share no metric with items, or none of that name.
        NotComparable: they share some, but of none the same items were asked in the same way.
    """
    before, after = metrics_by_path(weak), metrics_by_path(strong)
    chosen = _paths(before, after, metric)
    routes, left_out = [], {}
    for path in chosen:
        found = _route(before[path], after[path], cost)
        if isinstance(found, Route):
            routes.append(found)
        else:
            left_out[path] = found
    if not routes:
        path, why = next(iter(left_out.items()))
        raise NotComparable(f"No task can be routed between these runs. {path}: {why}.")
    return Routing(
        weak_run=weak.record.run_id,
        strong_run=strong.record.run_id,
        weak_model=weak.record.model.name,
        strong_model=strong.record.model.name,
        routes=tuple(routes),
        left_out=left_out,
    )


def _paths(
    before: dict[str, MetricOf], after: dict[str, MetricOf], pattern: str | None
) -> list[str]:
    shared = [path for path in before if path in after]
    if pattern is not None:
        found = [path for path in shared if fnmatchcase(path, pattern)]
        if not found:
            near = did_you_mean(pattern, shared)
            raise InputError(f"The two runs share no metric '{pattern}'.{near}")
        return found
    main: dict[str, str] = {}
    for name in PRIMARY_METRICS:
        for path in shared:
            own = before[path].metric
            if own.suite == "accuracy" and own.metric == name:
                main.setdefault(own.task, path)
    if not main:
        raise InputError(
            "The two runs share no accuracy task. Run both on the same tasks, or name a metric "
            "that both have: --metric suite/task/metric."
        )
    return [path for path in shared if path in main.values()]


def _route(before: MetricOf, after: MetricOf, cost: CostKind) -> Route | str:
    """Return one task's route, or why there is none."""
    why = _why_not(before, after)
    if why is not None:
        return why
    left, right = before.samples(), after.samples()
    why = why_items_differ(left, right)
    if why is not None:
        return why
    score = before.metric.aggregation.score if before.metric.aggregation else ""
    pairs = _pairs(left, right, score)
    if len(pairs) < 2:
        return f"{len(pairs)} items have the score '{score}' in both runs: no samples were kept"
    sure = _confidence(before, [pair[0] for pair in pairs])
    costs = costs_of(before.run.record, after.run.record, pairs, cost)
    items = Items(
        weak=np.array([pair[0].scores[score] for pair in pairs]),
        strong=np.array([pair[1].scores[score] for pair in pairs]),
        weak_cost=costs.weak if isinstance(costs, Costs) else np.zeros(len(pairs)),
        strong_cost=costs.strong if isinstance(costs, Costs) else np.zeros(len(pairs)),
        first=sure if isinstance(sure, np.ndarray) else np.zeros(len(pairs)),
        tried=True,
    )
    lost = len(left) - len(pairs)
    notes = (
        (f"{lost} of {len(left)} items lack a score in one run and are left out",) if lost else ()
    )
    return _told(before, items, sure, costs, [pair[0].cluster for pair in pairs], notes)


def _why_not(before: MetricOf, after: MetricOf) -> str | None:
    """Return what forbids to hold the two outcomes of an item against each other."""
    rule = before.metric.aggregation
    if rule is None or rule.kind != "mean" or rule != after.metric.aggregation:
        return "it is no mean over items that both runs keep"
    if before.metric.higher_is_better is not True:
        return "more of it isn't better"
    return why_not_comparable(before, after)


def _pairs(
    left: Sequence[Sample], right: Sequence[Sample], score: str
) -> list[tuple[Sample, Sample]]:
    other = {sample.sample_id: sample for sample in right if score in sample.scores}
    return [
        (sample, other[sample.sample_id])
        for sample in left
        if score in sample.scores and sample.sample_id in other
    ]


def _confidence(weak: MetricOf, samples: Sequence[Sample]) -> np.ndarray | Absent:
    """Return how sure the weak model is of each answer: the share of its likeliest choice.

    Fewer than two log-likelihoods are those of the right answer alone, which a router in use
    doesn't know.
    """
    halves = any(metric.metric == "acc_mutual_info" for metric in weak.job.metrics)
    found = []
    for sample in samples:
        told = sample.loglikelihoods
        own = told[: len(told) // 2] if halves else told
        if len(own) < 2:
            return Absent(
                reason="the weak run's samples have no log-likelihoods of several choices, so "
                "nothing tells how sure it is"
            )
        found.append(float(choice_probabilities(own).max()))
    return np.array(found)


def _told(
    before: MetricOf,
    items: Items,
    sure: np.ndarray | Absent,
    costs: Costs | Absent,
    clusters: Sequence[str | None],
    notes: tuple[str, ...],
) -> Route:
    n = items.weak.size
    gap = _mean(items.strong - items.weak, clusters, "paired difference")
    best = oracle(items)
    confidence: Measurement = sure if isinstance(sure, Absent) else _mean(
        sure, clusters, "largest share of the choices' likelihoods"
    )  # fmt: skip
    return Route(
        suite=before.metric.suite,
        task=before.metric.task,
        metric=before.metric.metric,
        n=n,
        clusters=cluster_count(clusters),
        weak=_mean(items.weak, clusters, "samples"),
        strong=_mean(items.strong, clusters, "samples"),
        gap=gap,
        oracle=float(best.quality[-1]),
        oracle_share=float((items.strong > items.weak).mean()),
        confidence=confidence,
        cost=costs.how if isinstance(costs, Costs) else Absent(reason=costs.reason),
        weak_cost=_ratio(items),
        figures=_figures(items, sure, costs, clusters, gap),
        points=_points(items, None if isinstance(sure, Absent) else curve(items), best, clusters),
        notes=notes,
    )


def _figures(
    items: Items,
    sure: np.ndarray | Absent,
    costs: Costs | Absent,
    clusters: Sequence[str | None],
    gap: Measured,
) -> dict[str, Measurement]:
    """Return the figures of the cascade, the oracle's and the random line's."""
    names = ("apgr", *_RECOVERED, "aiq")
    low = gap.interval.low if gap.interval is not None else 0.0
    if low <= 0.0:
        absent = Absent(reason="the strong run isn't shown to be better, so there is no gap")
        return dict.fromkeys((*names, "oracle_apgr", "random_aiq"), absent)
    found: dict[str, Measurement] = {}
    if isinstance(sure, Absent):
        found.update(dict.fromkeys(names, sure))
    else:
        spans = routing_intervals(items, tuple(_RECOVERED.values()), clusters, seed=0)
        values = [apgr(items), *(cpt(items, level) for level in _RECOVERED.values())]
        for name, value, span in zip(names, values, spans[1:], strict=False):
            found[name] = _figure(value, items, span)
        found["aiq"] = _aiq(items, costs, spans[-1])
    weak, strong = float(items.weak.mean()), float(items.strong.mean())
    found["oracle_apgr"] = _figure(
        recovered_area(oracle(items), weak, strong), items, oracle_interval(items, clusters, seed=0)
    )
    found["random_aiq"] = _mean((items.weak + items.strong) / 2.0, clusters, "samples")
    return found


def _aiq(items: Items, costs: Costs | Absent, span: Interval | None) -> Measurement:
    if isinstance(costs, Absent):
        return costs
    if not items.strong_cost.mean() > items.weak_cost.mean():
        return Absent(reason="the strong run costs no more than the weak one")
    return _figure(aiq(items), items, span)


def _points(
    items: Items, cascade: Curve | None, best: Curve, clusters: Sequence[str | None]
) -> tuple[RoutePoint, ...]:
    """Return the curve at the shares nearest to 0, 10, ... 100 %; equals are sent together."""
    weak, strong = float(items.weak.mean()), float(items.strong.mean())
    shares = _SHARES
    at = np.zeros(len(shares), dtype=int)
    if cascade is not None:
        at = np.unique([int(np.abs(cascade.share - share).argmin()) for share in _SHARES])
        shares = cascade.share[at]
    alone = float(items.strong_cost.mean())
    points = []
    for share, place in zip(shares, at, strict=True):
        point = RoutePoint(
            share=float(share),
            threshold=None, quality=None, low=None, high=None, cost=None,
            random=weak + float(share) * (strong - weak),
            oracle=float(np.interp(share, best.share, best.quality)),
        )  # fmt: skip
        if cascade is not None:
            last = cascade.last[place]
            sent = np.zeros(items.weak.size, bool) if place == 0 else items.first <= last
            chosen = np.where(sent, items.strong, items.weak)
            value = _mean(chosen, clusters, "samples")
            ends = value.interval
            cost = float(cascade.cost[place]) / alone if alone > 0.0 else None
            more = {
                "threshold": None if place == 0 else float(last), "quality": value.value,
                "low": ends.low if ends else None, "high": ends.high if ends else None,
                "cost": cost,
            }  # fmt: skip
            point = point.model_copy(update=more)
        points.append(point)
    return tuple(points)


def _ratio(items: Items) -> float | None:
    alone = float(items.strong_cost.mean())
    return float(items.weak_cost.mean()) / alone if alone > 0.0 else None


def _figure(value: float, items: Items, span: Interval | None) -> Measured:
    return Measured(value=value, unit="", n=items.weak.size, interval=span, how="derived")


def _mean(values: np.ndarray, clusters: Sequence[str | None], how: str) -> Measured:
    return Measured(
        value=float(values.mean()),
        unit="",
        n=values.size,
        interval=mean_interval(values.tolist(), clusters),
        how=how,
    )
