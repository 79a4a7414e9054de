"""A gate policy: the rules a candidate must meet, and the waivers that lift some for a while."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, WithJsonSchema, field_validator, model_validator

from slmbench.errors import InputError, did_you_mean
from slmbench.schema.base import Frozen
from slmbench.schema.strict import parse
from slmbench.schema.verdict import Severity
from slmbench.units import parse_quantity

Dimension = Literal["none", "ratio", "bytes", "time", "energy"]


class Quantity(Frozen):
    """A limit as written: its SI value, what it is a quantity of, and the text itself."""

    value: float
    dimension: Dimension
    text: str

    @property
    def relative(self) -> bool:
        """Say whether it was written in percent."""
        return self.dimension == "ratio"


#: How a limit may be written, for an editor.
_WRITTEN = {
    "type": ["number", "string"],
    "pattern": r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*[A-Za-z%]*\s*$",
    "examples": [0.01, "5%", "6 GiB", "50ms", "0.2 J"],
}
Limit = Annotated[Quantity, WithJsonSchema(_WRITTEN)]
_LIMITS = ("min", "max", "not_worse_than", "better_than")


class Rule(Frozen):
    """One demand on one metric, or on every metric a glob matches.

    Attributes:
        margin: how much worse still counts as not worse; percent is of the baseline's value.
        how: provenances that are accepted, globs allowed; empty accepts all but ``estimated``.
        family: rules of one family are corrected together (Holm); without any name the whole policy
            is one.
    """

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": [limit]} for limit in _LIMITS]}
    )

    metric: str = Field(description="suite/task/metric; * stays within its part of the name.")
    min: Limit | None = Field(default=None, description="The least that passes: 0.25, 20 tokens.")
    max: Limit | None = Field(default=None, description="The most that passes: 0.05, 6 GiB, 50ms.")
    not_worse_than: Literal["baseline"] | None = Field(
        default=None, description="Non-inferiority: worse than the baseline by at most the margin."
    )
    better_than: Literal["baseline"] | None = Field(
        default=None, description="Superiority: the data must show that it is better."
    )
    margin: Limit | None = Field(
        default=None,
        description="How much worse still counts as not worse; percent is of the baseline's value.",
    )
    how: Annotated[
        tuple[str, ...],
        WithJsonSchema(
            {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
        ),
    ] = Field(
        default=(), description="Accepted provenances, globs allowed: counter, rapl, detoxify*."
    )
    severity: Severity = Field(default="block", description="block, or warn: told, never stops.")
    family: str = Field(
        default="policy",
        min_length=1,
        description="Rules of one family are corrected together (Holm); by default all are.",
    )

    @property
    def needs_baseline(self) -> bool:
        """Say whether the rule compares with a baseline run."""
        return self.not_worse_than is not None or self.better_than is not None

    @field_validator("min", "max", "margin", mode="before")
    @classmethod
    def _quantity(cls, value: Any) -> Any:
        return value if value is None or isinstance(value, Quantity) else read_quantity(value)

    @field_validator("how", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_question(self) -> Rule:
        limits = self.min is not None or self.max is not None
        if limits + (self.not_worse_than is not None) + (self.better_than is not None) != 1:
            raise ValueError("give one of: min and/or max, not_worse_than, better_than")
        if self.margin is not None and self.not_worse_than is None:
            raise ValueError("margin goes with not_worse_than only")
        if self.margin is not None and self.margin.value < 0:
            raise ValueError("margin is how much worse is accepted, so it is not negative")
        if self.min is not None and self.max is not None and self.min.value > self.max.value:
            raise ValueError("min is above max, so nothing can pass")
        return self


class Waiver(Frozen):
    """Who accepts that a rule is not met, until when (that day included) and why."""

    rule: str = Field(description="A rule's metric as written, or one metric that it matches.")
    owner: str = Field(min_length=1, description="Who answers for it.")
    until: date = Field(description="The last day on which it counts, as 2027-01-31.")
    why: str = Field(min_length=1, description="One line that its readers will understand.")


class Policy(Frozen):
    """Everything a gate needs to know besides the runs."""

    name: str = Field(default="policy", description="What the verdict is called.")
    description: str = Field(default="", description="For whom it is, in a sentence.")
    alpha: float = Field(
        default=0.05, gt=0, lt=0.5, description="The chance of a wrong PASS, and of a wrong FAIL."
    )
    on_inconclusive: Literal["fail", "pass", "warn"] = Field(
        default="fail", description="What it means for the pipeline that the data cannot tell."
    )
    rules: tuple[Rule, ...] = Field(min_length=1, description="What must hold.")
    waivers: tuple[Waiver, ...] = Field(
        default=(), description="Who accepts that a rule is not met, and until when."
    )

    @property
    def needs_baseline(self) -> bool:
        """Say whether any rule compares with a baseline run."""
        return any(rule.needs_baseline for rule in self.rules)


def policy_schema() -> dict[str, Any]:
    """Return the JSON schema of a policy file, by which editors complete and check it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Policy.model_json_schema(mode="validation"),
        "title": "slmbench gate policy",
    }


def read_quantity(value: Any) -> Quantity:
    """Read ``6 GiB``, ``5%``, ``50ms`` or a number; keep what it is a quantity of.

    Raises:
        ValueError: it is not a quantity.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"'{value}' is not a quantity. Write a number with a unit: 6 GiB, 50ms")
    try:
        number = parse_quantity(value)
    except (InputError, OverflowError) as error:
        raise ValueError(str(error)) from error
    letters = re.sub(r"^[\s\d.+-]*(?:[eE][+-]?\d+)?\s*", "", str(value)).strip().upper()
    return Quantity(value=number, dimension=_dimension(letters), text=str(value).strip())


def parse_policy(document: Any, source: str) -> Policy:
    """Make a Policy of what a YAML file holds.

    Raises:
        InputError: a key is unknown or missing or a value is wrong; the text names both.
    """
    if not isinstance(document, Mapping):
        raise InputError(f"{source} is not a policy. Write 'rules:' with at least one rule.")
    if not document.get("rules"):
        raise InputError(f"{source} has no rules. A policy without rules would pass everything.")
    policy = parse(Policy, dict(document), source)
    known = [rule.metric for rule in policy.rules]
    for waiver in policy.waivers:
        if not any(_covers(pattern, waiver.rule) for pattern in known):
            near = did_you_mean(waiver.rule, known)
            raise InputError(f"{source}: the waiver of '{waiver.rule}' matches no rule.{near}")
    return policy


def _covers(pattern: str, name: str) -> bool:
    """Say whether a waiver's name is a rule's pattern or may be one of the metrics it matches."""
    return pattern == name or fnmatch.fnmatchcase(name, pattern)


def _dimension(letters: str) -> Dimension:
    if not letters:
        return "none"
    if letters == "%":
        return "ratio"
    if letters.endswith(("J", "WH")):
        return "energy"
    return "bytes" if letters.endswith("B") else "time"
