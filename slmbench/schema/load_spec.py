"""How a server is put under load, and what an answer must keep to. Pure data."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from slmbench.errors import InputError
from slmbench.schema.base import Frozen
from slmbench.units import parse_quantity

#: What a service-level objective may bound, each in seconds for one request.
SLO_KEYS = ("ttft", "tpot", "itl", "e2e")


def _seconds(value: Any) -> Any:
    """Read ``30s`` or ``2min`` as seconds; ValueError where it is no quantity."""
    if not isinstance(value, str):
        return value
    try:
        return parse_quantity(value)
    except InputError as error:
        raise ValueError(str(error)) from error


Seconds = Annotated[float, BeforeValidator(_seconds)]


class LoadSpec(Frozen):
    """The stages of a load test: so many users at once, or so many arrivals a second.

    Attributes:
        mode: ``closed``: each user asks again when answered; ``open``: requests arrive at their
            own times, answered or not; ``sweep``: closed, then open at shares of the throughput
            that was found (or at ``rates``).
        concurrencies: users at once, one closed stage each.
        rates: requests a second, one open stage each.
        arrival: gaps between arrivals are exponential (``poisson``) or all alike (``constant``).
        duration_s: how long requests are sent in a stage.
        requests: a stage sends at most so many; None sets no such bound.
        ramp_s: a stage's load grows from none for so long; what is sent then, or in as long a
            time before its end, is asked and recorded, and not counted.
        drain_s: how long a stage waits for late answers; what has none by then has failed.
        slo: bounds of one request, as ``ttft:200ms,tpot:50ms``; keys: ttft, tpot (mean gap), itl
            (longest gap), e2e.
        slo_share: the share of requests that must keep them. 0.9 is the attainment of DistServe
            (Zhong et al., OSDI 2024).
    """

    mode: Literal["sweep", "closed", "open"] = "sweep"
    concurrencies: tuple[Annotated[int, Field(ge=1)], ...] = (1, 2, 4, 8)
    rates: tuple[Annotated[float, Field(gt=0)], ...] = ()
    arrival: Literal["poisson", "constant"] = "poisson"
    duration_s: Annotated[Seconds, Field(gt=0)] = 20.0
    requests: int | None = Field(default=None, ge=1)
    ramp_s: Annotated[Seconds, Field(ge=0)] = 2.0
    drain_s: Annotated[Seconds, Field(gt=0)] = 60.0
    slo: str = ""
    slo_share: float = Field(default=0.9, gt=0, lt=1)

    @field_validator("concurrencies", "rates", mode="before")
    @classmethod
    def _listed(cls, levels: Any) -> Any:
        """Read ``1,2,4``, as the command line has it, and a single number."""
        if isinstance(levels, str):
            return [each.strip() for each in levels.split(",") if each.strip()]
        return [levels] if isinstance(levels, int | float) else levels

    @field_validator("concurrencies", "rates")
    @classmethod
    def _rising(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        if list(levels) != sorted(set(levels)):
            raise ValueError("give each level once, from the lowest to the highest")
        return levels

    @field_validator("slo")
    @classmethod
    def _is_an_slo(cls, text: str) -> str:
        parse_slo(text)
        return text

    @model_validator(mode="after")
    def _has_stages(self) -> Self:
        if self.mode == "open" and not self.rates:
            raise ValueError("mode open needs rates, as rates=1,2,4")
        if self.mode != "open" and not self.concurrencies:
            raise ValueError(f"mode {self.mode} needs concurrencies, as concurrencies=1,2,4")
        if self.duration_s <= 2 * self.ramp_s:
            raise ValueError(
                "duration_s must be more than twice ramp_s: nothing else would be counted"
            )
        return self

    @property
    def limits_s(self) -> dict[str, float]:
        """Return the objective's bounds in seconds; empty without one."""
        return parse_slo(self.slo)


def parse_slo(text: str) -> dict[str, float]:
    """Return ``{"ttft": 0.2, "tpot": 0.05}`` of ``ttft:200ms,tpot:50ms``, in seconds.

    Raises:
        ValueError: an unknown or repeated key, or a bound that is no positive time.
    """
    limits: dict[str, float] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        key, colon, bound = (each.strip() for each in part.partition(":"))
        if key not in SLO_KEYS or not colon:
            raise ValueError(f"'{part}' is no bound: write one as ttft:200ms ({_known()})")
        if key in limits:
            raise ValueError(f"'{key}' is bounded twice")
        limit = _seconds(bound)
        if not limit > 0:
            raise ValueError(f"the bound of '{key}' must be a time above 0, as {key}:200ms")
        limits[key] = limit
    return limits


def _known() -> str:
    return f"keys: {', '.join(SLO_KEYS)}"
