"""What an answer costs in a stored run: its time, its energy, or parameters times tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from slmbench.schema.base import Absent
from slmbench.schema.record import RunRecord, Sample

CostKind = Literal["auto", "time", "energy", "parameters"]


@dataclass(frozen=True)
class Costs:
    """Cost of each item in both runs, (items,) each, in one unit; ``how`` says which."""

    weak: np.ndarray
    strong: np.ndarray
    how: str


def costs_of(
    weak: RunRecord, strong: RunRecord, pairs: Sequence[tuple[Sample, Sample]], kind: CostKind
) -> Costs | Absent:
    """Return the costs of a kind, or why there are none; ``auto`` takes the first there is."""
    if kind != "auto":
        return _COSTS[kind](weak, strong, pairs)
    reasons = []
    for cost in _COSTS.values():
        found = cost(weak, strong, pairs)
        if isinstance(found, Costs):
            return found
        reasons.append(found.reason)
    return Absent(reason="; ".join(reasons))


def _time(
    weak: RunRecord, strong: RunRecord, pairs: Sequence[tuple[Sample, Sample]]
) -> Costs | Absent:
    def seconds(sample: Sample) -> float | None:
        return sample.amortised_s if sample.elapsed_s is None else sample.elapsed_s

    columns = [[seconds(pair[side]) for pair in pairs] for side in (0, 1)]
    return _of_one_host(weak, strong, columns, "seconds of an item", "time")


def _energy(
    weak: RunRecord, strong: RunRecord, pairs: Sequence[tuple[Sample, Sample]]
) -> Costs | Absent:
    columns = [[pair[side].amortised_j for pair in pairs] for side in (0, 1)]
    return _of_one_host(weak, strong, columns, "joules of an item", "energy")


def _of_one_host(
    weak: RunRecord,
    strong: RunRecord,
    columns: Sequence[Sequence[float | None]],
    how: str,
    what: str,
) -> Costs | Absent:
    if any(value is None for column in columns for value in column):
        return Absent(reason=f"{what} was not measured for every item in both runs")
    if weak.environment.hardware_hash != strong.environment.hardware_hash:
        return Absent(reason=f"{what} was measured on different hardware")
    if not weak.environment.hardware:
        return Absent(reason=f"{what} was measured on hardware that is not recorded")
    left, right = (np.array(column, dtype=float) for column in columns)
    return Costs(left, right, how)


def _parameters(
    weak: RunRecord, strong: RunRecord, pairs: Sequence[tuple[Sample, Sample]]
) -> Costs | Absent:
    counts = (weak.model.parameter_count, strong.model.parameter_count)
    if counts[0] is None or counts[1] is None:
        return Absent(reason="a model's number of parameters is not recorded")
    tokens = [[_tokens(pair[side]) for pair in pairs] for side in (0, 1)]
    if any(count is None for column in tokens for count in column):
        ones = np.ones(len(pairs))
        return Costs(counts[0] * ones, counts[1] * ones, "parameters, every item alike")
    left, right = (np.array(column, dtype=float) for column in tokens)
    return Costs(counts[0] * left, counts[1] * right, "parameters x tokens read and written")


def _tokens(sample: Sample) -> int | None:
    if sample.input_tokens is None or sample.output_tokens is None:
        return None
    return sample.input_tokens + sample.output_tokens


_COSTS = {"time": _time, "energy": _energy, "parameters": _parameters}
