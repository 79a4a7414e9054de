"""Two hand-made runs with everything that a comparison's page shows, some of it hostile."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from slmbench.analyse.compare_curves import curves
from slmbench.analyse.compare_details import compare_in_detail
from slmbench.schema.base import Absent, Interval, Measured
from slmbench.schema.curves import Curves
from slmbench.schema.finding import Comparison
from slmbench.schema.record import Aggregation, Metric, Sample
from tests.unit.analyse.compare_runs import (
    HandMadeRun,
    make_job,
    make_metric,
    make_run,
    make_samples,
)

HOSTILE = '<script>alert("x")</script> $\\frac{1}{0}$ {{ 7 * 7 }} \'onload="1"'
REFERENCE = "slmbench-fidelity@1 against hf:base@w"


@dataclass
class RawRun(HandMadeRun):
    """A run in memory whose jobs have a reliability curve."""

    shift: float = 0.0

    def raw(self, meter: str, job_id: str) -> list[dict[str, Any]]:
        if meter != "reliability":
            return []
        return [
            {"task": "quiz", "bin_low": low, "bin_high": low + 0.1, "n": 20,
             "mean_confidence": low + 0.05, "accuracy": low + self.shift,
             "accuracy_low": max(0.0, low - 0.1), "accuracy_high": min(1.0, low + 0.2)}
            for low in (0.3, 0.5, 0.7)
        ]  # fmt: skip


def outcomes(items: int, right: int) -> list[float]:
    return [float(place < right) for place in range(items)]


def quiz(scores: list[float], answer: str) -> list[Sample]:
    """Items of four choices; the wrong answers are ``answer``."""
    return [
        sample.model_copy(
            update={
                "prompt": f"Question {place} {HOSTILE}", "target": "B", "cluster": None,
                "output": "B" if score else answer, "loglikelihoods": (-1.0, -2.0, -3.0, -4.0),
            }
        )
        for place, (sample, score) in enumerate(zip(make_samples(scores), scores, strict=True))
    ]  # fmt: skip


def times(seed: int, factor: float) -> list[float]:
    draw = random.Random(seed)
    return [factor * draw.uniform(0.09, 0.12) for _ in range(30)]


def fidelity(value: float | None) -> Metric:
    number: Measured | Absent = Absent(reason="the two tokenizers differ")
    if value is not None:
        bounds = Interval(low=value / 2, high=2 * value, method="test")
        number = Measured(
            value=value, unit="nats", n=900, interval=bounds, how=REFERENCE, source="KL"
        )
    return Metric(
        suite="fidelity", task="documents", metric="kl_divergence", value=number,
        higher_is_better=False, aggregation=None if value is None else Aggregation(kind="other"),
    )  # fmt: skip


def run(
    name: str, right: int, factor: float, answer: str, kl: float | None, shift: float
) -> RawRun:
    asked = quiz(outcomes(120, right), answer)
    rounds = make_samples(times(len(name), factor), "ttft_s")
    jobs = [
        make_job([
            make_metric("accuracy/quiz/acc", asked),
            make_metric("accuracy/quiz/ece", 0.1, up=False),
        ]),
        make_job([make_metric("latency/chat/ttft_s", rounds, kind="median", unit="s", up=False)]),
        make_job([make_metric("memory/chat/weight_bytes", 1e6 * factor, unit="bytes", up=False)]),
    ]  # fmt: skip
    if name != "base":
        jobs.append(make_job([fidelity(kl)]))
    kept = {"accuracy.quiz": asked, "latency.chat": rounds}
    made = make_run(name, jobs, kept, weights="w" if name == "base" else name)
    return RawRun(made.record, kept, shift)


def pair(
    right: int = 60, kl: float | None = 0.02, name: str = f"small {HOSTILE}"
) -> tuple[Comparison, Curves]:
    """Return the comparison of a base model with a smaller one, and the curves of both."""
    old = run("base", 90, 1.0, "A", None, 0.05)
    new = run(name, right, 0.5, "C", kl, 0.1)
    comparison = compare_in_detail(old, new)
    return comparison, curves(old, new, comparison)
