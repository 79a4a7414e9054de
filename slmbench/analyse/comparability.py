"""Whether two results may be compared: the fingerprints, items and instruments that must agree."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from slmbench.analyse.data import MetricOf
from slmbench.schema.base import Measured
from slmbench.schema.energy_spec import PER_CORRECT
from slmbench.schema.record import Environment, JobRecord, RunRecord, Sample

#: What an importer keeps among the hardware, and is none.
_SETTINGS = frozenset(
    {"batch_size", "max_batch_size", "serving", "tensor_parallel", "pipeline_parallel"}
)
#: How an importer ends a GPU's name, so that a row tells its batch size.
_BATCH = re.compile(r", batch \d+$")
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


def asked_items(record: RunRecord, job: JobRecord) -> int | None:
    """Return how many items a job was asked where these were not all, or None.

    The first records kept the limit that was given, and not which jobs it cut short: there a job
    that asked as many items as the limit leaves is taken to be one.
    """
    limit = record.spec.limit
    if limit is None or not _may_be_cut(record, job):
        return job.limit_items
    return job.sample_count if limit < 1.0 or job.sample_count >= limit else None


def _may_be_cut(record: RunRecord, job: JobRecord) -> bool:
    """Tell whether a job's record leaves open if a limit cut it short."""
    own = record.origin is None and record.spec.limit is not None and job.sample_count > 0
    return own and job.limit_items is None and job.suite not in RESOURCE_SUITES


def why_items_differ(baseline: Sequence[Sample], candidate: Sequence[Sample]) -> str | None:
    """Return how many items the two runs do not share, or None where all are the same."""
    left = {sample.sample_id: sample.content_hash for sample in baseline}
    right = {sample.sample_id: sample.content_hash for sample in candidate}
    return why_hashes_differ(left, right)


def why_hashes_differ(left: Mapping[str, str], right: Mapping[str, str]) -> str | None:
    """Return what `why_items_differ` does, from the content hash of each id of the two runs."""
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


def machine_of(environment: Environment) -> dict[str, str]:
    """Return the facts of the hardware without the settings that it was served with.

    Some boards measure one machine with several batch sizes; their importers tell these apart as
    they do machines, as neither's times can be held against the other's.
    """
    facts = {key: text for key, text in environment.hardware.items() if key not in _SETTINGS}
    return {key: _BATCH.sub("", text) for key, text in facts.items()}


def settings_of(environment: Environment) -> dict[str, str]:
    """Return what an imported run was served with, which is no part of the machine."""
    return {key: text for key, text in environment.hardware.items() if key in _SETTINGS}


def _task_differs(before: MetricOf, after: MetricOf) -> str | None:
    baseline, candidate = before.job, after.job
    left, right = baseline.fingerprints.task, candidate.fingerprints.task
    # Where a limit is not known, the items themselves tell.
    open_ended = any(_may_be_cut(each.run.record, each.job) for each in (before, after))
    same = left == right and (open_ended or baseline.limit_items == candidate.limit_items)
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
    if left.hardware and machine_of(left) == machine_of(right):
        told = [
            f"{key} {text or 'not told'} and {settings_of(right).get(key, 'not told')}"
            for key, text in settings_of(left).items()
            if text != settings_of(right).get(key)
        ]
        differ = f"the settings differ ({', '.join(told)})"
        return f"{differ}, so the difference is not the model's alone"
    named = [key for key, _, _ in environment_differences(left, right) if key.startswith("hard")]
    detail = f" ({', '.join(named)})" if named else ""
    return f"the hardware differs{detail}, so the difference is not the model's alone"
