"""One benchmark of guidellm as metrics: of its requests where the file has all, else its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from slmbench.interchange.request_series import (
    LATENCY_QUANTILES,
    LOAD_QUANTILES,
    Request,
    failed_share,
    has_time,
    time_metrics,
)
from slmbench.interchange.tool_values import (
    UNKNOWN_COUNT,
    Place,
    amount,
    at,
    count,
    quantile_suffix,
    table,
    tables,
    text,
)
from slmbench.schema.base import Interval
from slmbench.schema.record import Metric

#: Our name -> guidellm's, and what one of its units is in seconds.
_THEIRS = {
    "ttft_s": ("time_to_first_token_ms", 1e-3),
    "tpot_s": ("inter_token_latency_ms", 1e-3),
    "e2e_s": ("request_latency", 1.0),
}
_RATES = {
    "requests_per_s": ("requests_per_second", "requests/s"),
    "output_tokens_per_s": ("output_tokens_per_second", "tokens/s"),
}
_SENT = "from when a request was sent; failed and cut-off requests left out"
_NO_GAPS = "guidellm keeps no single gaps between tokens, only each request's mean: see tpot_s"


@dataclass(frozen=True)
class Benchmark:
    """One benchmark of a report: its stage's name, its entry and where that stands."""

    name: str
    is_alone: bool
    entry: Mapping[str, Any]
    created: str | None
    where: str

    @property
    def metrics(self) -> Mapping[str, Any]:
        """Return guidellm's own figures."""
        return table(self.entry["metrics"])

    def counted(self, status: str) -> int | None:
        """Return how many requests ended so."""
        totals = table(self.metrics.get("request_totals")) or table(
            self.entry.get("request_totals")
        )
        found = count(totals.get(status))
        return found if found is not None else count(at(self.metrics, "request_latency", status,
                                                        "count"))  # fmt: skip

    @cached_property
    def requests(self) -> tuple[Request, ...]:
        """Return the requests that were answered or failed; none where only some are kept.

        Those that were cut off when the time was over did neither, and are left out.
        """
        answered = tables(at(self.entry, "requests", "successful"))
        failed = tables(at(self.entry, "requests", "errored"))
        if not answered or len(answered) != self.counted("successful"):
            return ()
        found = [_request(each, None) for each in answered]
        found += [_request(each, text(_error(each)) or "it failed") for each in failed]
        ordered = sorted(found, key=lambda each: (each.start_s is None, each.start_s or 0.0))
        return tuple(
            Request(**{**vars(each), "number": number}) for number, each in enumerate(ordered)
        )

    @property
    def notes(self) -> list[str]:
        """Return what must be known beside the numbers."""
        found = []
        cut = self.counted("incomplete")
        if cut:
            found.append(f"{self.name}: {cut} requests were cut off at the end and count nowhere")
        if not self.requests:
            found.append(
                f"{self.name}: the file does not hold every request: guidellm's own figures are "
                "taken, and its time per token is weighted by tokens"
            )
        return found


def _error(entry: Mapping[str, Any]) -> Any:
    return at(entry, "info", "error") or entry.get("error")


def _request(entry: Mapping[str, Any], failure: str | None) -> Request:
    timed = {}
    for name, (theirs, factor) in _THEIRS.items():
        value = amount(entry.get(theirs))
        timed[name] = None if value is None else value * factor
    written = count(entry.get("output_tokens"))
    output, prompt = entry.get("output"), entry.get("prompt")
    return Request(
        number=0,
        ttft_s=timed["ttft_s"],
        # The time of a token after the first is no time where there is none after it.
        tpot_s=timed["tpot_s"] if written is None or written > 1 else None,
        e2e_s=timed["e2e_s"],
        start_s=amount(entry.get("request_start_time", entry.get("start_time"))),
        input_tokens=count(entry.get("prompt_tokens")),
        output_tokens=written,
        asked=text(entry.get("request_args")) or text(prompt) or None,
        prompt=text(prompt) if isinstance(prompt, str) else None,
        output=text(output) if isinstance(output, str) else None,
        failure=failure,
    )


def job_metrics(place: Place, benchmark: Benchmark) -> list[Metric]:
    """Return a benchmark's numbers: of a stage of load, or of one request at a time."""
    is_load = place.suite == "load"
    qs = LOAD_QUANTILES if is_load else LATENCY_QUANTILES
    found: list[Metric] = []
    for name in _THEIRS:
        if has_time(benchmark.requests, name):
            found += time_metrics(place, name, benchmark.requests, qs, _SENT)
        elif benchmark.requests:
            found.append(place.absent(name, "no answered request has it in the file", "lower"))
        else:
            found += [_theirs(place, name, q, benchmark) for q in qs]
    found.append(place.absent("itl_s", _NO_GAPS, "lower"))
    if is_load:
        found += [_rate(place, name, benchmark) for name in _RATES]
        answered, failed = (benchmark.counted(status) for status in ("successful", "errored"))
        found.append(failed_share(place, failed, answered, "guidellm's counts"))
    return found


def _theirs(place: Place, name: str, q: float | None, benchmark: Benchmark) -> Metric:
    """Return guidellm's own quantile, with its own interval where the file has one."""
    theirs, factor = _THEIRS[name]
    found = table(at(benchmark.metrics, theirs, "successful"))
    key = f"p{round((q or 0.5) * 100)}"
    value = amount(at(found, "percentiles", key))
    if value is None and key == "p50":
        value = amount(found.get("median"))
    n = count(found.get("count"))
    # guidellm writes 0 for the time of a request that it has none of.
    if not value or not n:
        why = "no request was answered" if n == 0 else "the file gives no time for it"
        return place.absent(name + quantile_suffix(q), why, "lower")
    bounds = table(at(found, "percentile_cis", key))
    low, high = amount(bounds.get("lower")), amount(bounds.get("upper"))
    level = amount(at(benchmark.entry, "config", "confidence"))
    interval = None
    if low is not None and high is not None and low <= high and level and level < 1:
        interval = Interval(
            low=low * factor, high=high * factor, level=level, method="guidellm's own"
        )  # fmt: skip
    told = f"{_SENT}; guidellm's figure of {n} requests"
    value_s = place.known(value * factor, "s", told, n, interval)
    return place.metric(name + quantile_suffix(q), value_s, "lower")


def _rate(place: Place, name: str, benchmark: Benchmark) -> Metric:
    theirs, unit = _RATES[name]
    found = table(at(benchmark.metrics, theirs, "successful"))
    value = amount(found.get("mean"))
    if value is None:
        return place.absent(name, "the file gives no number for it", "higher")
    n = benchmark.counted("successful") if unit == "requests/s" else count(found.get("count"))
    told = "guidellm's mean over the stage, of answered requests"
    return place.metric(name, place.known(value, unit, told, n or UNKNOWN_COUNT), "higher")
