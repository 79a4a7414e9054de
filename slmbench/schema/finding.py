"""What two records mean together: one row for each metric they share."""

from __future__ import annotations

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
