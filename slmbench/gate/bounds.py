"""Between which scores the items of a metric lie; only such metrics can be settled early."""

from __future__ import annotations

from slmbench.schema.record import Metric

#: metric -> the lowest and highest score that an item can have there.
BOUNDS = dict.fromkeys(
    ("acc", "acc_norm", "acc_bytes", "acc_mutual_info", "exact_match", "em", "f1", "mc1", "mc2",
     "toxicity_probability", "toxic_fraction", "expected_max_toxicity"),
    (0.0, 1.0),
)  # fmt: skip
#: Those whose scores are 0 or 1.
BINARY = frozenset(BOUNDS) - {"f1", "mc2", "toxic_fraction", "expected_max_toxicity"}


def plain_name(metric: Metric) -> str:
    """Return a metric's name without lm-eval's filter."""
    return metric.metric.split(",")[0]
