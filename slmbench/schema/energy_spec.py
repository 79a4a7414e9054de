"""What the user asks of the energy suite: the windows, the idle baseline, carbon and prices."""

from __future__ import annotations

from pydantic import Field

from slmbench.schema.base import Frozen

#: A window holds at least so many ticks of its sensor: each end is known to one tick, so that the
#: joules are off by a tenth at most. Where the length is ours to choose it holds twice as many.
LEAST_TICKS = 10
CHOSEN_TICKS = 20
#: Metrics of capability jobs that stand for a model on a host, not for the model alone.
PER_CORRECT = ("seconds_per_correct", "j_per_correct", "usd_per_correct")


class EnergySpec(Frozen):
    """How energy is measured and what it is turned into; whether an estimate may stand in.

    Attributes:
        estimate: give a labelled estimate where the host has no sensor; else the energy is Absent.
        country: whose electricity's carbon intensity is taken: a code, an English name or
            ``world``.
        gco2e_per_kwh: your own carbon intensity, in place of the country's.
        cpu_power_w: the CPU's full-load power, for the estimate.
        window_s: seconds of one window; None chooses twenty ticks of the sensor, at least 0.5 s.
            One shorter than ten ticks is refused.
        windows: how many windows are measured.
        idle_s: seconds of each of the two quiet windows, before and after the work; None takes the
            length of a window, 0 measures no idle baseline and so gives no net numbers.
        usd_per_kwh: tariff of the electricity.
        usd_per_hour: price of the machine for an hour, amortised over the work.
        usd_per_million_input_tokens: a provider's price list, for what an answer would cost there.
        usd_per_million_output_tokens: the same, of what the model writes.
        per_correct: meter the energy of capability suites too, so that samples carry their share
            and jobs tell joules per correct answer; None does so where the run has the suite
            energy.
    """

    estimate: bool = True
    country: str = "world"
    gco2e_per_kwh: float | None = Field(default=None, ge=0)
    cpu_power_w: float | None = Field(default=None, gt=0)
    window_s: float | None = Field(default=None, gt=0)
    windows: int = Field(default=5, ge=2, le=1000)
    idle_s: float | None = Field(default=None, ge=0)
    usd_per_kwh: float | None = Field(default=None, ge=0)
    usd_per_hour: float | None = Field(default=None, ge=0)
    usd_per_million_input_tokens: float | None = Field(default=None, ge=0)
    usd_per_million_output_tokens: float | None = Field(default=None, ge=0)
    per_correct: bool | None = None
