"""Measure windows of work and of quiet, and subtract the one from the other."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from slmbench.ports import Backend, Meter
from slmbench.schema.base import Absent, Measured, Measurement
from slmbench.suites.energy.instrument import elapsed_of
from slmbench.suites.workload_file import Workload
from slmbench.suites.workloads import RoundPrompts, run_round
from slmbench.units import clock

#: How much of the net power the idle power may have drifted by.
DRIFT_SHARE = 0.1
RULE = (
    "net = gross - idle power x time, with the mean of the idle power before and after; given "
    f"where the two differ by no more than {DRIFT_SHARE:.0%} of the net power"
)


@dataclass(frozen=True)
class Window:
    """One window: its energy or why there is none, its seconds, its requests and its rounds."""

    energy: Measurement
    elapsed_s: float
    requests: int = 0
    rounds: int = 0

    @property
    def power_w(self) -> float | Absent:
        """Return the mean power, or why it is not known."""
        if isinstance(self.energy, Absent):
            return self.energy
        return self.energy.value / self.elapsed_s


def work(
    meter: Meter, length_s: float, asked: tuple[Workload, RoundPrompts, int], backend: Backend
) -> Window:
    """Run rounds until ``length_s`` seconds have passed.

    Args:
        meter: the instrument, closed.
        length_s: of the window, at least.
        asked: the workload, its prompts, and how many rounds of them were run before.
        backend: the model.
    """
    workload, prompts, before = asked
    rounds = 0
    meter.open()
    start = clock()
    while rounds == 0 or clock() - start < length_s:
        run_round(workload, prompts.of_round(before + rounds), backend)
        rounds += 1
    elapsed = clock() - start
    energy = meter.close()["energy_j"]
    return Window(energy, elapsed_of(meter, elapsed), rounds * workload.batch_size, rounds)


def quiet(meter: Meter, length_s: float) -> Window:
    """Do nothing for ``length_s`` seconds, with the model loaded."""
    if length_s <= 0:
        return Window(Absent(reason="no idle baseline was asked for (energy.idle_s is 0)"), 0.0)
    meter.open()
    start = clock()
    time.sleep(length_s)
    elapsed = clock() - start
    energy = meter.close()["energy_j"]
    return Window(energy, elapsed_of(meter, elapsed))


def idle_power_w(before: Window, after: Window) -> float | Absent:
    """Return the mean idle power of the two quiet windows, or why it is not known."""
    first, last = before.power_w, after.power_w
    for power, when in ((first, "before"), (last, "after")):
        if isinstance(power, Absent):
            return Absent(reason=f"the idle window {when} the work: {power.reason}")
    assert not isinstance(first, Absent) and not isinstance(last, Absent)
    return (first + last) / 2.0


def net_idle_w(windows: Sequence[Window], before: Window, after: Window) -> float | Absent:
    """Return the idle power to subtract, or why no net energy can be given.

    Refused where the idle power drifted by more than a tenth of the net power, since the net
    energy would then be off by more than a twentieth; and where the work drew no more than idle.
    """
    idle = idle_power_w(before, after)
    if isinstance(idle, Absent):
        return idle
    known = [each for each in windows if isinstance(each.energy, Measured)]
    seconds = sum(each.elapsed_s for each in known)
    if not seconds:
        return Absent(reason="no window of work was measured")
    joules = sum(each.energy.value for each in known if isinstance(each.energy, Measured))
    net_w = joules / seconds - idle
    if net_w <= 0.0:
        return Absent(
            reason=f"the work drew {joules / seconds:.3g} W, no more than the {idle:.3g} W of idle"
        )
    first, last = before.power_w, after.power_w
    assert not isinstance(first, Absent) and not isinstance(last, Absent)
    if abs(last - first) > DRIFT_SHARE * net_w:
        return Absent(
            reason=f"idle is not steady: {first:.3g} W before and {last:.3g} W after the work, and "
            f"only {DRIFT_SHARE * net_w:.2g} W of drift are let pass (a tenth of the net power)"
        )
    return idle
