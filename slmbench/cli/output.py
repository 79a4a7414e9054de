"""What commands print: one JSON document on stdout, or tables; everything else on stderr."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console

from slmbench.schema.base import Measured
from slmbench.schema.record import RunRecord

#: Where progress, warnings and hints go, so that stdout can be piped.
stderr = Console(stderr=True, highlight=False)
#: A pipe has no width, and a table folded to 80 columns is hard to read in a log.
stdout = Console(highlight=False, width=None if sys.stdout.isatty() else 160)


def print_json(document: Any) -> None:
    """Print one JSON document; a NaN in it is our own fault and raises ValueError."""
    sys.stdout.write(json.dumps(document, allow_nan=False, ensure_ascii=False, indent=1) + "\n")


def run_json(record: RunRecord, path: str) -> dict[str, Any]:
    """Return one run as ``slmbench run --json`` prints it."""
    return {
        "run_id": record.run_id,
        "path": path,
        "model": record.model.name,
        "status": record.status,
        "jobs": [
            {"job": job.job_id, "status": job.status, "reason": job.reason} for job in record.jobs
        ],
        "metrics": [
            {
                "suite": metric.suite,
                "task": metric.task,
                "metric": metric.metric,
                **_value(metric.value),
            }
            for metric in record.metrics
        ],
    }


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, Measured):
        return {
            "value": value.value,
            "unit": value.unit,
            "low": value.interval.low if value.interval else None,
            "high": value.interval.high if value.interval else None,
            "n": value.n,
            "how": value.how,
            "source": value.source,
            "absent": None,
        }
    empty = dict.fromkeys(("value", "unit", "low", "high", "n", "how", "source"))
    return {**empty, "absent": value.reason}
