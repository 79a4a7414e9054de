"""What does an answer cost in joules: sensors where there are any, else a marked estimate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slmbench.ports import Backend, Context, Meter
from slmbench.schema.base import Absent, Interval, Measured, Measurement
from slmbench.schema.plan import Job
from slmbench.schema.record import Aggregation, Fingerprints, JobResult, Metric, Sample
from slmbench.stats.interval import measured
from slmbench.suites.energy import figures
from slmbench.suites.energy.instrument import (
    energy_meter,
    notes_of,
    tick_of,
    window_length,
)
from slmbench.suites.energy.windows import RULE, Window, idle_power_w, net_idle_w, quiet, work
from slmbench.suites.taskfile import task_hash, text_hash
from slmbench.suites.workload_file import Workload, load_workload
from slmbench.suites.workloads import RoundPrompts, run_round

Rows = tuple[dict[str, float | int | str], ...]


class Energy:
    """One job is one workload: a quiet window, windows of work, and a quiet window again.

    Every number is given gross, as the sensors saw it, and net of the idle power. The batch size
    is part of the number, so it stands in the source.
    """

    name = "energy"

    def run(self, job: Job, backend: Backend, context: Context) -> JobResult:
        """Measure the windows; every reading is kept in raw."""
        path = Path(job.task.path or "")
        workload, text = load_workload(path, job.task.name)
        prompts = RoundPrompts(workload, text, backend)
        fingerprints = Fingerprints(task=task_hash(path), prompt=text_hash(repr(prompts.first)))
        spec = context.spec.energy
        meter = energy_meter(context, backend.info)
        length_s = meter if isinstance(meter, Absent) else window_length(spec.window_s, meter)
        if isinstance(meter, Absent) or isinstance(length_s, Absent):
            reason = next(each for each in (meter, length_s) if isinstance(each, Absent))
            context.progress(1, 1)
            return JobResult(metrics=_without(workload, reason, context), fingerprints=fingerprints)
        for number in range(workload.warmup):
            run_round(workload, prompts.of_round(number), backend)
        idle_s = length_s if spec.idle_s is None else spec.idle_s
        total = spec.windows + 2
        before = quiet(meter, idle_s)
        context.progress(1, total)
        windows: list[Window] = []
        for number in range(spec.windows):
            done = workload.warmup + sum(each.rounds for each in windows)
            windows.append(work(meter, length_s, (workload, prompts, done), backend))
            context.progress(number + 2, total)
        after = quiet(meter, idle_s)
        context.progress(total, total)
        result = _result(workload, meter, windows, (before, after), context)
        details = {**result.details, "window_s": length_s, "idle_s": idle_s}
        return result.model_copy(update={"fingerprints": fingerprints, "details": details})


def _result(
    workload: Workload,
    meter: Meter,
    windows: list[Window],
    idle: tuple[Window, Window],
    context: Context,
) -> JobResult:
    spec = context.spec.energy
    factor, factor_source = _carbon(context)
    idle_w = net_idle_w(windows, *idle)
    samples = [
        figures.sample(workload, number, window, idle_w, factor, spec)
        for number, window in enumerate(windows)
    ]
    known = [each.energy for each in windows if isinstance(each.energy, Measured)]
    how = known[-1].how if known else meter.how
    notes = notes_of(meter)
    said = (known[-1].source or how) if known else how
    source = "; ".join([f"batch {workload.batch_size}", said, *notes, f"carbon: {factor_source}"])
    metrics = [
        _summary(workload, name, unit, samples, how, source)
        for name, unit in figures.units(spec).items()
    ]
    metrics.append(_metric(workload, "idle_power_w", _idle(idle, how, source), None, None))
    return JobResult(
        metrics=(*metrics, *_price(workload, context)),
        samples=tuple(samples),
        raw=_raw(windows, idle),
        notes=notes,
        details=_details(workload, meter, idle, idle_w, (factor, factor_source), context),
    )


def _without(workload: Workload, reason: Absent, context: Context) -> tuple[Metric, ...]:
    """Return every metric as Absent, but for the price list, which needs no instrument."""
    names = (*figures.units(context.spec.energy), "idle_power_w")
    absent = [_metric(workload, name, reason) for name in names]
    return (*absent, *_price(workload, context))


def _carbon(context: Context) -> tuple[float, str]:
    own = context.spec.energy.gco2e_per_kwh
    if own is not None:
        return own, f"{own:g} g/kWh, given in the spec (energy.gco2e_per_kwh)"
    factor, source = context.carbon_factor(context.spec.energy.country)
    return factor, f"{factor:g} g/kWh, {source}"


def _price(workload: Workload, context: Context) -> list[Metric]:
    value = figures.price(context.spec.energy, workload)
    return [] if value is None else [_metric(workload, figures.PRICE, value)]


def _idle(idle: tuple[Window, Window], how: str, source: str) -> Measurement:
    mean = idle_power_w(*idle)
    if isinstance(mean, Absent):
        return mean
    ends = sorted(each.power_w for each in idle if not isinstance(each.power_w, Absent))
    return Measured(
        value=mean,
        unit="W",
        n=2,
        # Two readings: their range holds the median of idle power with probability one half.
        interval=Interval(low=ends[0], high=ends[1], level=0.5, method="range of two readings"),
        how=how,
        source=source,
    )


def _raw(windows: list[Window], idle: tuple[Window, Window]) -> dict[str, Rows]:
    rows: Rows = tuple(
        {"window": number, "energy_j": each.energy.value, "elapsed_s": each.elapsed_s,
         "requests": each.requests, "how": each.energy.how, "source": each.energy.source or ""}
        for number, each in enumerate(windows)
        if isinstance(each.energy, Measured)
    )  # fmt: skip
    quiet_rows: Rows = tuple(
        {"when": when, "energy_j": each.energy.value, "elapsed_s": each.elapsed_s,
         "how": each.energy.how, "source": each.energy.source or ""}
        for when, each in zip(("before", "after"), idle, strict=True)
        if isinstance(each.energy, Measured)
    )  # fmt: skip
    return {name: each for name, each in (("energy", rows), ("idle", quiet_rows)) if each}


def _details(
    workload: Workload,
    meter: Meter,
    idle: tuple[Window, Window],
    idle_w: float | Absent,
    carbon: tuple[float, str],
    context: Context,
) -> dict[str, Any]:
    powers = [None if isinstance(each.power_w, Absent) else each.power_w for each in idle]
    spec = context.spec.energy
    return {
        "workload": workload.model_dump(mode="json"),
        "windows": spec.windows,
        "tick_s": tick_of(meter),
        "idle": {
            "before_w": powers[0],
            "after_w": powers[1],
            "rule": RULE,
            "refused": idle_w.reason if isinstance(idle_w, Absent) else None,
        },
        "carbon": {
            "gco2e_per_kwh": carbon[0],
            "source": carbon[1],
            "country": None if spec.gco2e_per_kwh is not None else spec.country,
        },
        "prices": {
            key: value
            for key, value in spec.model_dump().items()
            if key.startswith("usd_") and value is not None
        },
    }


def _summary(
    workload: Workload, name: str, unit: str, samples: list[Sample], how: str, source: str
) -> Metric:
    aggregation = Aggregation(kind="mean", score=name)
    value = measured(aggregation, samples, unit, how, source=source)
    return _metric(workload, name, value, aggregation)


def _metric(
    workload: Workload,
    name: str,
    value: Measurement,
    aggregation: Aggregation | None = None,
    higher_is_better: bool | None = False,
) -> Metric:
    return Metric(
        suite="energy",
        task=workload.workload,
        metric=name,
        value=value,
        higher_is_better=higher_is_better,
        aggregation=aggregation,
    )
