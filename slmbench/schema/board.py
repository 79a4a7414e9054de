"""A leaderboard as data: rows, columns, cells and trade-off pictures, ready to be drawn."""

from __future__ import annotations

from typing import Literal

from slmbench.schema.base import Frozen, Measured, Measurement

MarkKind = Literal[
    "estimated", "published", "fallback", "provenance", "version", "limit", "partial",
    "imported", "protocol", "judge",
]  # fmt: skip
Standing = Literal["front", "undecided", "dominated"]


class Mark(Frozen):
    """Why a number can't be read like its neighbours: a short badge and what it means."""

    kind: MarkKind
    badge: str
    meaning: str

    @property
    def sets_apart(self) -> bool:
        """Say whether a number with it is ranked among those alone that have it too."""
        return self.kind not in ("partial", "judge")


class Column(Frozen):
    """One number of every row.

    Attributes:
        column_id: unique on its board.
        scorer: what gave the scores, where text was scored; two scorers never share a column.
        derived: computed here from other columns; ``note`` says how.
        per_host: the numbers belong to a model on a host: rows of different ``host`` are not
            held against each other.
    """

    column_id: str
    suite: str
    task: str
    metric: str
    unit: str = ""
    scorer: str | None = None
    higher_is_better: bool | None = None
    derived: bool = False
    per_host: bool = False
    note: str = ""

    @property
    def path(self) -> str:
        """Return the full name, ``suite/task/metric``."""
        return f"{self.suite}/{self.task}/{self.metric}"


class Cell(Frozen):
    """One number or the reason there is none.

    ``rank`` is given among the cells known in the same way: ``tied`` means that the interval
    overlaps the interval of the best. ``failed`` means that the job of this cell failed.

    Attributes:
        origin: where the number comes from; empty for slmbench's own.
        ranks: the lowest and highest plausible rank, 1 the best, where they were worked out.
    """

    value: Measurement
    marks: tuple[Mark, ...] = ()
    rank: Literal["best", "tied"] | None = None
    notes: tuple[str, ...] = ()
    failed: bool = False
    origin: str = ""
    ranks: tuple[int, int] | None = None


class Row(Frozen):
    """One model on one kind of hardware; ``cells`` stand in the order of the board's columns.

    Attributes:
        host: rows of equal ``host`` were measured on equal hardware; ``hardware`` is what a
            person calls it.
        origins: where the row's runs come from; empty for slmbench's own alone.
    """

    row_id: str
    label: str
    model: str
    run_id: str
    created: str
    status: Literal["running", "done", "failed"]
    architecture: str | None = None
    parameter_count: int | None = None
    dtype: str | None = None
    quantization: str | None = None
    device: str | None = None
    hardware: str = ""
    host: str = ""
    asked: tuple[str, ...] = ()
    cells: tuple[Cell, ...]
    origins: tuple[str, ...] = ()


class FailedJob(Frozen):
    """A job that did not end well, and why."""

    row_label: str
    run_id: str
    suite: str
    task: str
    status: str
    reason: str


class Setting(Frozen):
    """One host with its software, and the rows that were measured there."""

    hardware: dict[str, str]
    software: dict[str, str]
    row_labels: tuple[str, ...]


class Point(Frozen):
    """One row in a picture.

    ``front``: no other point beats it. ``undecided``: its values are beaten, but within the
    intervals it could be on the front. ``dominated``: beaten even so. Points of different
    ``group`` (hardware) are not held against each other.

    Attributes:
        front_probability: the share of draws in which it is on the front of its group; None where
            the spread of one of its two values is not known.
    """

    row_id: str
    label: str
    resource: Measured
    capability: Measured
    standing: Standing
    marks: tuple[Mark, ...] = ()
    group: str = ""
    front_probability: float | None = None


class Omitted(Frozen):
    """A row that a picture can't show, and why."""

    label: str
    reason: str


class Picture(Frozen):
    """Capability (more is better) against one resource (less is better).

    ``front_how`` says where the probabilities come from; empty where there are none.
    """

    picture_id: str
    title: str
    resource_name: str
    resource_unit: str
    capability_name: str
    capability_unit: str
    points: tuple[Point, ...]
    omitted: tuple[Omitted, ...] = ()
    front_how: str = ""


class DevicePreset(Frozen):
    """A device whose memory a page offers as a budget; sizes in bytes.

    ``memory`` is where the weights lie: ``host`` (shared with the system) or ``gpu``.
    """

    name: str
    about: str = ""
    memory: str
    total_bytes: float
    system_bytes: float
    runtime_bytes: float
    source: str


class Board(Frozen):
    """A leaderboard; ``created`` is the newest run's time, so that a board has no clock."""

    title: str
    created: str | None = None
    columns: tuple[Column, ...] = ()
    rows: tuple[Row, ...] = ()
    pictures: tuple[Picture, ...] = ()
    failed_jobs: tuple[FailedJob, ...] = ()
    settings: tuple[Setting, ...] = ()
    notes: tuple[str, ...] = ()
