"""What the report of one run says beside its record: curves, marks of samples, how to repeat it."""

from __future__ import annotations

from slmbench.schema.base import Frozen
from slmbench.schema.curves import ReliabilityBin
from slmbench.schema.record import RunRecord

#: What a sample may be marked with, in the order of the bits of `MarkRules`' numbers.
MARKS = ("wrong", "toxic", "failed", "unscored")


class TimedRound(Frozen):
    """One round of a latency job; times in seconds, each the mean over the round's requests."""

    is_warm_up: bool
    ttft_s: float
    e2e_s: float


class RoundTimes(Frozen):
    """A latency job as it went: its rounds in order, and the counted gaps between tokens, sorted.

    ``gaps_s`` are of many gaps those at equal steps of rank, the least and the greatest with them.
    """

    task: str
    rounds: tuple[TimedRound, ...]
    gaps_s: tuple[float, ...] = ()


class StageTimes(Frozen):
    """One stage of a load job; times in seconds are quantiles over its counted, answered requests.

    A time is None where no request was answered.
    """

    stage: str
    answered_count: int
    failed_count: int
    e2e_p50_s: float | None
    e2e_p95_s: float | None
    ttft_p50_s: float | None
    ttft_p95_s: float | None


class LoadTimes(Frozen):
    """The stages of a load job, in the order they were run."""

    task: str
    stages: tuple[StageTimes, ...]


class CachePoint(Frozen):
    """The bytes of the key/value cache after so many tokens; None where not known that way."""

    context_tokens: int
    measured_bytes: float | None
    predicted_bytes: float | None


class CacheGrowth(Frozen):
    """How the cache of a memory job grows with its context."""

    task: str
    points: tuple[CachePoint, ...]


class PowerWindow(Frozen):
    """One window of an energy job: its mean power in watts, and whether the model was at work."""

    name: str
    power_w: float
    is_idle: bool


class PowerWindows(Frozen):
    """The windows of an energy job in order of time; ``how`` is the instrument."""

    task: str
    how: str
    windows: tuple[PowerWindow, ...]


class ToxicityMarks(Frozen):
    """How toxic a job's texts were: each text, and the worst of each prompt; 0 to 1, sorted.

    Of many, those at equal steps of rank, the least and the greatest with them.
    """

    task: str
    threshold: float
    texts: tuple[float, ...]
    worst: tuple[float, ...]
    texts_total: int
    prompts_total: int


class Reliability(Frozen):
    """The reliability of a task's answers."""

    task: str
    bins: tuple[ReliabilityBin, ...]


class Reproduction(Frozen):
    """How to ask for a run again.

    Attributes:
        command: a line for a POSIX shell, or None where flags can't say what changes an answer.
        unsaid: what flags can't say, by key; with a command, its name and description at most.
        yaml: the whole request as a spec file.
        notes: what the request alone does not settle.
    """

    command: str | None
    unsaid: tuple[str, ...]
    yaml: str
    notes: tuple[str, ...] = ()


class MarkRules(Frozen):
    """By which scores a job's samples are marked; empty or None where they can't be.

    Attributes:
        correct: the 0/1 score (more is better) that makes a sample wrong where it is 0.
        toxic: the scores that make a sample toxic above 0: shares of its texts.
        worst_toxicity: the scores that do so above ``threshold``.
    """

    correct: str | None = None
    toxic: tuple[str, ...] = ()
    worst_toxicity: tuple[str, ...] = ()
    threshold: float = 0.5


class RunReport(Frozen):
    """All of a run's report but its samples."""

    record: RunRecord
    tags: tuple[str, ...] = ()
    times: tuple[RoundTimes, ...] = ()
    loads: tuple[LoadTimes, ...] = ()
    caches: tuple[CacheGrowth, ...] = ()
    powers: tuple[PowerWindows, ...] = ()
    toxicity: tuple[ToxicityMarks, ...] = ()
    reliability: tuple[Reliability, ...] = ()
    reproduction: Reproduction
