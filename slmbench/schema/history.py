"""What a store's runs say about a metric over time: its values, breaks and changes of level."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from slmbench.schema.base import Frozen


class HistoryRow(Frozen):
    """One run's value of the metric.

    Attributes:
        created: ISO 8601 time of the run.
        labels: what the user tagged the run with (``commit``, say).
        weights: the start of the hash of the model's weights; equal ones are equal weights.
        low: lower end of the value's own 95 % interval, or None where none is known.
        absent: why there is no value; ``value`` is None exactly then.
        track: rows of one track may be compared with each other; None without a value.
        break_reason: why it can't be compared with the value before it, where it can't.
    """

    run_id: str
    created: str
    labels: dict[str, str] = Field(default_factory=dict)
    weights: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    how: str | None = None
    absent: str | None = None
    track: int | None = None
    break_reason: str | None = None


class HistoryChange(Frozen):
    """A change of level between two neighbouring runs of a track.

    Attributes:
        run_id: first run of the new level; ``previous_run_id`` is the last of the old.
        before: mean of the runs of the old level, ``runs_before`` of them; ``after`` likewise.
        p: of the permutation test that found it.
        difference: of the two neighbouring runs alone, on their items, with its 95 % interval: it
            says whether other items would show it too. None where it can't be given.
        note: what a reader must know of ``difference``, or why there is none.
    """

    run_id: str
    previous_run_id: str
    created: str
    labels: dict[str, str] = Field(default_factory=dict)
    track: int
    before: float
    after: float
    runs_before: int
    runs_after: int
    p: float
    reading: Literal["better", "worse", "changed"]
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    paired: bool = False
    note: str | None = None

    @property
    def shift(self) -> float:
        """Return the new level minus the old."""
        return self.after - self.before


class HistorySeries(Frozen):
    """One metric of one model over the runs of a store, oldest first.

    Attributes:
        unit: of the newest value; a change of unit is a break.
        notes: what a reader must know, as where there are too few runs to find a change.
    """

    suite: str
    task: str
    metric: str
    model: str
    unit: str | None = None
    higher_is_better: bool | None = None
    rows: tuple[HistoryRow, ...]
    changes: tuple[HistoryChange, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Return the full name, ``suite/task/metric``."""
        return f"{self.suite}/{self.task}/{self.metric}"


class History(Frozen):
    """Every series that was asked for; ``alpha`` bounds the chance of a false alarm in each track.

    ``rule`` says in words how changes were looked for.
    """

    store: str
    metric: str
    alpha: float
    rule: str
    series: tuple[HistorySeries, ...]
