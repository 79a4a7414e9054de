"""A whole comparison: the rows, the items that flipped, and what the resources' ratios are."""

from __future__ import annotations

from slmbench.analyse.comparability import RESOURCE_SUITES
from slmbench.analyse.compare import ReadOnce, compare
from slmbench.analyse.compare_compression import compression
from slmbench.analyse.compare_ratios import resource_ratio
from slmbench.analyse.data import MetricOf, Pair, RunData, metrics_by_path
from slmbench.analyse.flips import flips
from slmbench.schema.base import Measured
from slmbench.schema.finding import CompareRow, Comparison, Flips, ResourceRatio

#: The suite whose numbers are of two models already, and so of the candidate's run alone.
_OF_TWO_MODELS = "fidelity"


def compare_in_detail(
    baseline: RunData, candidate: RunData, with_compression: bool = False
) -> Comparison:
    """Return the comparison of two runs with flips and ratios.

    The compression report is added where it is asked for, and where the candidate's run has the
    suite fidelity.

    Raises:
        NotComparable: the runs share no metric at all.
    """
    # The samples of a job serve several metrics, and are read from the store once.
    old, new = ReadOnce(baseline), ReadOnce(candidate)
    found = compare(old, new)
    left, right = metrics_by_path(old), metrics_by_path(new)
    changed: list[Flips] = []
    ratios: list[ResourceRatio] = []
    for row in found.rows:
        before, after = left[row.path], right[row.path]
        made = flips(before, after) if row.paired else None
        if made is not None:
            changed.append(made)
        ratio = _ratio(row, before, after)
        if ratio is not None:
            ratios.append(ratio)
    found = found.model_copy(update={"flips": tuple(changed), "ratios": tuple(ratios)})
    if with_compression or _has_fidelity(new):
        kept = tuple(each for each in found.not_comparable if each.suite != _OF_TWO_MODELS)
        report = compression(old, new, found)
        found = found.model_copy(update={"compression": report, "not_comparable": kept})
    return found


def _ratio(row: CompareRow, before: MetricOf, after: MetricOf) -> ResourceRatio | None:
    if row.suite not in RESOURCE_SUITES:
        return None
    old, new = before.metric.value, after.metric.value
    if not isinstance(old, Measured) or not isinstance(new, Measured):
        return None
    return resource_ratio(Pair(before, after, old, new))


def _has_fidelity(run: RunData) -> bool:
    return any(job.suite == _OF_TWO_MODELS for job in run.record.jobs)
