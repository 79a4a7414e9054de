"""A difference of times is one of two hosts too: what others' use of the CPU did to it."""

from __future__ import annotations

from dataclasses import dataclass

from slmbench.gate.targets import Target
from slmbench.schema.finding import CompareRow

#: A smaller change of the host is not worth a word.
_SEEN = 0.01


@dataclass(frozen=True)
class EqualHost:
    """A difference as it would be on an equally busy host, and a sentence that says so."""

    row: CompareRow
    words: str


def on_equal_host(row: CompareRow, target: Target) -> EqualHost | None:
    """Return a difference of times as it would be if others had the CPU no more than before.

    The kernel says in which share w of the rounds' time others had it (`waited_share` of a latency
    job). Waiting alone makes the candidate's times (1 - w_baseline) / (1 - w_candidate) times as
    long. None where a share is unknown, where both are alike, and for what is no time or rate.
    """
    factor = _factor(target)
    is_rate = (row.unit or "").endswith("/s")
    numbers = (row.candidate, row.difference, row.low, row.high)
    if factor is None or None in numbers or not (is_rate or row.unit == "s"):
        return None
    candidate, difference, low, high = (float(each) for each in numbers if each is not None)
    shift = candidate * (factor if is_rate else 1.0 / factor) - candidate
    moved = {
        "candidate": candidate + shift, "difference": difference + shift,
        "low": low + shift, "high": high + shift,
    }  # fmt: skip
    times = f"{factor:.2f} times as long" if factor > 1.0 else f"1/{1.0 / factor:.2f} as long"
    words = (
        f" Others' use of the CPU alone made the candidate's times {times}, so a verdict must hold "
        "with and without that: measure both in turns, with 'slmbench ab'."
    )
    return EqualHost(row.model_copy(update=moved), words)


def _factor(target: Target) -> float | None:
    """Return by what waiting alone multiplied the candidate's times; None: by nothing known."""
    jobs = (target.baseline_job, target.job)
    shares = [None if job is None else job.details.get("waited_share") for job in jobs]
    if target.metric is None or target.metric.suite != "latency":
        return None
    known = [s for s in shares if isinstance(s, int | float) and 0.0 <= s < 1.0]
    if len(known) < len(shares):
        return None
    factor = (1.0 - known[0]) / (1.0 - known[1])
    return factor if abs(factor - 1.0) >= _SEEN else None
