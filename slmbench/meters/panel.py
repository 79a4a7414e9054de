"""Sum what a host's sensors counted into one reading each for GPU, CPU, memory and chip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from slmbench.meters.joules import too_short
from slmbench.schema.base import Absent, Measured

#: From the surest provenance to the least sure: a sum is known as well as its weakest part.
RANK = ("counter", "rapl", "polled")
PARTS = ("gpu_energy_j", "cpu_energy_j", "dram_energy_j", "soc_energy_j")


@dataclass(frozen=True)
class Sensor:
    """One device's sensor: the part of the host that it counts, how, and its tick in seconds."""

    name: str
    part: str
    how: str
    tick_s: float | None = None


@dataclass(frozen=True)
class Panel:
    """The sensors whose sum is the total.

    Attributes:
        sensors: all that are read; every one must give a value for the total to be known.
        source: who reads them, for the record.
        reasons: why a part of the host has no sensor.
    """

    sensors: tuple[Sensor, ...]
    source: str
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def how(self) -> str:
        """Return the weakest provenance among the sensors."""
        return self.weakest(self.sensors)

    @property
    def tick_s(self) -> float | None:
        """Return the slowest tick among the sensors, None where none is known."""
        return max((s.tick_s for s in self.sensors if s.tick_s is not None), default=None)

    def weakest(self, sensors: Sequence[Sensor]) -> str:
        """Return the weakest provenance among some of the sensors."""
        return max((sensor.how for sensor in sensors), key=RANK.index)

    def absent(self, reason: str) -> dict[str, Measured | Absent]:
        """Return every reading as Absent for one reason."""
        return {name: Absent(reason=reason) for name in ("energy_j", *PARTS)}

    def readings(
        self, joules: Mapping[str, float | Absent], elapsed_s: float, more: str = ""
    ) -> dict[str, Measured | Absent]:
        """Return ``energy_j`` and its parts from the joules of each sensor, by the sensor's name.

        A partial sum would look like a saving: where one sensor fails the sum is Absent, and so is
        all of a window that is too short for the slowest tick.
        """
        short = too_short(elapsed_s, self.tick_s)
        if short is not None:
            return self.absent(short.reason)
        found: dict[str, Measured | Absent] = {}
        for part in PARTS:
            own = [sensor for sensor in self.sensors if sensor.part == part]
            lacking = self.reasons.get(part, "no such sensor on this host")
            found[part] = self._sum(own, joules, more) if own else Absent(reason=lacking)
        found["energy_j"] = self._sum(self.sensors, joules, more)
        return found

    def _sum(
        self, sensors: Sequence[Sensor], joules: Mapping[str, float | Absent], more: str
    ) -> Measured | Absent:
        total = 0.0
        for sensor in sensors:
            value = joules.get(sensor.name, Absent(reason="it was not read"))
            if isinstance(value, Absent):
                return Absent(reason=f"{sensor.name}: {value.reason}, so the sum is unknown")
            total += value
        parts = dict.fromkeys(sensor.part.removesuffix("_energy_j") for sensor in sensors)
        gpus = sum(sensor.part == "gpu_energy_j" for sensor in sensors)
        source = f"{self.source}: {' + '.join(parts)}, whole devices"
        source += f", {gpus} GPU(s)" if gpus else ""
        return Measured(
            value=total, unit="J", n=1, interval=None, how=self.weakest(sensors),
            source=source + more,
        )  # fmt: skip
