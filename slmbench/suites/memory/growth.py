"""How the key/value cache grows with the context: measured where that is cheap, and predicted."""

from __future__ import annotations

from dataclasses import dataclass

from slmbench.ports import Backend, MemoryProbe
from slmbench.schema.base import Absent, Measured, Measurement
from slmbench.suites.memory.kv_cache import CacheShape, cache_shape
from slmbench.suites.workload_file import Workload

#: The longest context that is measured for the curve alone; a workload's own is always measured.
_MEASURED_TOKENS = 512
#: A prediction further than this from what was measured is not used.
_TOLERANCE = 0.01
_USUAL_RULE = "by the configuration, for the cache that transformers' models keep"
_RULES = {"gguf": "by the file's head, for the cache that llama.cpp keeps"}


@dataclass(frozen=True)
class Growth:
    """A cache's bytes at several context lengths.

    Attributes:
        rows: (context_tokens, measured_bytes where measured, predicted_bytes where predicted).
        rule: what was predicted by which rule, or why nothing was.
        shape: how the cache grows; Absent where no prediction holds against what was measured.
        measured_at_workload: bytes after all of the workload's requests, measured.
        predicted_at_workload: the same, predicted.
    """

    rows: tuple[dict[str, float | int | str], ...]
    rule: str
    shape: CacheShape | Absent
    measured_at_workload: Measurement
    predicted_at_workload: Measurement


def grow(backend: Backend, workload: Workload) -> Growth:
    """Return how a backend's cache grows, up to the longest context of its model."""
    if not isinstance(backend, MemoryProbe):
        none = Absent(reason="the backend doesn't tell how its key/value cache grows")
        return Growth((), none.reason, none, none, none)
    config = backend.configuration()
    shape = cache_shape(config, backend.element_bytes())
    # The last token that is written never enters the cache.
    own = workload.prompt_tokens + workload.output_tokens - 1
    longest = backend.info.max_length
    curve = [2**power for power in range(4, longest.bit_length()) if 2**power <= longest]
    contexts = sorted({*curve, own, longest})
    measured = backend.cache_growth([n for n in contexts if n <= _MEASURED_TOKENS or n == own])
    if not isinstance(shape, Absent):
        shape = _checked(shape, measured)
    whole = measured[own]
    return Growth(
        rows=tuple(_row(n, measured.get(n), shape) for n in contexts),
        rule=shape.reason
        if isinstance(shape, Absent)
        else _RULES.get(config.get("model_type", ""), _USUAL_RULE),
        shape=shape,
        measured_at_workload=_times(whole, workload.batch_size),
        predicted_at_workload=_predicted(shape, own, workload.batch_size),
    )


def _checked(shape: CacheShape, measured: dict[int, Measurement]) -> CacheShape | Absent:
    """Return the prediction, or Absent where a measured length contradicts it."""
    for tokens, value in measured.items():
        if isinstance(value, Measured):
            told = shape.bytes_at(tokens)
            if abs(told - value.value) > _TOLERANCE * value.value:
                return Absent(
                    reason=f"predicted {told} bytes of cache at {tokens} tokens, measured "
                    f"{value.value:.0f}: the configuration doesn't tell how it grows"
                )
    return shape


def _row(
    tokens: int, measured: Measurement | None, shape: CacheShape | Absent
) -> dict[str, float | int | str]:
    row: dict[str, float | int | str] = {"context_tokens": tokens}
    if isinstance(measured, Measured):
        row["measured_bytes"] = measured.value
    if not isinstance(shape, Absent):
        row["predicted_bytes"] = shape.bytes_at(tokens)
    return row


def _times(one: Measurement, sequences: int) -> Measurement:
    if isinstance(one, Absent) or sequences == 1:
        return one
    value = one.value * sequences
    source = f"{one.source}; {sequences} sequences of it"
    return one.model_copy(update={"value": value, "interval": None, "source": source})


def _predicted(shape: CacheShape | Absent, tokens: int, sequences: int) -> Measurement:
    if isinstance(shape, Absent):
        return shape
    return Measured(
        value=float(shape.bytes_at(tokens, sequences)),
        unit="bytes",
        n=1,
        interval=None,
        how="estimated",
        source=f"by the configuration: {tokens} tokens of {sequences} sequence(s)",
    )
