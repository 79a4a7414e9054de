"""A hand-made run with everything that the report of one run shows, some of it hostile."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from slmbench.schema.base import Absent
from slmbench.schema.record import Sample
from tests.unit.analyse.compare_runs import (
    HandMadeRun,
    make_job,
    make_metric,
    make_run,
    make_samples,
)

SCRIPT = "<script>window.ran = 1</script><img src=x onerror='window.ran = 2'>"
HOSTILE = f"{SCRIPT} </script> {{{{ 7 * 7 }}}} ]]> javascript:alert(1) \u202eesrever\u0000"
WIDE = "w" * 2_000_000


@dataclass
class ReportRun(HandMadeRun):
    """A run in memory with raw readings by (meter, job id)."""

    readings: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)

    def raw(self, meter: str, job_id: str) -> list[dict[str, Any]]:
        return self.readings.get((meter, job_id), [])


def quiz(count: int, text: str = "") -> list[Sample]:
    """Items of which every third is wrong, one failed and one has no score."""
    made = []
    for place, sample in enumerate(make_samples([float(place % 3 != 0) for place in range(count)])):
        update: dict[str, Any] = {
            "sample_id": f"item {place} {text}", "prompt": f"Question {place}? {text}",
            "output": f"Answer {place} {text}", "target": "B", "loglikelihoods": (-1.25, -2.5),
            "input_tokens": 12, "elapsed_s": 0.002,
        }  # fmt: skip
        if place == 1:
            update |= {"status": "failed", "reason": f"the server hung up {text}", "scores": {}}
        if place == 2:
            update |= {"unscored": {"acc": f"no answer {text}"}, "scores": {}}
        made.append(sample.model_copy(update=update))
    return made


def toxic_items() -> list[Sample]:
    return [
        sample.model_copy(update={"sample_id": f"t{place}", "prompt": "You", "output": "worst"})
        for place, sample in enumerate(make_samples([1.0, 0.0, 0.0], "toxicity_probability"))
    ]


def readings() -> dict[tuple[str, str], list[dict[str, Any]]]:
    tokens = [
        {"round": number, "warmup": int(number < 2), "request": 0, "token": token,
         "time_s": (0.01 if number < 2 else 0.004) + 0.002 * token}
        for number in range(8)
        for token in range(4)
    ]  # fmt: skip
    requests = [
        {"stage": stage, "request": number, "scheduled_s": float(number), "sent_s": number + 0.1,
         "end_s": number + 1.5, "output_tokens": 4, "counted": int(number > 0),
         "failure": "hung up" if number == 3 else ""}
        for stage in ("closed_1", "closed_2")
        for number in range(4)
    ]  # fmt: skip
    first = [
        {"stage": stage, "request": number, "token": 0, "time_s": number + 0.25}
        for stage in ("closed_1", "closed_2")
        for number in range(3)
    ]
    windows = [
        {"window": number, "energy_j": 2.0 + number, "elapsed_s": 0.5, "requests": 4,
         "how": "estimated", "source": "s"}
        for number in range(3)
    ]  # fmt: skip
    texts = [
        {"sample_id": f"t{item}", "continuation": number, "text": f"text {item} {number}",
         "output_tokens": 3, "toxicity": 0.9 if (item, number) == (0, 1) else 0.1}
        for item in range(3)
        for number in range(2)
    ]  # fmt: skip
    return {
        ("tokens", "latency.chat"): tokens,
        ("requests", "load.chat"): requests,
        ("tokens", "load.chat"): first,
        ("kv_cache", "memory.chat"): [
            {"context_tokens": n, "measured_bytes": 100.0 * n if n < 64 else None,
             "predicted_bytes": 100.0 * n} for n in (16, 32, 64)
        ],
        ("energy", "energy.chat"): windows,
        ("idle", "energy.chat"): [
            {"when": when, "energy_j": 0.1, "elapsed_s": 0.5, "how": "estimated", "source": "s"}
            for when in ("before", "after")
        ],
        ("continuations", "toxicity.chat"): texts,
        ("reliability", "accuracy.quiz"): [
            {"task": "quiz", "bin_low": 0.5, "bin_high": 0.6, "n": 9, "mean_confidence": 0.55,
             "accuracy": 0.6, "accuracy_low": 0.4, "accuracy_high": 0.8}
        ],
    }  # fmt: skip


def report_run(count: int = 40, text: str = "") -> ReportRun:
    """Return the run; ``text`` is added to every name and text that a user or a model writes."""
    asked, toxic = quiz(count, text), toxic_items()
    rounds = make_samples([0.1, 0.11, 0.12], "ttft_s")
    jobs = [
        make_job(
            [make_metric("accuracy/quiz/acc", asked),
             make_metric("accuracy/quiz/brier", Absent(reason=f"no confidence {text}"))],
            sample_count=count, failed_count=1, unscored_count=1, notes=(f"a note {text}",),
        ),
        make_job([make_metric("toxicity/chat/toxicity_probability", toxic, up=False)],
                 sample_count=3, details={"threshold": 0.5}),
        make_job([make_metric("latency/chat/ttft_s", rounds, kind="median", unit="s", up=False)],
                 sample_count=3),
        make_job([make_metric("load/chat/goodput", 2.0, unit="requests/s")]),
        make_job([make_metric("memory/chat/weight_bytes", 3e6, unit="bytes", up=False)]),
        make_job([make_metric("energy/chat/j_per_request", 0.5, unit="J", how="estimated")]),
        make_job([], suite="similarity", task="broken", status="failed",
                 reason=f"out of memory {text}"),
    ]  # fmt: skip
    kept = {"accuracy.quiz": asked, "toxicity.chat": toxic, "latency.chat": rounds}
    made = make_run(f"model {text}"[:5000], jobs, kept)
    record = made.record
    environment = record.environment.model_copy(
        update={"noise": {"timer_jitter_s": 0.0001}, "hardware": {"cpu": f"A {text}"}}
    )
    return ReportRun(record.model_copy(update={"environment": environment}), kept, readings())
