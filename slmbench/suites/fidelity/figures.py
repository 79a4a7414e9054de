"""The numbers of the fidelity suite: each with its interval, drawn or derived over documents."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slmbench.schema.base import Absent, Interval, Measured, Measurement
from slmbench.schema.record import Aggregation, Metric, Sample
from slmbench.stats.grouped import FEWEST_GROUPS, grouped_quantile_interval, readings_needed
from slmbench.stats.interval import cluster_count, measured, wilson
from slmbench.stats.weighted_bootstrap import weighted_bootstrap
from slmbench.suites.fidelity.distances import Reading

_TOKENS = "tokens"
_KL = "KL(reference || model) of the next token, mean over every position"
#: metric -> (kind, score, unit, is higher better, what it is)
_RULES: dict[str, tuple[str, str, str, bool | None, str]] = {
    "kl_divergence": ("weighted_mean", "kl_divergence_sum", "nats", False, _KL),
    "top_1_agreement": (
        "weighted_mean", "same_top_tokens", "", True,
        "share of positions where both models find the same token likeliest",
    ),
    "mean_delta_p": (
        "weighted_mean", "delta_p_sum", "", True,
        "the right token's probability, minus the reference's, mean over every position",
    ),
    "perplexity": (
        "weighted_perplexity", "loglikelihood", "", False, "per token, every position",
    ),
    "reference_perplexity": (
        "weighted_perplexity", "reference_loglikelihood", "", None, "of the reference, per token",
    ),
    "perplexity_ratio": (
        "weighted_perplexity", "loglikelihood_difference", "", False,
        "perplexity over the reference's, documents paired",
    ),
}  # fmt: skip
_DRAWN = {
    "perplexity_difference": (False, "perplexity minus the reference's, documents paired"),
    "rms_delta_p": (False, "root mean square of the change of the right token's probability"),
}
_QUANTILES = (0.5, 0.9, 0.95, 0.99, 0.999)
_MAXIMUM = "kl_divergence@max"


def scores_of(reading: Reading) -> dict[str, float]:
    """Return the sums over one document that every mean follows from."""
    own, other = sum(reading.loglikelihood), sum(reading.reference_loglikelihood)
    return {
        "kl_divergence_sum": float(sum(reading.kl_divergence)),
        "same_top_tokens": float(sum(reading.same_top)),
        "delta_p_sum": float(sum(reading.delta_p)),
        "delta_p_squares": float(sum(each * each for each in reading.delta_p)),
        "loglikelihood": own,
        "reference_loglikelihood": other,
        "loglikelihood_difference": own - other,
        _TOKENS: float(len(reading.kl_divergence)),
    }


def absent(task: str, reason: Absent) -> tuple[Metric, ...]:
    """Return every metric with the reason that it can't be measured."""
    quantiles = [_quantile_name(q) for q in _QUANTILES]
    names = {**{name: rule[3] for name, rule in _RULES.items()},
             **{name: rule[0] for name, rule in _DRAWN.items()},
             **dict.fromkeys([*quantiles, _MAXIMUM], False)}  # fmt: skip
    return tuple(_metric(task, name, reason, better) for name, better in names.items())


def metrics_of(
    task: str, samples: Sequence[Sample], found: Sequence[Reading], how: str
) -> tuple[Metric, ...]:
    """Return the metrics of documents that were read; ``found`` are their readings, in order."""
    metrics = []
    for name, (kind, score, unit, better, source) in _RULES.items():
        rule = Aggregation.model_validate({"kind": kind, "score": score, "weight": _TOKENS})
        value = _honest(name, measured(rule, samples, unit, how, source=source), samples)
        metrics.append(_metric(task, name, value, better, rule))
    if not found:
        return tuple(metrics)
    scored = [sample for sample in samples if sample.scores]
    metrics += _drawn(task, scored, how)
    groups = [reading.kl_divergence for reading in found]
    metrics += [_quantile(task, groups, q, how) for q in _QUANTILES]
    positions = [value for group in groups for value in group]
    highest = Measured(
        value=max(positions), unit="nats", n=len(positions), interval=None, how=how,
        source="the largest of all positions; it grows with their number",
    )  # fmt: skip
    return (*metrics, _metric(task, _MAXIMUM, highest, False))


def _honest(name: str, value: Measurement, samples: Sequence[Sample]) -> Measurement:
    """Keep an interval inside what the number can be; agreement all over is not certainty."""
    if isinstance(value, Absent) or value.interval is None:
        return value
    interval = value.interval
    if name == "kl_divergence":
        interval = interval.model_copy(update={"low": max(0.0, interval.low)})
    elif name == "top_1_agreement":
        bounds = {"low": max(0.0, interval.low), "high": min(1.0, interval.high)}
        interval = interval.model_copy(update=bounds)
        if value.value in (0.0, 1.0):
            clusters = [sample.cluster for sample in samples if sample.scores]
            trials = cluster_count(clusters) or len(clusters)
            interval = wilson(value.value * trials, trials)
    return value.model_copy(update={"interval": interval})


def _drawn(task: str, samples: Sequence[Sample], how: str) -> list[Metric]:
    """Return the numbers that no delta method gives, with a bootstrap over documents."""
    names = ("loglikelihood", "reference_loglikelihood", "delta_p_squares", _TOKENS)
    columns = np.array([[sample.scores[name] for name in names] for sample in samples])

    def statistics(weights: np.ndarray) -> np.ndarray:
        own, other, squares, tokens = (weights @ columns).T
        difference = np.exp(-own / tokens) - np.exp(-other / tokens)
        return np.array([difference, np.sqrt(squares / tokens)])

    n = len(samples)
    values = statistics(np.ones((1, n)))[:, 0]
    clusters = [sample.cluster for sample in samples]
    intervals = weighted_bootstrap(n, statistics, clusters)
    found = []
    for (name, (better, source)), value, interval in zip(
        _DRAWN.items(), values, intervals, strict=True
    ):
        number = Measured(
            value=float(value), unit="", n=n, interval=interval, how=how, source=source
        )
        found.append(_metric(task, name, number, better, Aggregation(kind="other")))
    return found


def _quantile(task: str, groups: Sequence[Sequence[float]], q: float, how: str) -> Metric:
    """Return a quantile of all positions' divergences; those of a document move together."""
    positions = [value for group in groups for value in group]
    name, needed = _quantile_name(q), readings_needed(q)
    interval: Interval | None = grouped_quantile_interval(groups, q)
    value: Measurement
    if len(positions) < needed:
        value = Absent(
            reason=f"{name} needs at least {needed} positions, and there are {len(positions)}"
        )
    elif interval is None:
        value = Absent(
            reason=f"{name} needs at least {FEWEST_GROUPS} documents, and there are {len(groups)}"
        )
    else:
        value = Measured(
            value=float(np.quantile(positions, q)), unit="nats", n=len(positions),
            interval=interval, how=how, source="of all positions together",
        )  # fmt: skip
    return _metric(task, name, value, False)


def _quantile_name(q: float) -> str:
    return f"kl_divergence@p{100 * q:g}"


def _metric(
    task: str,
    name: str,
    value: Measurement,
    better: bool | None,
    rule: Aggregation | None = None,
) -> Metric:
    return Metric(
        suite="fidelity",
        task=task,
        metric=name,
        value=value,
        higher_is_better=better,
        aggregation=rule,
    )
