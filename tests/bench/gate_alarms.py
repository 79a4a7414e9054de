"""How often does a release gate stop a model that is held against itself?

    python -m tests.bench.gate_alarms --runs 500

A model is run twice: it answers from other seeds, and simulated hosts disturb its timings (bursts,
drift, heavy tails and so on, see `tests.bench.ab_noise`). Both runs go through the comparison and a
policy with the rules of ``release``. A FAIL is a false alarm, and no more than alpha of the runs
may have one. INCONCLUSIVE is the honest answer of too few items or too noisy a host.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from slmbench.analyse.compare import compare
from slmbench.gate.judge import judge
from slmbench.schema.base import Measured
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.policy import Policy, parse_policy
from slmbench.schema.record import (
    Aggregation,
    Environment,
    JobRecord,
    Metric,
    ModelFingerprint,
    ModelRecord,
    RunRecord,
    Sample,
)
from slmbench.schema.spec import RunSpec
from slmbench.stats.interval import measured
from tests.bench.ab_noise import KINDS, SimulatedHost

POLICY: Policy = parse_policy(
    {
        "name": "a/a",
        "rules": [
            {"metric": "accuracy/*/acc", "not_worse_than": "baseline", "margin": 0.02},
            {"metric": "latency/*/ttft_s@p50", "not_worse_than": "baseline", "margin": "10%"},
            {"metric": "latency/*/tpot_s@p95", "not_worse_than": "baseline", "margin": "5%"},
            {"metric": "latency/*/e2e_s", "not_worse_than": "baseline", "margin": "5%"},
            {"metric": "memory/*/file_bytes", "not_worse_than": "baseline"},
        ],
    },
    "bench",
)
_TODAY = date(2026, 1, 1)
_CREATED = "2026-01-01T00:00:00Z"


@dataclass
class SimulatedRun:
    """A run in memory, as the comparison reads a stored one."""

    record: RunRecord
    kept: dict[str, list[Sample]] = field(default_factory=dict)

    def samples(self, job_id: str) -> list[Sample]:
        """Return the samples of one job."""
        return self.kept.get(job_id, [])


def main() -> None:
    """Simulate and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.gate_alarms",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=100, help="timed requests in each run")
    parser.add_argument("--host", help=f"one of {', '.join(KINDS)}; all without it")
    options = parser.parse_args()
    print("| host | runs | PASS | INCONCLUSIVE | FAIL | what failed |\n|---|---|---|---|---|---|")
    for kind in [options.host] if options.host else KINDS:
        seen, failed = alarms(kind, options.runs, options.rounds)
        shares = [f"{seen[name] / options.runs:.1%}" for name in ("PASS", "INCONCLUSIVE", "FAIL")]
        told = ", ".join(f"{name} {count}" for name, count in failed.most_common()) or "none"
        print(f"| {kind} | {options.runs} | {' | '.join(shares)} | {told} |", flush=True)


def alarms(kind: str, runs: int, rounds: int = 100) -> tuple[Counter[str], Counter[str]]:
    """Return how often each verdict was given, and how often each rule failed."""
    seen: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for seed in range(runs):
        old, new = (simulated(kind, 2 * seed + side, rounds) for side in (0, 1))
        verdict = judge(POLICY, old.record, new.record, compare(old, new), _TODAY)
        seen[verdict.verdict] += 1
        failed.update(rule.rule for rule in verdict.rules if rule.verdict == "FAIL")
    return seen, failed


def simulated(kind: str, seed: int, rounds: int) -> SimulatedRun:
    """Return one run of the one model: 600 items in 30 subjects, and so many timed requests."""
    rng, host = np.random.default_rng(seed), SimulatedHost(kind, seed)
    ability = np.random.default_rng(1).beta(2.0, 1.0, 600)
    right = (rng.random(600) < ability).astype(float)
    answers = [
        Sample(sample_id=str(i), content_hash=str(i), cluster=str(i % 30), scores={"acc": value})
        for i, value in enumerate(right.tolist())
    ]
    timings = []
    for i in range(rounds):
        first, later = host.run(0.05), host.run(0.2)
        scores = {"ttft_s": first, "tpot_s": later / 20.0, "e2e_s": first + later}
        timings.append(Sample(sample_id=str(i), content_hash=str(i), scores=scores))
    times = [("ttft_s", "quantile", 0.5), ("tpot_s", "quantile", 0.95), ("e2e_s", "mean", None)]
    jobs = (
        _job("accuracy", "exam", 600, [_metric("accuracy", "exam", "acc", answers, "mean", None)]),
        _job(
            "latency", "chat", rounds,
            [_metric("latency", "chat", score, timings, rule, q) for score, rule, q in times],
        ),
        _job("memory", "chat", 1, [
            Metric(
                suite="memory", task="chat", metric="file_bytes", higher_is_better=False,
                value=Measured(value=1e9, unit="bytes", n=1, interval=None, how="file"),
            )
        ]),
    )  # fmt: skip
    kept = {"accuracy.exam": answers, "latency.chat": timings}
    return SimulatedRun(_record(f"run {seed}", jobs), kept)


def _metric(
    suite: str, task: str, score: str, samples: list[Sample], rule: str, q: float | None
) -> Metric:
    aggregation = Aggregation(kind=rule, score=score, q=q)
    return Metric(
        suite=suite,
        task=task,
        metric=score if q is None else f"{score}@p{100 * q:.0f}",
        value=measured(aggregation, samples, "s" if suite == "latency" else "", "simulated"),
        higher_is_better=suite == "accuracy",
        aggregation=aggregation,
    )


def _job(suite: str, task: str, items: int, metrics: list[Metric]) -> JobRecord:
    return JobRecord(
        job_id=f"{suite}.{task}", suite=suite, task=task, status="done", sample_count=items,
        metrics=tuple(metrics),
    )  # fmt: skip


def _record(run_id: str, jobs: tuple[JobRecord, ...]) -> RunRecord:
    spec = ModelSpec(target="model")
    # Answers are drawn, so equal weights don't make equal outcomes: nothing is told in advance.
    mark = ModelFingerprint(
        weights=run_id, tokenizer="", chat_template="", dtype="", quantization=""
    )
    return RunRecord(
        run_id=run_id, created=_CREATED, status="done", spec=RunSpec(models=(spec,)),
        plan_hash="bench", model=ModelRecord(name="model", spec=spec, fingerprint=mark),
        environment=Environment(hardware={}, software={}, hardware_hash="", software_hash=""),
        jobs=jobs,
    )  # fmt: skip


if __name__ == "__main__":
    main()
