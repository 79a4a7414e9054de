"""Look what on this host disturbs a measurement: limits, clocks, heat, and others at work."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from slmbench.meters import host
from slmbench.schema.checkup import Check

#: What `host_noise` measures -> (from where on it warns, how it reads, what to do).
_NOISE = {
    "load_pct": (50.0, "load is {:.0f} % of the usable CPUs", "end what else runs, or wait"),
    "busy_pct": (10.0, "others used {:.0f} % of CPU time just now", "end what else runs, or wait"),
    "steal_pct": (1.0, "the hypervisor gave {:.1f} % of CPU time to other guests",
                  "rent dedicated cores, or take more repeats"),
    "cpu_frequency_spread_pct": (25.0, "the cores' clocks lie {:.0f} % apart",
                                 "pin the work to equal cores (taskset)"),
}  # fmt: skip
_JITTER_S = 1e-3
_LITTLE_MEMORY_BYTES = 2 * 2**30
_LITTLE_DISK_BYTES = 5 * 2**30
_HOT_C = 85.0


def host_checks(
    noise: Mapping[str, float],
    free_memory_bytes: int,
    free_disk_bytes: int,
    root: Path = host.ROOT,
) -> list[Check]:
    """Return what was seen of the host; ``noise`` is what `meters.noise.host_noise` measured."""
    return [
        *_walls(root),
        *_clocks(root),
        *_others(noise, root),
        _space("memory", free_memory_bytes, _LITTLE_MEMORY_BYTES),
        _space("disk", free_disk_bytes, _LITTLE_DISK_BYTES),
    ]


def held_back(before: tuple[float | None, int | None], root: Path = host.ROOT) -> list[Check]:
    """Return what slowed the calibration; ``before`` is `counters` as it was when it began."""
    quota_s, heat = counters(root)
    found = []
    if quota_s is not None and before[0] is not None and quota_s > before[0]:
        text = f"the CPU quota stopped the container for {quota_s - before[0]:.2g} s just now"
        found.append(_check("quota", "warn", text, "raise the quota, or use fewer threads"))
    if heat is not None and before[1] is not None and heat > before[1]:
        text = f"the CPU was slowed for its heat {heat - before[1]} times just now"
        found.append(_check("heat", "warn", text, "let it cool; measure in shorter pieces"))
    return found


def counters(root: Path = host.ROOT) -> tuple[float | None, int | None]:
    """Return the seconds a CPU quota has held us back so far, and the slow-downs for heat."""
    return host.throttled_s(root), host.thermal_throttles(root)


def _walls(root: Path) -> list[Check]:
    found = []
    kind, machine = host.container(root), host.hypervisor(root)
    if kind:
        text = f"in a container ({kind}): what runs outside it isn't seen, but disturbs"
        found.append(_check("container", "note", text))
    quota, limit = host.cpu_quota(root), host.memory_limit_bytes(root)
    if quota is not None:
        text = f"CPU time is limited to {quota:g} CPUs: beyond it every thread is stopped"
        cure = "use no more threads than that (threads=N of a model)"
        found.append(_check("quota", "warn", text, cure))
    if limit is not None:
        text = f"memory is limited to {limit / 2**30:.1f} GiB"
        found.append(_check("memory limit", "note", text))
    if machine:
        text = f"in a {machine}: other guests may take its time, and sensors may be hidden"
        found.append(_check("hypervisor", "note", text))
    return found or [_check("walls", "ok", "no container, limit or hypervisor is seen")]


def _clocks(root: Path) -> list[Check]:
    found = []
    names, boost, heat = host.governors(root), host.turbo(root), host.cpu_temperature_c(root)
    if names and names != ("performance",):
        cure = "sudo cpupower frequency-set -g performance (slmbench changes no setting)"
        text = f"CPU governor {', '.join(names)}: clocks follow the load"
        found.append(_check("governor", "note", text, cure))
    elif names:
        found.append(_check("governor", "ok", "CPU governor performance"))
    else:
        found.append(_check("governor", "note", "the host doesn't tell its CPU governor"))
    if boost is not None:
        text = "on: clocks fall as the chip warms up" if boost else "off: clocks are steadier"
        found.append(_check("turbo", "note" if boost else "ok", text))
    if heat is not None:
        hot = heat >= _HOT_C
        text = f"{heat:.0f} degrees Celsius at the hottest sensor"
        found.append(_check("heat", "warn" if hot else "ok", text, "let it cool" if hot else None))
    return found


def _others(noise: Mapping[str, float], root: Path) -> list[Check]:
    found = []
    for name, (limit, words, cure) in _NOISE.items():
        if name in noise:
            much = noise[name] > limit
            text = words.format(noise[name])
            found.append(
                _check(name.removesuffix("_pct"), "warn" if much else "ok", text,
                       cure if much else None)
            )  # fmt: skip
    pressure = host.cpu_pressure_pct(root)
    if pressure is not None:
        text = f"some process waited for a CPU in {pressure:.0f} % of the last 10 s"
        found.append(_check("pressure", "warn" if pressure > 10.0 else "ok", text))
    if "timer_jitter_s" in noise:
        jitter_s = noise["timer_jitter_s"]
        text = f"a sleep of 1 ms comes back {1e3 * jitter_s:.2g} ms late (99 % sooner)"
        found.append(_check("timer", "warn" if jitter_s > _JITTER_S else "ok", text))
    return found


def _space(name: str, free_bytes: int, little_bytes: int) -> Check:
    text = f"{free_bytes / 2**30:.1f} GiB of {name} are free"
    return _check(name, "warn" if free_bytes < little_bytes else "ok", text)


def _check(name: str, status: str, text: str, cure: str | None = None) -> Check:
    return Check.model_validate(
        {"area": "host", "name": name, "status": status, "text": text, "cure": cure}
    )
