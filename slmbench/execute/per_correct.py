"""What a correct answer took: seconds, joules and money of a whole job over its right answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from slmbench.schema.base import Absent, Interval, Measured, Measurement
from slmbench.schema.energy_spec import EnergySpec
from slmbench.schema.record import JobResult, Metric, Sample
from slmbench.stats.interval import cluster_count, is_binary, wilson
from slmbench.suites.energy.figures import has_cost, run_usd

#: Suites whose answers are right or wrong, and their 0/1 metrics, the one to take first.
_RIGHT_OR_WRONG = {"accuracy": ("acc", "exact_match", ""), "bias": ("acc",)}


def per_correct(
    result: JobResult, seconds: Measurement, energy: Measurement, spec: EnergySpec
) -> Iterator[Metric]:
    """Yield what a correct answer took, for each task of the job that has a 0/1 metric.

    The number is a ratio: all that the task's samples took over the count of right ones, so wrong
    answers are paid for too. Absent where nothing is right.
    """
    tasks = dict.fromkeys(metric.task for metric in result.metrics)
    several = len({each.partition("/")[0] for each in _ids(result)} & set(tasks)) > 1
    for task in tasks:
        primary = _primary(result, task, several)
        if primary is None:
            continue
        samples = _of_task(result.samples, task, several)
        taken = {"seconds_per_correct": (seconds, _total(samples, seconds, "amortised_s"), "s")}
        taken["j_per_correct"] = (energy, _total(samples, energy, "amortised_j"), "J")
        if has_cost(spec):
            taken["usd_per_correct"] = _cost(samples, seconds, energy, spec)
        for name, (known, total, unit) in taken.items():
            yield Metric(
                suite=primary.suite,
                task=task,
                metric=name,
                value=_ratio(primary, samples, known, total, unit),
                higher_is_better=False,
            )


def _ids(result: JobResult) -> list[str]:
    return [sample.sample_id for sample in result.samples if "/" in sample.sample_id]


def _of_task(samples: Sequence[Sample], task: str, several: bool) -> list[Sample]:
    """Return a task's samples: of several in one job, those with its name before their id."""
    if not several:
        return list(samples)
    return [sample for sample in samples if sample.sample_id.startswith(f"{task}/")]


def _primary(result: JobResult, task: str, several: bool) -> Metric | None:
    """Return the task's 0/1 metric that says whether an answer is right, or None."""
    found: list[tuple[int, Metric]] = []
    for metric in result.metrics:
        names = _RIGHT_OR_WRONG.get(metric.suite, ())
        rule = metric.aggregation
        if metric.task != task or rule is None or rule.kind != "mean" or not names:
            continue
        samples = _of_task(result.samples, task, several)
        scores = [s.scores[rule.score] for s in samples if rule.score in s.scores]
        # With filters lm-eval's metrics are named ``exact_match,strict-match``.
        base = metric.metric.partition(",")[0]
        rank = names.index(base) if base in names else len(names)
        wanted = base in names or ("" in names and metric.higher_is_better is True)
        if wanted and scores and is_binary(scores):
            found.append((rank, metric))
    return min(found, key=lambda each: each[0])[1] if found else None


def _total(samples: Sequence[Sample], known: Measurement, name: str) -> float:
    if isinstance(known, Absent):
        return 0.0
    return float(sum(getattr(sample, name) or 0.0 for sample in samples))


def _cost(
    samples: Sequence[Sample], seconds: Measurement, energy: Measurement, spec: EnergySpec
) -> tuple[Measurement, float, str]:
    """Return what the cost is known by, the cost and its unit; a tariff needs the energy."""
    known = seconds if spec.usd_per_kwh is None or isinstance(seconds, Absent) else energy
    joules = _total(samples, energy, "amortised_j")
    usd = run_usd(spec, joules, _total(samples, seconds, "amortised_s"))
    return known, usd, "USD"


def _ratio(
    primary: Metric, samples: Sequence[Sample], known: Measurement, total: float, unit: str
) -> Measurement:
    if isinstance(known, Absent):
        return known
    rule = primary.aggregation
    assert rule is not None
    scored = [sample for sample in samples if rule.score in sample.scores]
    right = sum(sample.scores[rule.score] for sample in scored)
    if right <= 0:
        return Absent(reason=f"no answer is correct ('{primary.metric}' is 0 of {len(scored)})")
    if total <= 0:
        return Absent(reason="too little was used to be measured")
    return Measured(
        value=total / right,
        unit=unit,
        n=len(scored),
        interval=_interval(primary, scored, total),
        how=known.how,
        source=f"all of the task's samples over {right:g} correct by '{primary.metric}'; "
        f"{known.source or known.how}",
    )


def _interval(primary: Metric, scored: Sequence[Sample], total: float) -> Interval | None:
    """Return the interval of total / (n x p) from that of the share p of right answers.

    The total is metered once and taken as known; which items were drawn is what varies. An
    interval of p that reaches 0 is replaced by Wilson's, which never does.
    """
    value, n = primary.value, len(scored)
    if isinstance(value, Absent) or value.interval is None:
        return None
    low, high, method = value.interval.low, value.interval.high, value.interval.method
    if low <= 0.0:
        count = cluster_count([sample.cluster for sample in scored]) or n
        low = wilson(value.value * count, count, value.interval.level).low
        method += f", wilson on {count} below"
    if low <= 0.0 or high <= 0.0:
        return None
    return Interval(
        low=total / (n * high),
        high=total / (n * low),
        level=value.interval.level,
        method=f"that of {primary.metric} ({method}), inverted",
    )
