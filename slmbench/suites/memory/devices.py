"""Say whether a model fits a device: profiles of devices, and the arithmetic of their budgets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, field_validator

from slmbench.errors import InputError
from slmbench.resources import tasks_dir
from slmbench.schema.base import Absent, Frozen
from slmbench.schema.strict import parse, read_yaml
from slmbench.suites.memory.kv_cache import CacheShape
from slmbench.units import parse_quantity

_BYTES = re.compile(r"[0-9.]\s*([kmgt]i?)?b$", re.IGNORECASE)


class DeviceProfile(Frozen):
    """A device that a model shall run on; sizes may be written as ``6 GiB``.

    Attributes:
        memory: where the weights lie: ``host`` (shared with the system) or ``gpu``.
        total_bytes: memory of the device.
        system_bytes: what its system, and what else runs there, keep.
        runtime_bytes: what the program that runs the model takes before any weights.
        source: where the figures are from; an assumption says that it is one.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$", max_length=40)
    about: str = ""
    memory: str = Field(default="host", pattern=r"^(host|gpu)$")
    total_bytes: float = Field(gt=0)
    system_bytes: float = Field(ge=0)
    runtime_bytes: float = Field(ge=0)
    source: str = Field(min_length=1)

    @field_validator("total_bytes", "system_bytes", "runtime_bytes", mode="before")
    @classmethod
    def _bytes(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return bytes_of(value)

    @property
    def budget_bytes(self) -> float:
        """Return what is left for weights, cache and activations; never below zero."""
        return max(0.0, self.total_bytes - self.system_bytes - self.runtime_bytes)


@dataclass(frozen=True)
class Need:
    """What a model takes beside the program that runs it; Absent where that isn't known.

    Attributes:
        weight_bytes: of the weights as loaded.
        activation_bytes: of a forward pass, beside weights and cache.
        cache: how its key/value cache grows.
        max_length: tokens of its longest context.
    """

    weight_bytes: float | Absent
    activation_bytes: float | Absent
    cache: CacheShape | Absent
    max_length: int

    def bytes_at(self, tokens: int) -> float | Absent:
        """Return everything at a context length, or why a part of it isn't known."""
        parts = (self.weight_bytes, self.activation_bytes, self.cache)
        for name, part in zip(("weights", "activations", "cache"), parts, strict=True):
            if isinstance(part, Absent):
                return Absent(reason=f"{name}: {part.reason}")
        return self.known_bytes(tokens)

    def known_bytes(self, tokens: int) -> float:
        """Return the sum of the parts that are known: the model needs at least that."""
        known = [
            float(part)
            for part in (self.weight_bytes, self.activation_bytes)
            if not isinstance(part, Absent)
        ]
        held = 0 if isinstance(self.cache, Absent) else self.cache.bytes_at(tokens)
        return sum(known) + held


def bytes_of(text: str) -> float:
    """Return the bytes that ``6 GiB`` or ``500 MB`` means.

    Raises:
        ValueError: the text is no size in bytes.
    """
    try:
        found = parse_quantity(text)
    except InputError as error:
        raise ValueError(str(error)) from error
    if not _BYTES.search(text.strip()):
        raise ValueError(f"'{text}' is no size in bytes. Write it with a unit: 6 GiB, 500 MB")
    return found


def fits(need: Need, profile: DeviceProfile, tokens: int) -> bool | Absent:
    """Say whether a model fits a device at a context length.

    Where the known parts alone are too much the answer is no, whatever the others are; a yes needs
    them all.
    """
    if need.known_bytes(tokens) > profile.budget_bytes:
        return False
    whole = need.bytes_at(tokens)
    return whole if isinstance(whole, Absent) else whole <= profile.budget_bytes


def largest_context(need: Need, profile: DeviceProfile) -> int | Absent:
    """Return the longest context that fits a device, at most the model's own; 0 where none does."""
    if need.known_bytes(1) > profile.budget_bytes:
        return 0
    whole = need.bytes_at(1)
    if isinstance(whole, Absent):
        return whole
    low, high = 1, need.max_length
    while low < high:
        middle = (low + high + 1) // 2
        if need.known_bytes(middle) <= profile.budget_bytes:
            low = middle
        else:
            high = middle - 1
    return low


def load_devices(files: Sequence[str] = ()) -> dict[str, DeviceProfile]:
    """Return the shipped profiles and those in files of the user's, by name.

    Raises:
        InputError: a file is missing, no profile, or has a name that another one has.
    """
    found: dict[str, DeviceProfile] = {}
    shipped = sorted((tasks_dir() / "devices").glob("*.yaml"))
    for path in (*shipped, *map(Path, files)):
        profile = parse(DeviceProfile, read_yaml(path), f"'{path}'")
        if profile.name in found:
            raise InputError(
                f"'{path}': a device is already named '{profile.name}'. Give it another name."
            )
        found[profile.name] = profile
    return found
