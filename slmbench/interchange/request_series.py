"""Requests that another tool timed one by one, as the metrics and samples of a load test."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slmbench.interchange.tool_values import Place
from slmbench.schema.base import Absent, Measurement
from slmbench.schema.record import Metric, Sample
from slmbench.stats.grouped import FEWEST_GROUPS
from slmbench.stats.interval import wilson

#: Requests near in time move together, so intervals draw this many blocks of time.
BLOCKS = 10
#: The raw table of `starts_of`.
STARTS = "request_starts"
TIMES = ("ttft_s", "tpot_s", "e2e_s")
#: Quantiles of a stage under load, and of one request at a time, as our own suites name them.
LOAD_QUANTILES = (None, 0.9, 0.95, 0.99)
LATENCY_QUANTILES = (None, 0.5, 0.9, 0.95, 0.99)


@dataclass(frozen=True)
class Request:
    """One request; what the tool did not tell of it is None.

    Attributes:
        number: its place in the file.
        start_s: when it was sent, on any clock.
        gaps_s: times between its tokens.
        asked: all that was sent, as the tool kept it.
        failure: why it has no whole answer.
    """

    number: int
    ttft_s: float | None = None
    tpot_s: float | None = None
    e2e_s: float | None = None
    start_s: float | None = None
    gaps_s: tuple[float, ...] = ()
    input_tokens: int | None = None
    output_tokens: int | None = None
    asked: str | None = None
    prompt: str | None = None
    output: str | None = None
    failure: str | None = None

    def time(self, name: str) -> float | None:
        """Return the time of a name in `TIMES`; a failed request has none."""
        times = {"ttft_s": self.ttft_s, "tpot_s": self.tpot_s, "e2e_s": self.e2e_s}
        return None if self.failure is not None else times[name]


def has_time(requests: Sequence[Request], name: str) -> bool:
    """Tell whether any answered request has a time."""
    return any(each.time(name) is not None for each in requests)


def time_metrics(
    place: Place, name: str, requests: Sequence[Request], qs: Sequence[float | None], source: str
) -> list[Metric]:
    """Return the quantiles of a time over the answered requests."""
    pairs = [(each, value) for each in requests if (value := each.time(name)) is not None]
    values = [value for _, value in pairs]
    groups = _grouped([each for each, _ in pairs], [[value] for value in values])
    return [place.quantile(name, values, q, "s", source, groups) for q in qs]


def gap_metrics(
    place: Place, requests: Sequence[Request], qs: Sequence[float | None], source: str
) -> list[Metric]:
    """Return the quantiles of all gaps of the answered requests; none of them is a sample's."""
    timed = [each for each in requests if each.failure is None and each.gaps_s]
    gaps = [gap for each in timed for gap in each.gaps_s]
    each_s = [list(each.gaps_s) for each in timed]
    groups = _grouped(timed, each_s) or each_s
    told = f"{source}; gaps pooled"
    found = [place.quantile("itl_s", gaps, q, "s", told, groups) for q in qs]
    return [each.model_copy(update={"aggregation": None}) for each in found]


def failed_share(place: Place, failed: int | None, answered: int | None, source: str) -> Metric:
    """Return the share of requests that failed, with Wilson's interval; None is not counted."""
    value: Measurement = Absent(reason="the file doesn't count the requests that failed")
    if failed is not None and answered is not None and failed + answered:
        asked = failed + answered
        value = place.known(failed / asked, "1", source, asked, wilson(failed, asked))
    return place.metric("failed_share", value, "lower")


def samples_of(requests: Sequence[Request], prefix: str, asked: str) -> list[Sample]:
    """Return a sample of each request.

    Args:
        prefix: of the names of its scores and of its id: ``closed_4_``, or nothing.
        asked: what a request's number is unique in, where the file does not hold what was sent;
            equal numbers of equal settings pair then.
    """
    found = _blocks(requests)
    blocks: Sequence[int | None] = [None] * len(requests) if found is None else found
    return [
        _sample(each, prefix, asked, block) for each, block in zip(requests, blocks, strict=True)
    ]


def starts_of(requests: Sequence[Request], stage: str) -> list[dict[str, Any]]:
    """Return a row for each request whose start is known, for a raw table: samples hold no start.

    Args:
        requests: the requests of one stage.
        stage: its name, since numbers begin anew in each.
    """
    return [
        {"stage": stage, "request": each.number, "start_s": each.start_s}
        for each in requests
        if each.start_s is not None
    ]


def _sample(each: Request, prefix: str, asked: str, block: int | None) -> Sample:
    times = {name: each.time(name) for name in TIMES}
    scores = {prefix + name: value for name, value in times.items() if value is not None}
    scores[f"{prefix}failed_share"] = float(each.failure is not None)
    why = each.failure or "the file does not tell it"
    return Sample(
        sample_id=f"{prefix or 'request_'}{each.number}".replace("_", "-"),
        content_hash=_hash(each.asked or f"{asked} {prefix}{each.number}"),
        cluster=None if block is None else f"{prefix}block-{block}",
        prompt=each.prompt,
        output=each.output,
        scores=scores,
        unscored={prefix + name: why for name, value in times.items() if value is None},
        input_tokens=each.input_tokens,
        output_tokens=each.output_tokens,
        elapsed_s=each.e2e_s,
        status="ok" if each.failure is None else "failed",
        reason=each.failure,
    )


def _hash(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def _blocks(requests: Sequence[Request]) -> list[int] | None:
    """Return the block of time that each request was sent in; None where no times are known."""
    starts = [each.start_s for each in requests if each.start_s is not None]
    if len(starts) != len(requests) or not starts or max(starts) <= min(starts):
        return None
    first, length = min(starts), max(starts) - min(starts)
    return [min(BLOCKS - 1, int((start - first) / length * BLOCKS)) for start in starts]


def _grouped(
    requests: Sequence[Request], values: Sequence[Sequence[float]]
) -> list[list[float]] | None:
    """Return values in blocks of time; None where there are too few blocks to tell them apart."""
    blocks = _blocks(requests)
    if blocks is None or len(set(blocks)) < FEWEST_GROUPS:
        return None
    groups: list[list[float]] = [[] for _ in range(BLOCKS)]
    for block, each in zip(blocks, values, strict=True):
        groups[block].extend(each)
    return groups
