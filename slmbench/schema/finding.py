"""What two records, or a pair measured in turns, mean: one row for each metric they share."""

from __future__ import annotations

from typing import Literal

from slmbench.schema.base import Frozen
from slmbench.schema.compression import Compression


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
        gained_count: items that only the candidate has right; None where outcomes aren't 0 or 1.
        lost_count: items that only the baseline has right.
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
    gained_count: int | None = None
    lost_count: int | None = None

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


class FlippedItem(Frozen):
    """One item whose outcome changed, as it was asked and answered."""

    sample_id: str
    cluster: str | None = None
    prompt: str | None = None
    target: str | None = None
    baseline_output: str | None = None
    candidate_output: str | None = None


class Flips(Frozen):
    """Items of one 0/1 metric whose outcome changed between the runs.

    Attributes:
        n: items that have an outcome in both runs.
        lost_count: correct in the baseline, wrong in the candidate.
        gained_count: wrong in the baseline, correct in the candidate.
        rate: (lost + gained) / n, with its 95 % interval.
        lost: the items themselves; of many, the first, in the order of the run.
    """

    suite: str
    task: str
    metric: str
    n: int
    lost_count: int
    gained_count: int
    rate: float
    low: float | None
    high: float | None
    lost: tuple[FlippedItem, ...] = ()
    gained: tuple[FlippedItem, ...] = ()

    @property
    def path(self) -> str:
        """Return the full name, ``suite/task/metric``."""
        return f"{self.suite}/{self.task}/{self.metric}"


class ResourceRatio(Frozen):
    """Candidate over baseline of one resource.

    The two runs were not made in turns, so that the interval is of two separate samples: a change
    of the host between them is in the ratio. ``slmbench ab`` is made for what that would hide.

    Attributes:
        low: lower end of the 95 % interval; None where one reading was taken on a side.
        n: readings of the side with fewer; None where the records hold none.
        method: how the interval was made, or why there is none.
    """

    suite: str
    task: str
    metric: str
    unit: str
    baseline: float
    candidate: float
    ratio: float
    low: float | None
    high: float | None
    n: int | None
    method: str
    higher_is_better: bool | None = None

    @property
    def path(self) -> str:
        """Return the full name, ``suite/task/metric``."""
        return f"{self.suite}/{self.task}/{self.metric}"


class Comparison(Frozen):
    """Two runs, metric by metric; ``baseline`` and ``candidate`` are run ids."""

    baseline: str
    candidate: str
    baseline_model: str
    candidate_model: str
    rows: tuple[CompareRow, ...]
    not_comparable: tuple[NotCompared, ...] = ()
    environment_differences: tuple[EnvironmentDifference, ...] = ()
    flips: tuple[Flips, ...] = ()
    ratios: tuple[ResourceRatio, ...] = ()
    compression: Compression | None = None


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
