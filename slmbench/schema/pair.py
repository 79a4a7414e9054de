"""What an A/B measurement asks and what it writes: one pair of models, measured in turns."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from slmbench.schema.base import Frozen, Measurement
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.record import Environment, Fingerprints, ModelRecord

PAIR_VERSION = 1

#: ``a`` is the baseline, ``b`` the candidate, ``a2`` the baseline again in a process of its own.
Stream = Literal["a", "b", "a2"]


class PairSpec(Frozen):
    """Two models on the same workloads, by turns.

    Attributes:
        repeats: blocks of each workload; in a block each model has two turns.
        alpha: chance of a false alarm over all metrics of the pair.
        seed: of the order of the turns.
        check: measure the baseline against itself beside it (A/A), in a third process.
        time_limit_s: bound of one answer of a worker; one over it is killed.
    """

    baseline: ModelSpec
    candidate: ModelSpec
    tasks: tuple[str, ...] = ("chat",)
    repeats: int = Field(default=20, ge=1, le=100_000)
    alpha: float = Field(default=0.05, gt=0.0, lt=0.5)
    seed: int = 1234
    check: bool = True
    time_limit_s: float = Field(default=7200.0, gt=0)


class Turn(Frozen):
    """One model's turn: the rounds of a workload that it ran, with the time of every token.

    Attributes:
        position: place in the block, from 0.
        started_s: seconds since the pair's first worker was asked for a turn.
        elapsed_s: seconds of all its rounds together.
        scores: metric -> the median over its rounds, in the metric's unit.
        unscored: metric -> why it has no value.
        token_times_s: round -> request -> seconds from the round's start to each token.
    """

    task: str
    block: int
    position: int
    stream: Stream
    started_s: float
    elapsed_s: float
    scores: dict[str, float]
    unscored: dict[str, str] = Field(default_factory=dict)
    token_times_s: tuple[tuple[tuple[float, ...], ...], ...]


class PairTask(Frozen):
    """One workload of a pair; ``fingerprints`` are of what each stream was given."""

    name: str
    workload: dict[str, Any]
    fingerprints: dict[str, Fingerprints]


class PairRecord(Frozen):
    """``pair.json``: two models x chosen workloads x one host; its turns lie beside it.

    Attributes:
        models: the baseline as ``a``, the candidate as ``b``.
        check_absent: why the baseline was not measured against itself, or None where it was.
        memory: stream -> the peaks of its process after the last workload, loading included.
    """

    pair_version: int = PAIR_VERSION
    pair_id: str
    created: str
    finished: str | None = None
    status: Literal["running", "done", "failed"] = "running"
    reason: str | None = None
    spec: PairSpec
    models: dict[str, ModelRecord]
    environment: Environment
    tasks: tuple[PairTask, ...] = ()
    check_absent: str | None = None
    memory: dict[str, dict[str, Measurement]] = Field(default_factory=dict)
