"""How long does an answer take: first token, each further token, and all of it."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from slmbench.ports import Backend, Context
from slmbench.schema.base import Absent, Measured, Measurement
from slmbench.schema.plan import Job
from slmbench.schema.record import Aggregation, Fingerprints, JobResult, Metric, Sample
from slmbench.stats.grouped import FEWEST_GROUPS, grouped_quantile_interval, readings_needed
from slmbench.stats.interval import aggregate_scores, measured
from slmbench.stats.serial import block_length
from slmbench.stats.warm_up import RULE
from slmbench.suites.process_age import process_age
from slmbench.suites.taskfile import task_hash, text_hash
from slmbench.suites.timed_rounds import Round, Rounds, timed_rounds
from slmbench.suites.workload_file import Workload, load_workload
from slmbench.suites.workloads import ELSEWHERE, RoundPrompts

_UNITS = {
    "ttft_s": "s",
    "tpot_s": "s",
    "e2e_s": "s",
    "prefill_tokens_per_s": "tokens/s",
    "decode_tokens_per_s": "tokens/s",
    "tokenizer_encode_s": "s",
    "tokenizer_decode_s": "s",
}
#: Those whose tail matters to whoever waits.
_TAILED = ("ttft_s", "tpot_s", "e2e_s")
_QUANTILES = (0.5, 0.9, 0.95, 0.99)


class Latency:
    """One job is one workload: rounds until the times have settled, then counted ones.

    With t[i] the time from the request to output token i of n: TTFT = t[0], end-to-end = t[n-1],
    TPOT = (t[n-1] - t[0]) / (n - 1), each the mean over a round's requests; ITL are the gaps
    t[i] - t[i-1] of all requests and rounds together. Prefill tokens/s are the round's prompt
    tokens over the time until every request has its first token; decode tokens/s, the tokens after
    the first over the time from the first of all tokens to the last. Every number is the median
    over rounds; ``@p95`` is a quantile, and Absent where there are too few readings to bracket it.
    """

    name = "latency"

    def run(self, job: Job, backend: Backend, context: Context) -> JobResult:
        """Time the rounds; the time of every token is kept in raw."""
        path = Path(job.task.path or "")
        workload, text = load_workload(path, job.task.name)
        prompts = RoundPrompts(workload, text, backend)
        age_s = process_age()
        rounds = timed_rounds(workload, prompts, backend, context)
        samples = [_sample(workload, number, each) for number, each in enumerate(rounds.counted)]
        source = (
            f"batch {workload.batch_size}, {workload.prompt_tokens} prompt and "
            f"{workload.output_tokens} output tokens, after {rounds.dropped_count} warm-up rounds"
        )
        metrics = (
            *_metrics(workload, samples, source, backend.info.is_remote),
            *_gap_metrics(workload, rounds, source),
            _once(workload, "load_s", _load_time(backend)),
            _once(workload, "cold_start_s", _cold_start(backend, context, age_s, rounds)),
        )
        return JobResult(
            metrics=metrics,
            samples=tuple(samples),
            raw={"tokens": tuple(_rows(rounds))},
            fingerprints=Fingerprints(task=task_hash(path), prompt=text_hash(repr(prompts.first))),
            notes=rounds.notes,
            details={
                "workload": workload.model_dump(mode="json"),
                "waited_share": rounds.waited_share,
                "warm_up": {
                    "rule": RULE,
                    "dropped_rounds": rounds.dropped_count,
                    "is_settled": rounds.is_settled,
                },
            },
        )


def _rows(rounds: Rounds) -> list[dict[str, float | int | str]]:
    return [
        {"round": number, "warmup": int(number < rounds.dropped_count), "request": request,
         "token": i, "time_s": time}
        for number, each in enumerate(rounds.every)
        for request, times in enumerate(each.times_s)
        for i, time in enumerate(times)
    ]  # fmt: skip


def _sample(workload: Workload, number: int, each: Round) -> Sample:
    steps = workload.output_tokens - 1
    scores = {"ttft_s": each.ttft_s, "tpot_s": (each.e2e_s - each.ttft_s) / steps,
              "e2e_s": each.e2e_s}  # fmt: skip
    unscored = {}
    rates = {
        "prefill_tokens_per_s": (workload.prompt_tokens, each.prefilled_s),
        "decode_tokens_per_s": (steps, each.decoding_s),
    }
    for name, (tokens, time_s) in rates.items():
        if time_s > 0:
            scores[name] = workload.batch_size * tokens / time_s
        else:
            unscored[name] = "the clock did not move"
    if each.encode_s is not None and each.decode_s is not None:
        scores |= {"tokenizer_encode_s": each.encode_s, "tokenizer_decode_s": each.decode_s}
    if each.waited_s is not None:
        scores["waited_s"] = each.waited_s
    return Sample(
        sample_id=f"round-{number}",
        content_hash=text_hash(workload.workload, str(number)),
        scores=scores,
        unscored=unscored,
        input_tokens=workload.prompt_tokens * workload.batch_size,
        output_tokens=workload.output_tokens * workload.batch_size,
        elapsed_s=each.last_s,
    )


def _metrics(
    workload: Workload, samples: list[Sample], source: str, is_remote: bool
) -> list[Metric]:
    found = []
    for name, unit in _UNITS.items():
        plain = Aggregation(kind="median", score=name)
        tails = [Aggregation(kind="quantile", score=name, q=q) for q in _QUANTILES]
        for rule in (plain, *(tails if name in _TAILED else ())):
            value: Measurement
            if is_remote and name.startswith("tokenizer"):
                value = ELSEWHERE
            elif rule.q is not None and len(samples) < readings_needed(rule.q):
                value = _too_few(rule.q, len(samples), "rounds")
            else:
                value = measured(rule, samples, unit, "clock", source=source)
            found.append(_metric(workload, name, value, rule, unit == "s"))
    return found


def _gap_metrics(workload: Workload, rounds: Rounds, source: str) -> list[Metric]:
    """Return the quantiles of all gaps between tokens; gaps of one round move together."""
    groups = _alike([each.gaps_s for each in rounds.counted])
    gaps = [gap for group in groups for gap in group]
    found = []
    for q in (None, *_QUANTILES):
        rule = Aggregation(kind="median" if q is None else "quantile", score="itl_s", q=q)
        interval = grouped_quantile_interval(groups, q or 0.5)
        value: Measurement
        if q is not None and len(gaps) < readings_needed(q):
            value = _too_few(q, len(gaps), "gaps between tokens")
        elif q is not None and interval is None:
            value = _too_few(q, len(rounds.counted), "rounds", FEWEST_GROUPS)
        else:
            value = Measured(
                value=aggregate_scores(rule, gaps, []) or 0.0,
                unit="s",
                n=len(gaps),
                interval=interval,
                how="clock",
                source=f"{source}; gaps of {len(rounds.counted)} rounds pooled",
            )
        # The gaps are in raw and no sample's score, so that nothing can draw them as if they were.
        found.append(_metric(workload, "itl_s", value, rule, True, is_sampled=False))
    return found


def _alike(rounds: list[list[float]]) -> list[list[float]]:
    """Return the gaps of rounds, those of neighbours together where they tell of each other."""
    means = [float(np.mean(gaps)) for gaps in rounds]
    count = len(rounds) // block_length(np.array(means))
    bounds = np.linspace(0, len(rounds), count + 1).round().astype(int)
    return [
        [gap for gaps in rounds[first:last] for gap in gaps]
        for first, last in itertools.pairwise(bounds)
    ]


def _too_few(q: float, count: int, what: str, needed: int | None = None) -> Absent:
    least = needed or readings_needed(q)
    return Absent(
        reason=f"p{round(q * 100)} with its interval needs at least {least} {what}, and there are "
        f"{count}: raise the workload's repeats (the workload tail has 400)"
    )


def _metric(
    workload: Workload, name: str, value: Measurement, rule: Aggregation, is_time: bool,
    is_sampled: bool = True,
) -> Metric:  # fmt: skip
    suffix = "" if rule.q is None else f"@p{round(rule.q * 100)}"
    return Metric(
        suite="latency",
        task=workload.workload,
        metric=name + suffix,
        value=value,
        higher_is_better=not is_time,
        aggregation=rule if is_sampled else None,
    )


def _once(workload: Workload, name: str, value: Measurement) -> Metric:
    return Metric(
        suite="latency", task=workload.workload, metric=name, value=value, higher_is_better=False
    )


def _load_time(backend: Backend) -> Measurement:
    if backend.info.is_remote:
        return ELSEWHERE
    return Measured(
        value=backend.info.load_s,
        unit="s",
        n=1,
        interval=None,
        how="clock",
        source="reading tokenizer and weights from disk, once, after the libraries were imported",
    )


def _cold_start(
    backend: Backend, context: Context, age_s: float | Absent, rounds: Rounds
) -> Measurement:
    """Return the time from the worker's start to its first token, if nothing else came between."""
    if backend.info.is_remote:
        return ELSEWHERE
    if isinstance(age_s, Absent):
        return age_s
    before = getattr(context, "jobs_before", None)
    if before is None:
        return Absent(reason="nobody counts here what this process did before")
    if before > 0:
        return Absent(
            reason=f"this process had run {before} other jobs before: name the suite latency, and "
            "the workload, first"
        )
    return Measured(
        value=age_s + rounds.every[0].times_s[0][0],
        unit="s",
        n=1,
        interval=None,
        how="clock",
        source="from the start of the worker's process to its first token: Python, imports, "
        "tokenizer, weights and the first prompt; files may have been in the system's cache",
    )
