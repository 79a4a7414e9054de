"""What routing between two runs is worth: figures with intervals, and the curve behind them."""

from __future__ import annotations

from pydantic import Field

from slmbench.schema.base import Absent, Frozen, Measured, Measurement


class RoutePoint(Frozen):
    """A router at one share of calls to the strong model.

    Attributes:
        share: of items that the strong model answers.
        quality: of the cascade; ``low`` and ``high`` are its 95 % interval.
        threshold: weak answers no surer than this are asked again; None where none is.
        cost: mean cost of an item as a share of asking only the strong model.
        random: quality of sending as many items by chance.
        oracle: quality of one who knows both answers.
    """

    share: float
    threshold: float | None
    quality: float | None
    low: float | None
    high: float | None
    cost: float | None
    random: float
    oracle: float


class Route(Frozen):
    """What routing between two runs is worth on one task.

    Attributes:
        metric: whose scores of items are taken.
        n: items that both runs have scored.
        clusters: groups of items that were drawn together; None where each stands alone.
        gap: quality of the strong run less that of the weak one.
        oracle: best quality of any router; ``oracle_share`` is the share of calls it needs.
        confidence: mean of what the cascade goes by, or why there is none.
        cost: what stands for cost, or why nothing does.
        weak_cost: mean cost of a weak answer as a share of a strong one's; None without a cost.
        figures: ``apgr``, ``cpt_50``, ``cpt_80``, ``aiq`` of the cascade, ``oracle_apgr`` and
            ``random_aiq``.
        points: the curve at eleven shares.
    """

    suite: str
    task: str
    metric: str
    n: int
    clusters: int | None
    weak: Measured
    strong: Measured
    gap: Measured
    oracle: float
    oracle_share: float
    confidence: Measurement
    cost: str | Absent
    weak_cost: float | None
    figures: dict[str, Measurement]
    points: tuple[RoutePoint, ...]
    notes: tuple[str, ...] = ()


class Routing(Frozen):
    """Two runs and what a router between them could be worth, task by task.

    ``left_out`` maps each metric that both have, and that can't be routed, to the reason.
    """

    weak_run: str
    strong_run: str
    weak_model: str
    strong_model: str
    routes: tuple[Route, ...]
    left_out: dict[str, str] = Field(default_factory=dict)
