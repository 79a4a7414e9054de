"""A run's metrics in the JSON of continuous-benchmarking services: bencher, GitHub's action."""

from __future__ import annotations

import json
from typing import Any, Literal

from slmbench.errors import InputError
from slmbench.schema.base import Interval, Measured
from slmbench.schema.record import Metric, RunRecord
from slmbench.units import format_value

#: Bencher refuses longer names.
_LONGEST_BENCHMARK, _LONGEST_MEASURE = 1024, 64


def render_bmf(record: RunRecord) -> str:
    """Return Bencher Metric Format: {benchmark: {measure: {value, lower_value, upper_value}}}.

    A benchmark is ``model/suite/task``, a measure the metric's name. What is absent is left out,
    because the format can't say it; bounds are left out where no interval is known.

    Raises:
        InputError: the run has no measured metric, or a name is longer than bencher takes.
    """
    document: dict[str, dict[str, dict[str, float]]] = {}
    for metric, measured in _measured(record):
        benchmark = f"{record.model.name}/{metric.suite}/{metric.task}"
        if len(benchmark) > _LONGEST_BENCHMARK or len(metric.metric) > _LONGEST_MEASURE:
            raise InputError(
                f"'{benchmark}' and '{metric.metric}' are too long for bencher, which takes "
                f"{_LONGEST_BENCHMARK} and {_LONGEST_MEASURE} characters. Give the model a "
                "shorter name: ',name=...'."
            )
        number = {"value": measured.value}
        if measured.interval is not None:
            number["lower_value"] = measured.interval.low
            number["upper_value"] = measured.interval.high
        document.setdefault(benchmark, {})[metric.metric] = number
    return _text(document)


def render_action_benchmark(record: RunRecord, better: Literal["smaller", "bigger"]) -> str:
    """Return the list that github-action-benchmark reads as ``customSmallerIsBetter`` or Bigger.

    The action takes one direction a file, so metrics of the other one, and those without any, are
    left out; so is what is absent.

    Raises:
        InputError: the run has no measured metric of that direction.
    """
    entries = []
    for metric, measured in _measured(record):
        if metric.higher_is_better is not (better == "bigger"):
            continue
        entry: dict[str, Any] = {
            "name": f"{record.model.name}/{metric.path}",
            "unit": measured.unit or "1",
            "value": measured.value,
        }
        if measured.interval is not None:
            entry["range"] = _range(measured.interval, measured)
        entry["extra"] = f"run {record.run_id}\nn = {measured.n}\nhow: {measured.how}"
        entries.append(entry)
    if not entries:
        raise InputError(
            f"The run '{record.run_id}' has no metric of which {better} is better. "
            f"Ask for --better {'smaller' if better == 'bigger' else 'bigger'}."
        )
    return _text(entries)


def _range(interval: Interval, measured: Measured) -> str:
    below, above = measured.value - interval.low, interval.high - measured.value
    if abs(above - below) <= 1e-6 * max(abs(above), abs(below), 1e-300):
        return f"± {format_value(above, measured.unit)}"
    ends = (format_value(end, measured.unit) for end in (interval.low, interval.high))
    return " to ".join(ends)


def _measured(record: RunRecord) -> list[tuple[Metric, Measured]]:
    """Return what has a value.

    Raises:
        InputError: nothing has; an empty upload would look like a run that went well.
    """
    found = [(m, m.value) for m in record.metrics if isinstance(m.value, Measured)]
    if not found:
        raise InputError(
            f"The run '{record.run_id}' has no measured metric to export. "
            f"See why: slmbench show {record.run_id}"
        )
    return found


def _text(document: Any) -> str:
    return json.dumps(document, allow_nan=False, ensure_ascii=False, indent=1) + "\n"
