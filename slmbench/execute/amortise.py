"""Share a job's time and energy among its samples, and tell what a correct answer took.

The samples of a batched engine have no time of their own. So the job is metered as a whole, and
every sample gets a share that is marked as one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from slmbench.execute.caching import CACHED_SUITES, run_job
from slmbench.execute.context import JobContext
from slmbench.execute.metered import LapMeter, MeteredBackend
from slmbench.execute.per_correct import per_correct
from slmbench.ports import Backend, Suite
from slmbench.schema.base import Absent, Measured, Measurement
from slmbench.schema.plan import Job
from slmbench.schema.record import JobResult, ModelFingerprint, Sample
from slmbench.schema.spec import RunSpec
from slmbench.suites.energy.instrument import energy_meter, notes_of

BY_TOKENS = "amortised by tokens: prompt tokens + tokens scored or written"
EVENLY = "amortised evenly: not every sample's tokens are known"


@dataclass(frozen=True)
class Work:
    """What a job took as a whole: the model's seconds and joules, or why they are not known."""

    seconds: Measurement
    energy: Measurement
    energy_asked: bool


def run_amortised(
    suite: Suite,
    job: Job,
    backend: Backend,
    context: JobContext,
    fingerprint: ModelFingerprint,
) -> JobResult:
    """Run a job; where it asks what a model answers, share the time and energy of the answers.

    Suites that measure time, energy or memory themselves are run as they are.
    """
    if job.suite not in CACHED_SUITES:
        return run_job(suite, job, backend, context, fingerprint)
    resumed, spec = context.is_resumed, context.spec
    asked = energy_is_asked(spec)
    meter = energy_meter(context, backend.info) if asked else Absent(reason=_NOT_ASKED)
    # The meters that energy_meter chooses among can be read while their window is open.
    laps = meter if isinstance(meter, Absent) else cast(LapMeter, meter)
    watched = MeteredBackend(backend, laps)
    try:
        result = run_job(suite, job, watched, context, fingerprint)
    finally:
        watched.stop()
    work = _work(result, watched, resumed, asked)
    notes = () if isinstance(meter, Absent) else notes_of(meter)
    return with_shares(result, work, spec, calls=watched.calls, energy_notes=notes)


_NOT_ASKED = "energy was not asked for: add the suite energy, or energy.per_correct: true"


def energy_is_asked(spec: RunSpec) -> bool:
    """Say whether the energy of capability suites is metered under a spec."""
    wanted = spec.energy.per_correct
    return "energy" in spec.suites if wanted is None else wanted


def with_shares(
    result: JobResult,
    work: Work,
    spec: RunSpec,
    calls: int,
    energy_notes: tuple[str, ...] = (),
) -> JobResult:
    """Return a job's result with its samples' shares and what a correct answer took.

    A sample's share is proportional to its tokens, where every sample's are known: those of its
    prompt and those scored or written. A prefix that several share is computed once but counted
    for each.
    """
    if not result.samples:
        return result
    weights, how = _weights(result.samples)
    samples = tuple(
        _with_share(sample, weight, how, work)
        for sample, weight in zip(result.samples, weights, strict=True)
    )
    shared = result.model_copy(update={"samples": samples})
    details = {**result.details, "amortised": _details(work, how, calls, energy_notes)}
    metrics = (*result.metrics, *per_correct(shared, work.seconds, work.energy, spec.energy))
    if not work.energy_asked:
        metrics = tuple(metric for metric in metrics if metric.metric != "j_per_correct")
    return shared.model_copy(update={"metrics": metrics, "details": details})


def _work(result: JobResult, watched: MeteredBackend, resumed: bool, asked: bool) -> Work:
    cache = result.details.get("cache", {})
    hits, misses = cache.get("hits", 0), cache.get("misses", 0)
    reason = ""
    if hits:
        reason = (
            f"{hits} of {hits + misses} answers were taken from the cache, which took the model no "
            "time: --no-cache computes all"
        )
    elif resumed:
        reason = "part of the answers is from before the job was resumed, whose time is not known"
    elif watched.calls == 0:
        reason = "the model was asked nothing"
    if reason:
        return Work(Absent(reason=reason), Absent(reason=reason), asked)
    seconds = Measured(
        value=watched.model_s,
        unit="s",
        n=watched.calls,
        interval=None,
        how="clock",
        source=f"time of the model's answers, {watched.calls} call(s), "
        f"batch {watched.batch_size}; no loading, no scoring",
    )
    return Work(seconds, watched.energy, asked)


def _weights(samples: tuple[Sample, ...]) -> tuple[list[float], str]:
    """Return each sample's share of the whole, and by which rule."""
    known = all((s.input_tokens, s.output_tokens) != (None, None) for s in samples)
    tokens = [(s.input_tokens or 0) + (s.output_tokens or 0) for s in samples]
    total = sum(tokens)
    if not known or total == 0:
        return [1.0 / len(samples)] * len(samples), EVENLY
    return [count / total for count in tokens], BY_TOKENS


def _with_share(sample: Sample, weight: float, how: str, work: Work) -> Sample:
    update: dict[str, Any] = {"amortised_how": how}
    if isinstance(work.seconds, Absent):
        update["amortised_how"] = f"no share: {work.seconds.reason}"
        return sample.model_copy(update=update)
    update["amortised_s"] = weight * work.seconds.value
    if isinstance(work.energy, Measured):
        update["amortised_j"] = weight * work.energy.value
        update["amortised_how"] = f"{how}; energy {work.energy.how}"
    return sample.model_copy(update=update)


def _details(work: Work, how: str, calls: int, notes: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {"rule": how, "calls": calls}
    parts = [("model_s", work.seconds)]
    parts += [("energy_j", work.energy)] if work.energy_asked else []
    for name, value in parts:
        found[name] = value.value if isinstance(value, Measured) else None
        if isinstance(value, Absent):
            found[f"no_{name}"] = value.reason
        elif name == "energy_j":
            found |= {"how": value.how, "source": value.source, "notes": list(notes)}
    return found
