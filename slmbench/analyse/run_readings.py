"""The raw readings of one run that its report draws: times, load, cache, power and reliability."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from slmbench.schema.curves import ReliabilityBin
from slmbench.schema.run_report import (
    CacheGrowth,
    CachePoint,
    LoadTimes,
    PowerWindow,
    PowerWindows,
    Reliability,
    RoundTimes,
    StageTimes,
    TimedRound,
    ToxicityMarks,
)

#: Values of one curve: more would draw the same line.
MOST_POINTS = 400
Rows = Sequence[dict[str, Any]]


def round_times(task: str, rows: Rows) -> RoundTimes | None:
    """Return a latency job's rounds, from the time of every token; None without any.

    Rows hold round, warmup (0 or 1), request, token and time_s, in this order of nesting.
    """
    requests: dict[int, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    warm: set[int] = set()
    for row in rows:
        requests[row["round"]][row["request"]].append(row["time_s"])
        if row["warmup"]:
            warm.add(row["round"])
    rounds, gaps = [], []
    for number in sorted(requests):
        times = list(requests[number].values())
        rounds.append(
            TimedRound(
                is_warm_up=number in warm,
                ttft_s=sum(each[0] for each in times) / len(times),
                e2e_s=sum(each[-1] for each in times) / len(times),
            )
        )
        if number not in warm:
            gaps += [later - sooner for each in times for sooner, later in pairwise(each)]
    return RoundTimes(task=task, rounds=tuple(rounds), gaps_s=thinned(gaps)) if rounds else None


def load_times(task: str, requests: Rows, tokens: Rows) -> LoadTimes | None:
    """Return the stages of a load job; None without any.

    Time to first token is counted from when the request was due, as the end of the answer is.
    """
    first = {(row["stage"], row["request"]): row["time_s"] for row in tokens if row["token"] == 0}
    stages: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in requests:
        if row["counted"]:
            stages[row["stage"]].append(row)
    found = []
    for stage, own in stages.items():
        answered = [row for row in own if not row["failure"]]
        ends = [row["end_s"] - row["scheduled_s"] for row in answered]
        firsts = [
            first[stage, row["request"]] - row["scheduled_s"]
            for row in answered
            if (stage, row["request"]) in first
        ]
        found.append(
            StageTimes(
                stage=stage,
                answered_count=len(answered),
                failed_count=len(own) - len(answered),
                e2e_p50_s=_quantile(ends, 0.5),
                e2e_p95_s=_quantile(ends, 0.95),
                ttft_p50_s=_quantile(firsts, 0.5),
                ttft_p95_s=_quantile(firsts, 0.95),
            )
        )
    return LoadTimes(task=task, stages=tuple(found)) if found else None


def cache_growth(task: str, rows: Rows) -> CacheGrowth | None:
    """Return how the key/value cache of a memory job grew; None without a reading."""
    points = tuple(
        CachePoint(
            context_tokens=row["context_tokens"],
            measured_bytes=row.get("measured_bytes"),
            predicted_bytes=row.get("predicted_bytes"),
        )
        for row in rows
    )
    return CacheGrowth(task=task, points=points) if points else None


def power_windows(task: str, windows: Rows, idle: Rows) -> PowerWindows | None:
    """Return the mean power of an energy job's windows, idle ones before and after; or None."""
    quiet = {row["when"]: row for row in idle if row["elapsed_s"] > 0}
    busy = [
        PowerWindow(name=str(row["window"] + 1), power_w=row["energy_j"] / row["elapsed_s"],
                    is_idle=False)
        for row in windows
        if row["elapsed_s"] > 0
    ]  # fmt: skip
    if not busy:
        return None
    before, after = (
        [
            PowerWindow(name=when, is_idle=True,
                        power_w=quiet[when]["energy_j"] / quiet[when]["elapsed_s"])
        ] if when in quiet else []
        for when in ("before", "after")
    )  # fmt: skip
    how = str(windows[0]["how"])
    return PowerWindows(task=task, how=how, windows=(*before, *busy, *after))


def toxicity_marks(task: str, threshold: float, rows: Rows) -> ToxicityMarks | None:
    """Return how toxic a job's continuations were; None where none has a mark.

    The worst of a prompt is over those of its texts that have a mark.
    """
    worst: dict[str, float] = {}
    marks = []
    for row in rows:
        mark = row.get("toxicity")
        if mark is not None:
            marks.append(float(mark))
            item = str(row["sample_id"])
            worst[item] = max(worst.get(item, 0.0), float(mark))
    if not marks:
        return None
    return ToxicityMarks(
        task=task, threshold=threshold, texts=thinned(marks), worst=thinned(worst.values()),
        texts_total=len(marks), prompts_total=len(worst),
    )  # fmt: skip


def reliability_of(rows: Rows) -> list[Reliability]:
    """Return the reliability of each task of a job."""
    tasks = dict.fromkeys(str(row["task"]) for row in rows if "task" in row)
    return [
        Reliability(task=task, bins=tuple(bin_of(row) for row in rows if str(row["task"]) == task))
        for task in tasks
    ]


def bin_of(row: dict[str, Any]) -> ReliabilityBin:
    """Return one row of the meter ``reliability`` as a bin."""
    return ReliabilityBin(
        confidence=row["mean_confidence"],
        accuracy=row["accuracy"],
        low=row["accuracy_low"],
        high=row["accuracy_high"],
        n=row["n"],
    )


def thinned(values: Iterable[float]) -> tuple[float, ...]:
    """Return values sorted; of more than `MOST_POINTS`, those at equal steps of rank."""
    ordered = sorted(values)
    if len(ordered) <= MOST_POINTS:
        return tuple(ordered)
    ranks = np.linspace(0, len(ordered) - 1, MOST_POINTS).round().astype(int)
    return tuple(ordered[rank] for rank in ranks)


def _quantile(values: Sequence[float], q: float) -> float | None:
    return float(np.quantile(values, q)) if values else None
