"""One request of a stage, as it went, and one stage of a load test."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any


@dataclass(frozen=True)
class Stage:
    """So many users at once, or so many arrivals a second.

    Attributes:
        name: stands before its metrics' names: ``closed_4``, ``open_2.5``, ``open_75pct``.
        is_open: requests arrive at their own times.
        level: users, or requests a second.
    """

    name: str
    is_open: bool
    level: float


@dataclass(frozen=True)
class Outcome:
    """One request; times are in seconds from its stage's start.

    Attributes:
        scheduled_s: when it was due: its arrival in an open loop, else when its user was free.
        sent_s: when it was sent; a generator that can't keep up is late.
        token_times_s: see `slmbench.ports.TimedReply`.
        failure: why it has no whole answer, or None.
    """

    number: int
    scheduled_s: float
    sent_s: float
    end_s: float
    token_times_s: tuple[float, ...] = ()
    output_tokens: int = 0
    failure: str | None = None

    @property
    def ttft_s(self) -> float:
        """Return the time from when it was due to its first token."""
        return self.token_times_s[0] - self.scheduled_s

    @property
    def e2e_s(self) -> float:
        """Return the time from when it was due to its last token."""
        return self.end_s - self.scheduled_s

    @property
    def tpot_s(self) -> float | None:
        """Return the mean time of a token after the first; None where there is none."""
        if self.output_tokens < 2:
            return None
        return (self.end_s - self.token_times_s[0]) / (self.output_tokens - 1)

    @property
    def gaps_s(self) -> tuple[float, ...]:
        """Return the times between tokens; empty where the server tells tokens not apart."""
        if len(self.token_times_s) != self.output_tokens:
            return ()
        times = self.token_times_s
        return tuple(b - a for a, b in pairwise(times))

    @property
    def late_s(self) -> float:
        """Return how late the generator itself was."""
        return self.sent_s - self.scheduled_s

    def holds(self, limits_s: dict[str, float]) -> bool:
        """Say whether it kept a service-level objective; one that failed did not.

        A bound on what the answer has not (a gap, in an answer of one token) is kept.
        """
        if self.failure is not None:
            return False
        taken = {
            "ttft": self.ttft_s,
            "tpot": self.tpot_s or 0.0,
            "itl": max(self.gaps_s, default=0.0),
            "e2e": self.e2e_s,
        }
        return all(taken[key] <= limit for key, limit in limits_s.items())

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON for the journal."""
        return asdict(self)

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Outcome:
        """Return the request that `to_json` wrote."""
        return cls(**{**raw, "token_times_s": tuple(raw["token_times_s"])})
