"""Whether two results may be compared: the fingerprints, items and instruments that must agree."""

from __future__ import annotations

from collections.abc import Sequence

from slmbench.analyse.data import MetricOf
from slmbench.schema.base import Measured
from slmbench.schema.energy_spec import PER_CORRECT
from slmbench.schema.record import Environment, Sample

#: Suites whose numbers belong to a host as much as to a model.
RESOURCE_SUITES = frozenset({"latency", "load", "energy", "memory"})


def why_not_comparable(baseline: MetricOf, candidate: MetricOf) -> str | None:
    """Return the reason that no difference may be stated, or None where one may.

    What the two models were sent may differ in token ids, because tokenizers do; what they were
    asked, how many items, the instrument and (for resources) the hardware may not.
    """
    return (
        _task_differs(baseline, candidate)
        or _instrument_differs(baseline, candidate)
        or _hardware_differs(baseline, candidate)
    )


def why_items_differ(baseline: Sequence[Sample], candidate: Sequence[Sample]) -> str | None:
    """Return how many items the two runs do not share, or None where all are the same."""
    left = {sample.sample_id: sample.content_hash for sample in baseline}
    right = {sample.sample_id: sample.content_hash for sample in candidate}
    if left == right:
        return None
    shared = left.keys() & right.keys()
    changed = sum(left[key] != right[key] for key in shared)
    alone = (len(left) - len(shared), len(right) - len(shared))
    return (
        f"the items differ: {changed} with the same id have other content, {alone[0]} are only in "
        f"the baseline and {alone[1]} only in the candidate. Run both on the same items"
    )


def prompt_note(baseline: MetricOf, candidate: MetricOf) -> str | None:
    """Return a warning where one tokenizer was sent other token ids (a BOS token or a template)."""
    left, right = baseline.run.record.model, candidate.run.record.model
    prompts = (baseline.job.fingerprints.prompt, candidate.job.fingerprints.prompt)
    if left.fingerprint.tokenizer != right.fingerprint.tokenizer or not all(prompts):
        return None
    return "same tokenizer, other token ids sent" if prompts[0] != prompts[1] else None


def environment_differences(
    baseline: Environment, candidate: Environment
) -> list[tuple[str, str | None, str | None]]:
    """Return (key, baseline's, candidate's) for each fact of host and software that differs."""
    found: list[tuple[str, str | None, str | None]] = []
    for kind in ("hardware", "software"):
        left: dict[str, str] = getattr(baseline, kind)
        right: dict[str, str] = getattr(candidate, kind)
        found += [
            (f"{kind}.{key}", left.get(key), right.get(key))
            for key in sorted(left.keys() | right.keys())
            if left.get(key) != right.get(key)
        ]
    return found


def _task_differs(before: MetricOf, after: MetricOf) -> str | None:
    baseline, candidate = before.job, after.job
    left, right = baseline.fingerprints.task, candidate.fingerprints.task
    same = left == right and baseline.limit_items == candidate.limit_items
    if same or _asked_alike(before, after):
        return None
    if left != right:
        return (
            f"the task fingerprint differs ({left[:12] or 'none'} and {right[:12] or 'none'}): "
            "its version, definition or data is not the same"
        )
    counts = [
        "all" if job.limit_items is None else str(job.limit_items) for job in (baseline, candidate)
    ]
    return f"the item limit differs: {counts[0]} in the baseline, {counts[1]} in the candidate"


def _asked_alike(before: MetricOf, after: MetricOf) -> bool:
    """Tell whether an imported run asked the same items in the same words as another.

    A results file does not hold a local task's definition, which an own run's fingerprint is made
    of; but the hash of each sample is over its document, its prompt and its target.
    """
    if before.run.record.origin is None and after.run.record.origin is None:
        return False
    left, right = before.samples(), after.samples()
    return bool(left) and why_items_differ(left, right) is None


def _instrument_differs(baseline: MetricOf, candidate: MetricOf) -> str | None:
    left, right = baseline.metric, candidate.metric
    if not isinstance(left.value, Measured) or not isinstance(right.value, Measured):
        return None
    if _instrument(left.value.how) != _instrument(right.value.how):
        return f"measured in two ways: '{left.value.how}' and '{right.value.how}'"
    if left.value.unit != right.value.unit:
        return f"the unit differs: '{left.value.unit}' and '{right.value.unit}'"
    if left.aggregation != right.aggregation:
        return "the samples are aggregated in two ways"
    return None


def _instrument(how: str) -> str:
    """Return the tool behind a number, whether it ran here or its file was imported."""
    tool, version = how.removeprefix("imported: ").rpartition(" ")[::2]
    return f"{tool}@{version}" if how.startswith("imported: ") else how


def _hardware_differs(baseline: MetricOf, candidate: MetricOf) -> str | None:
    if baseline.metric.suite not in RESOURCE_SUITES and baseline.metric.metric not in PER_CORRECT:
        return None
    left, right = baseline.run.record.environment, candidate.run.record.environment
    if left.hardware_hash == right.hardware_hash:
        return None
    named = [key for key, _, _ in environment_differences(left, right) if key.startswith("hard")]
    detail = f" ({', '.join(named)})" if named else ""
    return f"the hardware differs{detail}, so the difference is not the model's alone"
