"""Leave out of a record what differs from run to run: shares of time and energy, and their sums."""

from __future__ import annotations

from collections.abc import Sequence

from slmbench.schema.energy_spec import PER_CORRECT
from slmbench.schema.record import Metric, RunRecord, Sample


def own_metrics(record: RunRecord) -> list[Metric]:
    """Return the metrics that follow from the answers alone."""
    return [metric for metric in record.metrics if metric.metric not in PER_CORRECT]


def without_shares(samples: Sequence[Sample]) -> list[Sample]:
    """Return the samples as they would be had nobody looked at the clock."""
    nothing = {"amortised_s": None, "amortised_j": None, "amortised_how": None}
    return [sample.model_copy(update=nothing) for sample in samples]
