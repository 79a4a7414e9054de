"""What two records, or a pair measured in turns, mean: one row for each metric they share."""

from __future__ import annotations

from typing import Literal

from slmbench.schema.base import Frozen


class CompareRow(Frozen):
    """One metric of two runs; ``difference`` is candidate minus baseline.

    Attributes:
        low: lower end of the 95 % interval of the difference; None where its spread is unknown.
        p: two-sided p of no difference, not corrected for the number of rows.
        n: items compared, or the smaller number of repeats; None where there are no samples.
        clusters: how many clusters the error rests on; None where items are independent.
        detectable: the smallest true difference the data would show with 80 % power.
        note: why something is null, or what a reader must know before using the row.
        df: degrees of freedom behind ``low`` and ``high``; None means the normal law.
    """

    suite: str
    task: str
    metric: str
    baseline: float | None
    candidate: float | None
    difference: float | None
    low: float | None
    high: float | None
    standard_error: float | None
    p: float | None
    n: int | None
    paired: bool
    clusters: int | None
    detectable: float | None
    unit: str | None = None
    note: str | None = None
    higher_is_better: bool | None = None
    df: float | None = None

    @property
    def path(self) -> str:
        """Return the full name, ``suite/task/metric``."""
        return f"{self.suite}/{self.task}/{self.metric}"


class NotCompared(Frozen):
    """A metric for which no difference is stated, and why."""

    suite: str
    task: str
    metric: str
    reason: str

    @property
    def path(self) -> str:
        """Return the full name, ``suite/task/metric``."""
        return f"{self.suite}/{self.task}/{self.metric}"


class EnvironmentDifference(Frozen):
    """One fact of host or software that differs; None where a side doesn't have it."""

    key: str
    baseline: str | None
    candidate: str | None


class Comparison(Frozen):
    """Two runs, metric by metric; ``baseline`` and ``candidate`` are run ids."""

    baseline: str
    candidate: str
    baseline_model: str
    candidate_model: str
    rows: tuple[CompareRow, ...]
    not_comparable: tuple[NotCompared, ...] = ()
    environment_differences: tuple[EnvironmentDifference, ...] = ()


AbVerdict = Literal["DIFFERENT", "NO_DIFFERENCE_SHOWN", "INCONCLUSIVE"]


class AbRatio(Frozen):
    """Candidate over baseline by blocks; above 1 the candidate's number is the larger.

    Attributes:
        low: lower end of the interval at ``1 - alpha``; None where there are too few blocks.
        p: two-sided p of a ratio of 1; ``p_adjusted`` is Holm's over the metrics of the pair.
        blocks: how many blocks it rests on.
        detectable: the smallest ratio above 1 the data would show with 80 % power.
    """

    ratio: float
    low: float | None
    high: float | None
    p: float
    p_adjusted: float
    blocks: int
    detectable: float | None


class AbRow(Frozen):
    """One metric of a pair.

    Attributes:
        baseline: median over its turns, or its one reading; None where it is absent.
        ratio: candidate over baseline; None where blocks can't give it.
        plain_ratio: candidate over baseline of single readings (memory), which have no spread.
        check: the baseline against itself, which must show nothing.
        absent: why there is no ratio.
    """

    suite: str
    task: str
    metric: str
    unit: str
    higher_is_better: bool
    baseline: float | None = None
    candidate: float | None = None
    ratio: AbRatio | None = None
    plain_ratio: float | None = None
    check: AbRatio | None = None
    reading: Literal["better", "worse", "no difference shown", "inconclusive"] | None = None
    absent: str | None = None

    @property
    def path(self) -> str:
        """Return the full name, ``suite/task/metric``."""
        return f"{self.suite}/{self.task}/{self.metric}"


class AbResult(Frozen):
    """Two models measured in turns.

    Attributes:
        verdict: ``INCONCLUSIVE`` where the host alarmed at a model against itself, or where there
            are too few blocks for any verdict; ``reason`` says which.
        host: what the A/A check said of the host.
        notes: what a reader must know before using the numbers.
    """

    pair_id: str
    status: Literal["running", "done", "failed"]
    baseline: str
    candidate: str
    verdict: AbVerdict
    reason: str
    host: Literal["quiet", "noisy", "not checked"]
    alpha: float
    rows: tuple[AbRow, ...]
    notes: tuple[str, ...] = ()
