"""How often does a release gate stop a model that is held against itself?

    python -m tests.bench.gate_alarms --runs 500

A model is run twice: it answers from other seeds, and simulated hosts disturb its timings (bursts,
drift, heavy tails and so on, see `tests.bench.ab_noise`). Both runs go through the comparison and a
policy with the rules of ``release``. A FAIL is a false alarm, and no more than alpha of the runs
may have one. INCONCLUSIVE is the honest answer of too few items or too noisy a host.

``--recording FILE`` takes the timings from a CSV file (ttft_s, tpot_s, e2e_s and waited_s of
requests in the order they were made) that ``--record RUN`` writes from a stored run of one long
latency job. Two runs are two stretches of it that don't overlap, begun at random: ``near`` right
after one another, ``far`` anywhere. What moves a host for longer than a run takes is no noise of
the run's own: of two stretches far apart only the kernel's account of who had the CPU tells it.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

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
from slmbench.store.reader import open_run
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
_TIMES = ("ttft_s", "tpot_s", "e2e_s", "waited_s")

#: One request's scores.
Timing = dict[str, float]
#: (number of the A/A run, requests of each side) -> the timings of both sides.
Source = Callable[[int, int], tuple[list[Timing], list[Timing]]]


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
    parser.add_argument("--recording", help="a CSV file of timings, instead of simulated hosts")
    parser.add_argument("--record", help="a stored run whose timings the recording is to get")
    options = parser.parse_args()
    if options.record:
        record(options.record, Path(options.recording or "timings.csv"))
        return
    print("| host | runs | PASS | INCONCLUSIVE | FAIL | what failed |\n|---|---|---|---|---|---|")
    for name, source in _sources(options):
        seen, failed = alarms(source, options.runs, options.rounds)
        shares = [f"{seen[kind] / options.runs:.1%}" for kind in ("PASS", "INCONCLUSIVE", "FAIL")]
        told = ", ".join(f"{rule} {count}" for rule, count in failed.most_common()) or "none"
        print(f"| {name} | {options.runs} | {' | '.join(shares)} | {told} |", flush=True)


def _sources(options: argparse.Namespace) -> Iterator[tuple[str, Source]]:
    if options.recording:
        timings = read_recording(Path(options.recording))
        yield "recorded, near", recorded(timings, near=True)
        yield "recorded, far", recorded(timings, near=False)
        return
    for kind in [options.host] if options.host else KINDS:
        yield kind, simulated(kind)


def record(run: str, path: Path) -> None:
    """Write the timings of every counted request of a run's latency jobs, in order."""
    found = open_run(run)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(_TIMES)
        for job in found.record.jobs:
            for sample in found.samples(job.job_id):
                if all(name in sample.scores for name in _TIMES):
                    rows.writerow(f"{sample.scores[name]:.4g}" for name in _TIMES)


def read_recording(path: Path) -> list[Timing]:
    """Return the timings of a CSV file that `record` wrote."""
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: float(row[name]) for name in _TIMES} for row in csv.DictReader(file)]


def recorded(timings: list[Timing], near: bool) -> Source:
    """Return two stretches of a recording that don't overlap, begun at random."""

    def pair(number: int, rounds: int) -> tuple[list[Timing], list[Timing]]:
        rng = np.random.default_rng(number)
        room = len(timings) - 2 * rounds
        if room < 0:
            raise SystemExit(f"{len(timings)} timings are too few for two runs of {rounds}")
        if near:
            first = int(rng.integers(0, room + 1))
            starts = [first, first + rounds]
        else:
            one, other = sorted(rng.integers(0, room + 1, 2).tolist())
            starts = [one, other + rounds]
        if rng.random() < 0.5:
            starts.reverse()
        before, after = (timings[start : start + rounds] for start in starts)
        return before, after

    return pair


def simulated(kind: str) -> Source:
    """Return two runs on two hosts of a kind, each begun at a moment of its own."""

    def run(seed: int, rounds: int) -> list[Timing]:
        host, found = SimulatedHost(kind, seed), []
        for _ in range(rounds):
            first, later = host.run(0.05), host.run(0.2)
            found.append({"ttft_s": first, "tpot_s": later / 20.0, "e2e_s": first + later})
        return found

    return lambda number, rounds: (run(2 * number, rounds), run(2 * number + 1, rounds))


def alarms(source: Source, runs: int, rounds: int = 100) -> tuple[Counter[str], Counter[str]]:
    """Return how often each verdict was given, and how often each rule failed."""
    seen: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for number in range(runs):
        times = source(number, rounds)
        old, new = (made_run(each, 2 * number + side) for side, each in enumerate(times))
        verdict = judge(POLICY, old.record, new.record, compare(old, new), _TODAY)
        seen[verdict.verdict] += 1
        failed.update(rule.rule for rule in verdict.rules if rule.verdict == "FAIL")
    return seen, failed


def made_run(times: list[Timing], seed: int) -> SimulatedRun:
    """Return one run of the one model: 600 items in 30 subjects, and these timed requests."""
    rng = np.random.default_rng(seed)
    ability = np.random.default_rng(1).beta(2.0, 1.0, 600)
    right = (rng.random(600) < ability).astype(float)
    answers = [
        Sample(sample_id=str(i), content_hash=str(i), cluster=str(i % 30), scores={"acc": value})
        for i, value in enumerate(right.tolist())
    ]
    timings = [
        Sample(sample_id=str(i), content_hash=str(i), scores=scores)
        for i, scores in enumerate(times)
    ]
    metrics = [("ttft_s", "quantile", 0.5), ("tpot_s", "quantile", 0.95), ("e2e_s", "mean", None)]
    jobs = (
        _job("accuracy", "exam", 600, [_metric("accuracy", "exam", "acc", answers, "mean", None)]),
        _job(
            "latency", "chat", len(timings),
            [_metric("latency", "chat", score, timings, rule, q) for score, rule, q in metrics],
        ),
        _job("memory", "chat", 1, [
            Metric(
                suite="memory", task="chat", metric="file_bytes", higher_is_better=False,
                value=Measured(value=1e9, unit="bytes", n=1, interval=None, how="file"),
            )
        ]),
    )  # fmt: skip
    if times and "waited_s" in times[0]:
        share = sum(each["waited_s"] for each in times) / sum(each["e2e_s"] for each in times)
        latency = jobs[1].model_copy(update={"details": {"waited_share": share}})
        jobs = (jobs[0], latency, jobs[2])
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
