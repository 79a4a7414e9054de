"""What a quantized, pruned or distilled model kept of its base, and what it saves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slmbench.analyse.data import MetricOf, RunData, metrics_by_path
from slmbench.schema.base import Absent, Measured
from slmbench.schema.compression import (
    Compression,
    Estimate,
    FidelityFigure,
    Saving,
    ScoreDelta,
)
from slmbench.schema.finding import CompareRow, Comparison, Flips, ResourceRatio
from slmbench.schema.record import Metric, Sample
from slmbench.stats.interval import mean_interval
from slmbench.stats.weighted_bootstrap import weighted_bootstrap

#: suite -> metric -> the kind of resource that it tells of.
_KINDS = {
    "memory": {
        "weight_bytes": "size", "file_bytes": "size", "kv_bytes_per_token": "memory",
        "peak_resident_bytes": "memory", "peak_device_bytes": "memory",
    },
    "latency": dict.fromkeys(
        ("ttft_s", "tpot_s", "e2e_s", "prefill_tokens_per_s", "decode_tokens_per_s", "load_s"),
        "speed",
    ),
    "energy": dict.fromkeys(
        ("j_per_output_token", "j_per_request", "net_j_per_output_token", "net_j_per_request"),
        "energy",
    ),
}  # fmt: skip
_ORDER = ("size", "memory", "speed", "energy")
#: Scores that are a share of right answers; those of chosen answers are right by chance too.
_CHOSEN = {"acc", "acc_norm"}
_SHARES = _CHOSEN | {"exact_match"}
_SCORED = {"accuracy", "toxicity", "similarity", "judge", "rag", "bias"}
NO_FIDELITY = (
    "no next-token distributions were compared: run the candidate again with --suite fidelity "
    "--reference BASE"
)


def compression(baseline: RunData, candidate: RunData, comparison: Comparison) -> Compression:
    """Return the report of a base model (``baseline``) against its smaller form.

    Args:
        baseline: the base model's run.
        candidate: the quantized, pruned or distilled model's.
        comparison: of the two, with its flips and ratios.
    """
    left, right = metrics_by_path(baseline), metrics_by_path(candidate)
    flipped = {each.path: each for each in comparison.flips}
    scores = tuple(
        _score(row, left[row.path], right[row.path], flipped.get(row.path))
        for row in comparison.rows
        if row.suite in _SCORED and None not in (row.difference, row.baseline, row.candidate)
    )
    figures = tuple(
        _figure(metric) for metric in candidate.record.metrics if metric.suite == "fidelity"
    )
    return Compression(
        scores=scores,
        fidelity=figures,
        savings=_savings(comparison.ratios),
        notes=tuple(_notes(baseline, candidate)),
    )


def _score(row: CompareRow, before: MetricOf, after: MetricOf, flipped: Flips | None) -> ScoreDelta:
    assert row.baseline is not None and row.candidate is not None and row.difference is not None
    chance = _chance(row.metric, before) if flipped is not None else None
    retention = _retention(before, after, chance) if chance is not None else None
    return ScoreDelta(
        suite=row.suite,
        task=row.task,
        metric=row.metric,
        unit=row.unit or "",
        baseline=row.baseline,
        candidate=row.candidate,
        difference=Estimate(value=row.difference, low=row.low, high=row.high),
        p=row.p,
        n=row.n,
        higher_is_better=row.higher_is_better,
        flip_rate=None
        if flipped is None
        else Estimate(value=flipped.rate, low=flipped.low, high=flipped.high),
        agreement=_agreement(before, after) if flipped is not None else None,
        chance=chance,
        retention=retention if isinstance(retention, Estimate) else None,
        why_no_retention=retention.reason if isinstance(retention, Absent) else None,
    )


def _chance(metric: str, side: MetricOf) -> float | None:
    """Return what guessing scores: 1 / choices on average, 0 where an answer is written."""
    if metric not in _SHARES:
        return None
    samples = [sample for sample in side.samples() if metric in sample.scores]
    choices = [_choices(sample) for sample in samples]
    if metric in _CHOSEN and choices and all(count >= 2 for count in choices):
        return sum(1.0 / count for count in choices) / len(choices)
    return 0.0


def _choices(sample: Sample) -> int:
    count = len(sample.loglikelihoods)
    # Asked for acc_mutual_info, lm-eval scores every choice once more without its question.
    return count // 2 if "acc_mutual_info" in sample.scores else count


def _retention(before: MetricOf, after: MetricOf, chance: float) -> Estimate | Absent:
    """Return (student - chance) / (teacher - chance), with a bootstrap over the shared items."""
    name = before.metric.metric
    pairs = _shared(before, after, name)
    old = np.array([was.scores[name] for was, _ in pairs])
    new = np.array([now.scores[name] for _, now in pairs])
    clusters = [was.cluster for was, _ in pairs]
    bounds = mean_interval(old.tolist(), clusters) if len(pairs) > 1 else None
    if bounds is None or bounds.low <= chance:
        return Absent(reason=f"the base isn't shown to be above chance ({chance:.3g})")

    def statistics(weights: np.ndarray) -> np.ndarray:
        total = weights.sum(axis=1)
        with np.errstate(all="ignore"):
            kept = (weights @ new / total - chance) / (weights @ old / total - chance)
        return np.asarray(kept[np.newaxis])

    value = float((new.mean() - chance) / (old.mean() - chance))
    (interval,) = weighted_bootstrap(len(pairs), statistics, clusters)
    if interval is None:
        return Estimate(value=value)
    return Estimate(value=value, low=interval.low, high=interval.high)


def _agreement(before: MetricOf, after: MetricOf) -> Estimate | None:
    """Return the share of items that both models answered with the same text or choice."""
    pairs = [
        (was, now)
        for was, now in _shared(before, after, before.metric.metric)
        if was.output is not None and now.output is not None
    ]
    if not pairs:
        return None
    same = [float(was.output == now.output) for was, now in pairs]
    bounds = mean_interval(same, [was.cluster for was, _ in pairs])
    value = sum(same) / len(same)
    if bounds is None:
        return Estimate(value=value)
    return Estimate(value=value, low=bounds.low, high=bounds.high)


def _shared(before: MetricOf, after: MetricOf, score: str) -> list[tuple[Sample, Sample]]:
    new = {sample.sample_id: sample for sample in after.samples() if score in sample.scores}
    return [
        (sample, new[sample.sample_id])
        for sample in before.samples()
        if score in sample.scores and sample.sample_id in new
    ]


def _figure(metric: Metric) -> FidelityFigure:
    value = metric.value
    if isinstance(value, Absent):
        return FidelityFigure(task=metric.task, metric=metric.metric, absent=value.reason)
    ends = value.interval
    return FidelityFigure(
        task=metric.task,
        metric=metric.metric,
        unit=value.unit,
        n=value.n,
        number=Estimate(
            value=value.value,
            low=None if ends is None else ends.low,
            high=None if ends is None else ends.high,
        ),
        about=value.source,
    )


def _savings(ratios: Sequence[ResourceRatio]) -> tuple[Saving, ...]:
    found = []
    for each in ratios:
        kind = _KINDS.get(each.suite, {}).get(each.metric)
        if kind is not None:
            found.append(
                Saving(
                    kind=kind, path=each.path, unit=each.unit, baseline=each.baseline,
                    candidate=each.candidate,
                    ratio=Estimate(value=each.ratio, low=each.low, high=each.high),
                    higher_is_better=each.higher_is_better,
                    note=each.method if each.low is None else None,
                )
            )  # fmt: skip
    return tuple(sorted(found, key=lambda each: _ORDER.index(each.kind)))


def _notes(baseline: RunData, candidate: RunData) -> list[str]:
    jobs = [job for job in candidate.record.jobs if job.suite == "fidelity"]
    if not jobs:
        return [NO_FIDELITY]
    weights = baseline.record.model.fingerprint.weights[:12]
    notes = []
    for job in jobs:
        if job.status != "done":
            why = f": {job.reason}" if job.reason else ""
            notes.append(f"{job.job_id} is {job.status}{why}")
        for how in dict.fromkeys(
            metric.value.how for metric in job.metrics if isinstance(metric.value, Measured)
        ):
            if not how.endswith(f"@{weights}"):
                notes.append(
                    f"{job.job_id} is measured {how.partition(' ')[2]}, which is not the baseline "
                    f"({baseline.record.model.name}@{weights})"
                )
    return notes
