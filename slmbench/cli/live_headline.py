"""The one number that a finished job is told by, with its interval."""

from __future__ import annotations

from slmbench.analyse.board_mean import PRIMARY_METRICS
from slmbench.schema.base import Absent, Measured
from slmbench.schema.record import JobRecord, Metric
from slmbench.units import format_value

#: Where a suite's first metric is not the one that people ask for.
_PREFERRED = {
    "accuracy": PRIMARY_METRICS,
    "fidelity": ("kl_divergence",),
    "latency": ("tpot_s",),
    "load": ("max_requests_per_s",),
}


def headline(job: JobRecord) -> str:
    """Return ``acc 0.62 (0.5 to 0.73)``, or why the job has no number.

    It is the suite's preferred metric that was measured, else the first that was.
    """
    measured = {m.metric: m for m in job.metrics if isinstance(m.value, Measured)}
    for name in (*_PREFERRED.get(job.suite, ()), *measured):
        if name in measured:
            return _text(measured[name])
    reasons = [m.value.reason for m in job.metrics if isinstance(m.value, Absent)]
    return f"no number: {reasons[0]}" if reasons else "no number"


def _text(metric: Metric) -> str:
    value = metric.value
    assert isinstance(value, Measured)
    text = f"{metric.metric} {format_value(value.value, value.unit)}"
    if value.interval is None:
        return text
    ends = (format_value(end, value.unit) for end in (value.interval.low, value.interval.high))
    return f"{text} ({' to '.join(ends)})"
