"""The numbers of one stage: quantiles, rates, shares, and how late the generator was."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from slmbench.schema.base import Absent, Interval, Measured, Measurement
from slmbench.schema.load_spec import LoadSpec
from slmbench.schema.record import Aggregation, Metric, Sample
from slmbench.stats.grouped import grouped_quantile_interval, rate_interval, readings_needed
from slmbench.stats.interval import measured
from slmbench.suites.load.outcome import Outcome, Stage
from slmbench.suites.load.schedule import steady_window
from slmbench.suites.taskfile import text_hash

#: Requests near in time move together, so intervals draw or compare this many blocks of time.
BLOCKS = 10
#: A generator that sends one request in a hundred later than this can't keep up.
LATE_S = 0.005
_TIMES = ("ttft_s", "tpot_s", "e2e_s")
_QUANTILES = (None, 0.9, 0.95, 0.99)
#: In place of what only an objective gives.
NO_SLO = Absent(reason="no objective was set: name one with --slo ttft:200ms,tpot:50ms")


@dataclass(frozen=True)
class Steady:
    """What counts of a stage: requests due in its steady window, and what ended in it.

    Attributes:
        start_s: the window, in seconds from the stage's start.
        counted: requests that were due in it, failed ones too.
        ended: requests of the stage whose last token came in it.
        left_count: requests that left the server in it, answered or failed.
    """

    stage: Stage
    start_s: float
    end_s: float
    counted: tuple[Outcome, ...]
    ended: tuple[Outcome, ...]
    left_count: int

    @property
    def length_s(self) -> float:
        """Return how long the window is; 0 where nothing counts."""
        return max(0.0, self.end_s - self.start_s)

    @property
    def offered_hz(self) -> float:
        """Return how many requests a second were due in the window."""
        return len(self.counted) / self.length_s if self.length_s else 0.0

    @property
    def answered_hz(self) -> float:
        """Return how many requests a second were answered in the window."""
        return len(self.ended) / self.length_s if self.length_s else 0.0

    def block_of(self, moment_s: float) -> int:
        """Return the number of the block of time that a moment of the window is in."""
        share = (moment_s - self.start_s) / self.length_s
        return min(BLOCKS - 1, max(0, int(share * BLOCKS)))


def steady(stage: Stage, outcomes: Sequence[Outcome], load: LoadSpec) -> Steady:
    """Return what counts of a stage's requests; its ramp and its end are left out."""
    ended_s = load.duration_s
    if load.requests is not None and len(outcomes) >= load.requests:
        ended_s = min(ended_s, max(each.scheduled_s for each in outcomes))
    start_s, end_s = steady_window(ended_s, load.ramp_s)
    left = [each for each in outcomes if start_s <= each.end_s < end_s]
    return Steady(
        stage,
        start_s,
        end_s,
        counted=tuple(each for each in outcomes if start_s <= each.scheduled_s < end_s),
        ended=tuple(each for each in left if each.failure is None),
        left_count=len(left),
    )


def answered_rate(window: Steady, source: str) -> Measurement:
    """Return how many requests a second were answered in a stage's window, with its interval."""
    return _rate(window, [(each.end_s, 1) for each in window.ended], "requests/s", source)


def samples_of(window: Steady, load: LoadSpec, prompt_tokens: int) -> list[Sample]:
    """Return a sample for each request that counts; its scores carry the stage's name."""
    return [_sample(window, each, load, prompt_tokens) for each in window.counted]


def metrics_of(
    window: Steady, samples: list[Sample], load: LoadSpec, task: str, source: str
) -> list[Metric]:
    """Return a stage's numbers, each Absent with the reason where it can't be given."""
    name = window.stage.name
    values: list[tuple[str, Measurement, bool | None, Aggregation | None]] = []
    for time in _TIMES:
        for q in _QUANTILES:
            rule = Aggregation(
                kind="median" if q is None else "quantile", score=f"{name}_{time}", q=q
            )
            value, rule = _quantile(window, samples, rule, source)
            values.append((time + _suffix(q), value, False, rule))
    for q in _QUANTILES:
        values.append(("itl_s" + _suffix(q), _gaps(window, q, source), False, None))
    for rate, value in _rates(window, load, source).items():
        values.append((rate, value, True, None))
    for share, better in (("failed_share", False), ("slo_share", True)):
        rule = Aggregation(kind="mean", score=f"{name}_{share}")
        empty = share == "slo_share" and not load.limits_s
        found = NO_SLO if empty else measured(rule, samples, "1", "clock", source=source)
        values.append((share, found, better, rule))
    if window.stage.is_open:
        rule = Aggregation(kind="quantile", score=f"{name}_lateness_s", q=0.99)
        value = measured(rule, samples, "s", "clock", source="how late requests were sent")
        values.append(("lateness_s@p99", value, False, rule))
    return [
        Metric(suite="load", task=task, metric=f"{name}_{metric}", value=value,
               higher_is_better=better, aggregation=rule)
        for metric, value, better, rule in values
    ]  # fmt: skip


def names_of(stage: Stage) -> list[str]:
    """Return the names of a stage's metrics."""
    timed = [f"{time}{_suffix(q)}" for time in (*_TIMES, "itl_s") for q in _QUANTILES]
    rest = ["requests_per_s", "output_tokens_per_s", "goodput_per_s", "failed_share", "slo_share"]
    late = ["lateness_s@p99"] if stage.is_open else []
    return [f"{stage.name}_{name}" for name in (*timed, *rest, *late)]


def _suffix(q: float | None) -> str:
    return "" if q is None else f"@p{round(q * 100)}"


def _sample(window: Steady, each: Outcome, load: LoadSpec, prompt_tokens: int) -> Sample:
    name, answered = window.stage.name, each.failure is None
    times = {"ttft_s": each.ttft_s, "tpot_s": each.tpot_s, "e2e_s": each.e2e_s} if answered else {}
    scores = {f"{name}_{key}": value for key, value in times.items() if value is not None}
    scores[f"{name}_failed_share"] = float(not answered)
    if load.limits_s:
        scores[f"{name}_slo_share"] = float(each.holds(load.limits_s))
    if window.stage.is_open:
        scores[f"{name}_lateness_s"] = each.late_s
    why = each.failure or "the answer has one token"
    lacking = [key for key in _TIMES if f"{name}_{key}" not in scores]
    return Sample(
        sample_id=f"{name}-{each.number}",
        content_hash=text_hash(name, str(each.number)),
        cluster=f"{name}-block-{window.block_of(each.scheduled_s)}",
        scores=scores,
        unscored={f"{name}_{key}": why for key in lacking},
        input_tokens=prompt_tokens,
        output_tokens=each.output_tokens,
        elapsed_s=each.end_s - each.sent_s,
        status="ok" if answered else "failed",
        reason=each.failure,
    )


def _quantile(
    window: Steady, samples: list[Sample], rule: Aggregation, source: str
) -> tuple[Measurement, Aggregation]:
    """Return a quantile over all requests; one that failed is later than every other."""
    groups: list[list[float]] = [[] for _ in range(BLOCKS)]
    failed = 0
    for sample, each in zip(samples, window.counted, strict=True):
        value = sample.scores.get(rule.score)
        if value is None and each.failure is None:
            continue
        failed += value is None
        groups[window.block_of(each.scheduled_s)].append(math.inf if value is None else value)
    if failed:
        # What failed has no score, so nothing can make this number of the scores again.
        rule = Aggregation(kind="other", score=rule.score, q=rule.q)
    return _of_groups(groups, rule.q, source, f"requests, {failed} of them failed"), rule


def _gaps(window: Steady, q: float | None, source: str) -> Measurement:
    groups: list[list[float]] = [[] for _ in range(BLOCKS)]
    for each in window.counted:
        if each.failure is None:
            groups[window.block_of(each.scheduled_s)].extend(each.gaps_s)
    if not any(groups) and any(each.failure is None for each in window.counted):
        return Absent(reason="the server's events do not tell tokens apart")
    return _of_groups(groups, q, f"{source}; gaps of answered requests pooled", "gaps")


def _of_groups(groups: list[list[float]], q: float | None, source: str, what: str) -> Measurement:
    values = np.array([value for group in groups for value in group])
    needed = readings_needed(q or 0.5)
    interval = grouped_quantile_interval(groups, q or 0.5) if len(values) else None
    if len(values) < needed:
        return Absent(
            reason=f"it needs at least {needed} {what.split(',')[0]} in the steady window, and "
            f"there are {len(values)}: raise duration_s"
        )
    # Between a time and an infinite one there is none, so the later of the two counts.
    method: Literal["linear", "higher"] = "linear" if np.isfinite(values).all() else "higher"
    value = float(np.quantile(values, q or 0.5, method=method))
    if not math.isfinite(value):
        return Absent(reason=f"too many requests failed for it: {what}, of {len(values)}")
    return Measured(
        value=value, unit="s", n=len(values), interval=interval, how="clock",
        source=f"{source}; {what}",
    )  # fmt: skip


def _rates(window: Steady, load: LoadSpec, source: str) -> dict[str, Measurement]:
    good = [each for each in window.counted if each.holds(load.limits_s)]
    found: dict[str, Measurement] = {
        "requests_per_s": answered_rate(window, source),
        "output_tokens_per_s": _rate(
            window, [(each.end_s, each.output_tokens) for each in window.ended], "tokens/s", source
        ),
        "goodput_per_s": _rate(
            window, [(each.scheduled_s, 1) for each in good], "requests/s", source
        ),
    }
    return found if load.limits_s else {**found, "goodput_per_s": NO_SLO}


def _rate(window: Steady, events: list[tuple[float, int]], unit: str, source: str) -> Measurement:
    """Return what came a second in the window, as the mean over its blocks of time."""
    if not window.length_s:
        return Absent(reason="the stage was too short to have a steady window: raise duration_s")
    each_s = window.length_s / BLOCKS
    totals = [0.0] * BLOCKS
    for moment_s, amount in events:
        totals[window.block_of(moment_s)] += amount / each_s
    interval: Interval | None = rate_interval(totals)
    return Measured(
        value=sum(totals) / BLOCKS, unit=unit, n=len(events), interval=interval, how="clock",
        source=f"{source}; {window.length_s:.3g} s steady",
    )  # fmt: skip
