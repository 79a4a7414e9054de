"""The frozen base of all data, and the two things a measurement can be: Measured or Absent."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Frozen(BaseModel):
    """Immutable data; an unknown key, NaN or infinity is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Interval(Frozen):
    """A confidence interval ``[low, high]`` in the unit of its value."""

    low: float
    high: float
    level: float = 0.95
    method: str


class Measured(Frozen):
    """A value that was measured, how sure it is, and how it is known.

    ``how`` is provenance: ``counter | polled | rapl | estimated`` for energy, the scorer's id with
    version and weights hash for text scores, ``published`` for a number from elsewhere; ``source``
    says it in words. ``interval`` is None only where one reading was taken.
    """

    kind: Literal["measured"] = "measured"
    value: float
    unit: str
    n: int
    interval: Interval | None
    how: str
    source: str | None = None


class Absent(Frozen):
    """A value that was not measured, with the reason and, where there is one, the cure."""

    kind: Literal["absent"] = "absent"
    reason: str


Measurement = Annotated[Measured | Absent, Field(discriminator="kind")]
