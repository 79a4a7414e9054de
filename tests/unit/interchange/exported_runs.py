"""A record with every kind of metric, for the exporters' tests."""

from __future__ import annotations

from slmbench.schema.base import Absent, Interval, Measured
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.record import (
    Environment,
    JobRecord,
    Metric,
    ModelFingerprint,
    ModelRecord,
    RunRecord,
)
from slmbench.schema.spec import RunSpec


def metric(path: str, value, up=True, *, half=None, unit="", n=100, how="lm-eval") -> Metric:
    suite, task, name = path.split("/")
    if isinstance(value, str):
        measured = Absent(reason=value)
    else:
        bounds = half if isinstance(half, tuple) else half and (value - half, value + half)
        spread = bounds and Interval(low=bounds[0], high=bounds[1], method="test")
        measured = Measured(value=value, unit=unit, n=n, interval=spread, how=how)
    return Metric(suite=suite, task=task, metric=name, value=measured, higher_is_better=up)


METRICS = (
    metric("accuracy/arc/acc", 0.75, half=0.1),
    metric("accuracy/arc/acc_norm", 0.7, half=(0.6, 0.75)),
    metric("latency/chat/tpot_s@p95", 0.0125, False, half=0.001, unit="s", n=72, how="clock"),
    metric("memory/chat/weight_bytes", 2.0**20, False, unit="bytes", n=1, how="tensors"),
    metric("energy/chat/j_per_request", "no sensor; see slmbench doctor", False),
    metric("latency/chat/rounds", 72, None),
)


def run(metrics=METRICS, name: str = "mine") -> RunRecord:
    spec = ModelSpec(backend="fake", target="m")
    mark = ModelFingerprint(weights="w", tokenizer="", chat_template="", dtype="", quantization="")
    job = JobRecord(job_id="all", suite="all", task="all", status="done", metrics=tuple(metrics))
    return RunRecord(
        run_id="run-1",
        created="2026-01-31T12:00:00+00:00",
        status="done",
        spec=RunSpec(models=(spec,)),
        plan_hash="p",
        model=ModelRecord(name=name, spec=spec, fingerprint=mark),
        environment=Environment(hardware={}, software={}, hardware_hash="", software_hash=""),
        jobs=(job,),
    )
