"""What is asked of a recommendation and what it answers: budgets, candidates and a verdict."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from slmbench.schema.base import Frozen, Measurement

AdviceVerdict = Literal["RECOMMENDED", "NONE", "INCONCLUSIVE"]
Standing = Literal["meets", "undecided", "fails", "unknown"]


class Budget(Frozen):
    """One limit that a model must keep on every task that the patterns match.

    Attributes:
        name: as the user wrote it.
        metrics: patterns of ``suite/task/metric``; of one task the first that was measured counts.
        op: on which side of the limit a value must lie.
        limit: in the unit of the metric.
        floor_metrics: patterns of what is only a part of the need: over ``floor_limit`` it fails,
            under it nothing is known.
        floor_limit: in the unit of the metric.
        on_gpu: what to take of a model that was measured on a GPU; None takes ``metrics``.
    """

    name: str
    metrics: tuple[str, ...] = Field(min_length=1)
    op: Literal["<=", ">="]
    limit: float
    floor_metrics: tuple[str, ...] = ()
    floor_limit: float | None = None
    on_gpu: tuple[str, ...] | None = None


class Question(Frozen):
    """What a model is needed for.

    Attributes:
        budgets: all of them are to be kept.
        capability: column id -> weight; empty asks for the mean accuracy.
    """

    budgets: tuple[Budget, ...] = ()
    capability: dict[str, float] = Field(default_factory=dict)


class Check(Frozen):
    """One budget held against one number of a model; ``reason`` says why it can't be judged."""

    budget: str
    path: str
    column_id: str
    op: Literal["<=", ">="]
    limit: float
    unit: str
    value: Measurement
    standing: Standing
    marks: tuple[str, ...] = ()
    reason: str = ""


class Candidate(Frozen):
    """One model on one machine.

    Attributes:
        standing: the worst of its checks: one that fails decides, then what isn't known.
        ranks: lowest and highest plausible rank of its capability among those that keep the
            budgets, or may; None where it has none.
        front_probability: of capability against the tightest resource; None where it isn't known.
    """

    label: str
    model: str
    run_id: str
    hardware: str
    standing: Standing
    checks: tuple[Check, ...]
    capability: Measurement
    marks: tuple[str, ...] = ()
    ranks: tuple[int, int] | None = None
    front_probability: float | None = None
    parameter_count: int | None = None


class Answer(Frozen):
    """What the runs of one machine say.

    Attributes:
        hardware: what the machine is called; empty where no budget depends on one.
        recommended: the label of the candidate.
        tied: labels of those that keep the budgets and aren't shown to be worse.
        open: labels of those that may keep the budgets and aren't shown to be worse.
        incomparable: labels of those that keep the budgets, but whose capability is known in
            another way (another tool, version, number of examples): neither better nor worse.
        tightest: the resource that the recommended one comes nearest to its limit on.
        front_how: where the probabilities of the front come from.
    """

    hardware: str
    verdict: AdviceVerdict
    reason: str
    recommended: str | None = None
    tied: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    incomparable: tuple[str, ...] = ()
    tightest: str | None = None
    front_how: str = ""
    candidates: tuple[Candidate, ...] = ()


class Recommendation(Frozen):
    """The whole answer; ``verdict`` is the best of the machines' verdicts.

    Attributes:
        unplaced: models without any number on the machine that a budget asks for.
        notes: what a reader must know of the runs.
    """

    verdict: AdviceVerdict
    capability: str
    budgets: tuple[Budget, ...]
    answers: tuple[Answer, ...]
    unplaced: tuple[Candidate, ...] = ()
    notes: tuple[str, ...] = ()
