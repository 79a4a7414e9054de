"""Where a server is full: the most it answers, and the most at which it still answers well."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from slmbench.schema.base import Absent, Measured, Measurement
from slmbench.schema.load_spec import LoadSpec
from slmbench.suites.load.figures import NO_SLO, Steady, answered_rate

#: A backlog that grows by more than this share of the arrivals is growing for good: at 1.1 times
#: what a server can do it grows by 9 %, at 1.2 times by 17 %.
_GROWTH_SHARE = 0.1
#: More users that bring less than this are waiting for each other.
_GAIN_SHARE = 0.05
#: Units of the numbers about all stages together.
UNITS = {
    "max_requests_per_s": "requests/s",
    "saturation_requests_per_s": "requests/s",
    "saturation_concurrency": "users",
    "slo_requests_per_s": "requests/s",
}


def keeps_up(window: Steady) -> bool:
    """Say whether a stage's backlog stayed as it was, but for a tenth of what arrived."""
    growth = len(window.counted) - window.left_count
    return growth <= max(2.0, _GROWTH_SHARE * len(window.counted))


def slo_share(window: Steady, load: LoadSpec) -> float:
    """Return the share of a stage's requests that kept the objective; failed ones did not."""
    kept = sum(each.holds(load.limits_s) for each in window.counted)
    return kept / len(window.counted) if window.counted else 0.0


def overall(windows: Sequence[Steady], load: LoadSpec) -> dict[str, Measurement]:
    """Return the numbers about all stages together, by name."""
    full = [each for each in windows if each.length_s and each.counted]
    if not full:
        nothing = Absent(reason="no stage had a steady window in which a request was due")
        return dict.fromkeys(UNITS, nothing)
    best = max(full, key=lambda each: each.answered_hz)
    opened = [each for each in full if each.stage.is_open]
    return {
        "max_requests_per_s": answered_rate(best, f"the best stage, {best.stage.name}"),
        "saturation_requests_per_s": _saturation(opened),
        "saturation_concurrency": _users([each for each in full if not each.stage.is_open]),
        "slo_requests_per_s": _within_slo(opened, load),
    }


def _saturation(opened: Sequence[Steady]) -> Measurement:
    """Return the highest arrival rate that was kept up with, where a higher one was not."""
    if not opened:
        return Absent(reason="no open stage was run: mode=sweep, or mode=open,rates=...")
    found = _last(opened, keeps_up)
    if isinstance(found, Measured) and found.value == opened[-1].stage.level:
        return Absent(
            reason=f"not reached: {found.value:.4g} requests/s were kept up with, and no higher "
            "rate was tried"
        )
    return found


def _within_slo(opened: Sequence[Steady], load: LoadSpec) -> Measurement:
    if not load.limits_s:
        return NO_SLO
    if not opened:
        return Absent(reason="no open stage was run: mode=sweep, or mode=open,rates=...")
    return _last(opened, lambda each: slo_share(each, load) >= load.slo_share)


def _last(opened: Sequence[Steady], holds: Callable[[Steady], bool]) -> Measurement:
    """Return the highest rate up to which every stage holds; the source names the next one."""
    count = next((i for i, each in enumerate(opened) if not holds(each)), len(opened))
    if count == 0:
        return Absent(reason=f"not even at {opened[0].stage.level:.4g} requests/s, the lowest rate")
    after = (
        f"no longer at {opened[count].stage.level:.4g}"
        if count < len(opened)
        else "no higher rate was tried"
    )
    return Measured(
        value=opened[count - 1].stage.level,
        unit="requests/s",
        n=len(opened[count - 1].counted),
        interval=None,
        how="clock",
        source=f"the highest of {len(opened)} rates up to which it holds; {after}",
    )


def _users(closed: Sequence[Steady]) -> Measurement:
    """Return the fewest users beyond whom more of them bring no more answers a second."""
    if len(closed) < 2:
        return Absent(reason="it takes two closed stages or more to see where throughput ends")
    for number, each in enumerate(closed[:-1]):
        if all(
            later.answered_hz < (1 + _GAIN_SHARE) * each.answered_hz
            for later in closed[number + 1 :]
        ):
            return Measured(
                value=each.stage.level,
                unit="users",
                n=len(closed),
                interval=None,
                how="clock",
                source=f"more users bring less than {_GAIN_SHARE:.0%} more answers a second",
            )
    return Absent(
        reason=f"not reached: throughput still grew at {closed[-1].stage.level:g} users, the most "
        "that were tried"
    )
