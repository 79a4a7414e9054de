"""What ``slmbench doctor`` saw: one line for each thing, and what this host can resolve."""

from __future__ import annotations

from typing import Literal

from slmbench.schema.base import Frozen

Area = Literal["sensors", "extras", "host", "gpu"]


class Check(Frozen):
    """One thing that was looked at.

    Attributes:
        status: ``ok``; ``note`` is good to know; ``warn`` disturbs or lacks what a number needs.
        cure: what the user can do, a command where there is one. Nothing is done by itself.
    """

    area: Area
    name: str
    status: Literal["ok", "note", "warn"]
    text: str
    cure: str | None = None


class Resolution(Frozen):
    """What pairs can show on this host, as busy as it is today.

    Attributes:
        work: what was measured, and how long one turn of it took.
        difference: the true difference that is to be found, 0.05 being 5 %.
        alpha: of one metric; a pair's own is shared by the times it asks about.
        noise: robust standard deviation of a block's log-ratio, so of one block's ratio.
        repeats_for_80: blocks to find the difference with 80 % power; None is more than is sane.
        repeats_for_95: blocks to find it with 95 % power.
        default_repeats: what ``slmbench ab`` takes when nothing is said.
        shown_by_default: the smallest difference those show with 80 % power; None is unknown.
    """

    work: str
    turn_s: float
    blocks: int
    difference: float
    alpha: float
    noise: float
    repeats_for_80: int | None
    repeats_for_95: int | None
    default_repeats: int
    shown_by_default: float | None


class Checkup(Frozen):
    """Everything the doctor saw; ``resolution`` is of the noisiest thing measured."""

    checks: tuple[Check, ...]
    resolutions: tuple[Resolution, ...]
    advice: str
