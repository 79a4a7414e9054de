"""Raw readings of two runs, side by side, for pictures: times of rounds, reliability of answers."""

from __future__ import annotations

from slmbench.schema.base import Frozen


class TimeCurve(Frozen):
    """One time of every counted round of both runs, in seconds, sorted."""

    task: str
    metric: str
    baseline: tuple[float, ...]
    candidate: tuple[float, ...]


class ReliabilityBin(Frozen):
    """Answers given with like confidence: their mean confidence and how many were right."""

    confidence: float
    accuracy: float
    low: float
    high: float
    n: int


class ReliabilityCurve(Frozen):
    """The reliability of a task's answers in both runs."""

    task: str
    baseline: tuple[ReliabilityBin, ...]
    candidate: tuple[ReliabilityBin, ...]


class Curves(Frozen):
    """What the pictures of a comparison are drawn from, beside the comparison itself."""

    times: tuple[TimeCurve, ...] = ()
    reliability: tuple[ReliabilityCurve, ...] = ()
