"""What a smaller form of a model kept, and what it saves: findings of a compression report."""

from __future__ import annotations

from slmbench.schema.base import Frozen


class Estimate(Frozen):
    """A number of a report with the ends of its 95 % interval; None where its spread is unknown."""

    value: float
    low: float | None = None
    high: float | None = None


class ScoreDelta(Frozen):
    """One score of a base model and of its smaller form, on the same items.

    Attributes:
        difference: candidate minus baseline, with its paired interval.
        flip_rate: share of items whose 0/1 outcome changed, either way.
        agreement: share of items that both answered alike, right or wrong.
        chance: the score of guessing, where the items tell it.
        retention: (candidate - chance) / (baseline - chance), the share that was kept of what the
            teacher knows beyond guessing.
        why_no_retention: the reason where there is none.
    """

    suite: str
    task: str
    metric: str
    unit: str
    baseline: float
    candidate: float
    difference: Estimate
    p: float | None
    n: int | None
    higher_is_better: bool | None
    flip_rate: Estimate | None = None
    agreement: Estimate | None = None
    chance: float | None = None
    retention: Estimate | None = None
    why_no_retention: str | None = None

    @property
    def path(self) -> str:
        """Return the full name, ``suite/task/metric``."""
        return f"{self.suite}/{self.task}/{self.metric}"


class FidelityFigure(Frozen):
    """One number of the candidate's next-token distributions, or why there is none."""

    task: str
    metric: str
    unit: str = ""
    n: int | None = None
    number: Estimate | None = None
    absent: str | None = None
    about: str | None = None


class Saving(Frozen):
    """Candidate over baseline of one resource; ``kind`` is size, memory, speed or energy."""

    kind: str
    path: str
    unit: str
    baseline: float
    candidate: float
    ratio: Estimate
    higher_is_better: bool | None
    note: str | None = None


class Compression(Frozen):
    """A base model against a quantized, pruned or distilled one.

    Attributes:
        notes: what a reader must know before using the numbers.
    """

    scores: tuple[ScoreDelta, ...] = ()
    fidelity: tuple[FidelityFigure, ...] = ()
    savings: tuple[Saving, ...] = ()
    notes: tuple[str, ...] = ()
