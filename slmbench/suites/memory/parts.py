"""Take a peak of memory apart: weights, cache, what was there before, and the rest."""

from __future__ import annotations

from collections.abc import Mapping

from slmbench.schema.base import Absent, Measured, Measurement


def loaded(resident: Measurement) -> Measurement:
    """Return what was resident just before the workload, as a reading of its own."""
    if isinstance(resident, Absent):
        return resident
    return resident.model_copy(update={"source": "resident with the model loaded, before it ran"})


def overhead(found: Mapping[str, Measurement], device: str) -> Measurement:
    """Return the peak less weights, less cache, less what was there before any weights.

    On a GPU the peak is that of its tensors, and nothing was there before. A rest below zero means
    that not all weights were resident at the peak (a file's pages come when they are first used).
    """
    on_gpu = device.startswith("cuda")
    names = ["peak_device_bytes" if on_gpu else "peak_resident_bytes", "weight_bytes"]
    names += ["kv_cache_bytes"] + ([] if on_gpu else ["baseline_resident_bytes"])
    values = _values(found, names)
    if isinstance(values, Absent):
        return values
    rest = values[0] - sum(values[1:])
    if rest < 0:
        return Absent(reason="the weights were not all resident at the peak")
    return _measured(rest, " - ".join(names))


def working(found: Mapping[str, Measurement], device: str) -> float | Absent:
    """Return what a round of the workload took beside weights and cache, in bytes.

    On a host it is how far the round's own peak rose above what was resident before it, or above
    what was there before the weights plus all of them: a mapped file's pages become resident when
    they are first used, and are no activations. The cache that the peak rose by is not taken off,
    so that the figure errs to the safe side.
    """
    if device.startswith("cuda"):
        values = _values(found, ["peak_device_bytes", "weight_bytes"])
    elif device == "cpu":
        values = _values(found, ["running_peak_resident_bytes", "loaded_resident_bytes"])
        whole = _values(found, ["baseline_resident_bytes", "weight_bytes"])
        if not isinstance(values, Absent) and not isinstance(whole, Absent):
            values[1] = max(values[1], sum(whole))
    else:
        return Absent(reason=f"no instrument tells the memory of tensors on {device}")
    return values if isinstance(values, Absent) else max(0.0, values[0] - values[1])


def activations(found: Mapping[str, Measurement], device: str) -> Measurement:
    """Return what a round of the workload took beside weights and its key/value cache.

    A cache that was there before the round began is none of the rise, so the figure is then too
    small, by the cache at most, and never below zero.
    """
    taken, cache = working(found, device), found["kv_cache_bytes"]
    if isinstance(taken, Absent):
        return taken
    if isinstance(cache, Absent):
        return Absent(reason=f"kv_cache_bytes: {cache.reason}")
    peak = "peak_device_bytes" if device.startswith("cuda") else "running_peak_resident_bytes"
    source = f"{peak} less weights and all that was held before, less kv_cache_bytes"
    return _measured(max(0.0, taken - cache.value), source)


def _values(found: Mapping[str, Measurement], names: list[str]) -> list[float] | Absent:
    values = []
    for name in names:
        value = found[name]
        if isinstance(value, Absent):
            return Absent(reason=f"{name}: {value.reason}")
        values.append(value.value)
    return values


def _measured(value: float, source: str) -> Measured:
    return Measured(value=value, unit="bytes", n=1, interval=None, how="counted", source=source)
