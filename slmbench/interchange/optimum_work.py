"""What optimum-benchmark's file says of the work, the model and the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slmbench.errors import InputError
from slmbench.interchange.imported_record import ImportedHost, ImportedModel
from slmbench.interchange.tool_values import (
    amount,
    amounts,
    at,
    base_name,
    count,
    kept,
    table,
    text,
)

_SETTINGS = ("name", "torch_dtype", "attn_implementation", "torch_compile", "device")
_SOFTWARE = ("optimum_benchmark", "transformers", "accelerate", "optimum", "python")


@dataclass(frozen=True)
class Work:
    """What was measured, and of how much work each repeat was; None is what the file lacks."""

    where: str
    config: Mapping[str, Any]
    report: Mapping[str, Any]

    @property
    def backend(self) -> Mapping[str, Any]:
        """Return the settings of what ran the model."""
        return table(self.config.get("backend"))

    @property
    def version(self) -> str:
        """Return the version of optimum-benchmark, or nothing."""
        return text(at(self.config, "environment", "optimum_benchmark_version"))

    def _shape(self, name: str) -> int | None:
        return count(at(self.config, "scenario", "input_shapes", name)) or None

    @property
    def batch(self) -> int | None:
        """Return how many sequences a repeat has."""
        return self._shape("batch_size")

    @property
    def prompt_tokens(self) -> int | None:
        """Return the tokens of each prompt."""
        return self._shape("sequence_length")

    @property
    def new_tokens(self) -> int | None:
        """Return the tokens that each answer has.

        A configuration that left it open does not tell; the rate of decoding does, which is the
        tokens after the first over the mean time.
        """
        found = at(self.config, "scenario", "generate_kwargs", "max_new_tokens")
        if count(found):
            return count(found)
        rate = amount(at(self.report, "decode", "throughput", "value"))
        times = amounts(at(self.report, "decode", "latency", "values"))
        if rate is None or times is None or not self.batch:
            return None
        steps = rate * sum(times) / len(times) / (self.batch * self.beams)
        return round(steps) + 1 if 0.5 < steps < 1e9 and abs(steps - round(steps)) < 1e-6 else None

    @property
    def beams(self) -> int:
        """Return how many beams are searched."""
        return count(at(self.config, "scenario", "generate_kwargs", "num_beams")) or 1

    @property
    def lengths(self) -> list[str]:
        """Return the lengths as parts of a name: ``in16``."""
        parts = (("in", self.prompt_tokens), ("out", self.new_tokens), ("batch", self.batch))
        return [f"{short}{number}" for short, number in parts if number]

    def times(self, target: str) -> list[float]:
        """Return the seconds of a target's repeats, none where it was not timed.

        Raises:
            InputError: they are no list of times, or in another unit.
        """
        latency = table(self.report.get(target)).get("latency")
        if latency is None:
            return []
        found, unit = amounts(at(latency, "values")), at(latency, "unit")
        if found is None or unit != "s":
            raise InputError(
                f"{self.where}: the latency of '{target}' has no list 'values' of seconds."
            )
        return found

    @property
    def setting(self) -> str:
        """Return what else two results must share to be compared."""
        found = {name: kept(self.backend.get(name)) for name in sorted(_SETTINGS)}
        return " ".join(
            f"{key}={value}"[:80] for key, value in found.items() if value not in (None, "")
        )

    @property
    def model(self) -> ImportedModel:
        """Return the model."""
        told = self.backend
        return ImportedModel(
            name=base_name(text(told.get("model"))) or "unnamed",
            architecture=text(told.get("model_type")) or None,
            dtype=text(told.get("torch_dtype")) or text(told.get("dtype")) or None,
            device=text(told.get("device")) or None,
            quantization=text(told.get("quantization_scheme")),
        )

    @property
    def host(self) -> ImportedHost:
        """Return the machine and the software."""
        told = table(self.config.get("environment"))
        gpus = told.get("gpu")
        ram = amount(told.get("cpu_ram_mb"))
        hardware = {
            "cpu": text(told.get("cpu")).strip(),
            "gpu": ", ".join(map(text, gpus)) if isinstance(gpus, list) else text(gpus),
            "memory_bytes": "" if ram is None else f"{ram * 1e6:.0f}",
        }
        software = {name: text(told.get(f"{name}_version")) for name in _SOFTWARE}
        software[text(self.backend.get("name")) or "backend"] = text(self.backend.get("version"))
        return ImportedHost(
            hardware={key: value for key, value in hardware.items() if value},
            software={key: value for key, value in software.items() if value},
        )
