"""What a window's joules come to: of each token and request, in carbon and in money."""

from __future__ import annotations

from slmbench.schema.base import Absent, Measured
from slmbench.schema.energy_spec import EnergySpec
from slmbench.schema.record import Sample
from slmbench.suites.energy.windows import Window
from slmbench.suites.taskfile import text_hash
from slmbench.suites.workload_file import Workload

J_PER_WH = 3600.0
#: Of every energy job: gross and net.
UNITS = {
    "j_per_output_token": "J",
    "j_per_request": "J",
    "wh_per_1000_requests": "Wh",
    "gco2e_per_1000_requests": "g",
    "net_j_per_output_token": "J",
    "net_j_per_request": "J",
    "net_wh_per_1000_requests": "Wh",
    "net_gco2e_per_1000_requests": "g",
    "mean_power_w": "W",
}
#: Added where the spec has a tariff or the price of an hour.
COST_UNITS = {"cost_usd_per_1000_requests": "USD", "cost_usd_per_million_output_tokens": "USD"}
PRICE = "price_usd_per_1000_requests"


def units(spec: EnergySpec) -> dict[str, str]:
    """Return the metrics that windows give under a spec, with their units."""
    return {**UNITS, **(COST_UNITS if has_cost(spec) else {})}


def has_cost(spec: EnergySpec) -> bool:
    """Say whether the spec tells what running the model costs."""
    return spec.usd_per_kwh is not None or spec.usd_per_hour is not None


def sample(
    workload: Workload,
    number: int,
    window: Window,
    idle_w: float | Absent,
    gco2e_per_kwh: float,
    spec: EnergySpec,
) -> Sample:
    """Return the sample of one window, with a score for each metric or the reason it has none."""
    made = Sample(
        sample_id=f"window-{number}",
        content_hash=text_hash(workload.workload, str(number)),
        output_tokens=window.requests * workload.output_tokens,
        elapsed_s=window.elapsed_s,
    )
    names = units(spec)
    if isinstance(window.energy, Absent):
        reason = window.energy.reason
        unscored = dict.fromkeys(names, reason)
        return made.model_copy(
            update={"unscored": unscored, "status": "unscored", "reason": reason}
        )
    scores = _joules(workload, window.energy.value, window.requests, gco2e_per_kwh)
    scores["mean_power_w"] = window.energy.value / window.elapsed_s
    if has_cost(spec):
        usd = run_usd(spec, window.energy.value, window.elapsed_s)
        scores["cost_usd_per_1000_requests"] = usd / window.requests * 1000.0
        tokens = window.requests * workload.output_tokens
        scores["cost_usd_per_million_output_tokens"] = usd / tokens * 1e6
    unscored = {}
    if isinstance(idle_w, Absent):
        unscored = {name: idle_w.reason for name in names if name.startswith("net_")}
    else:
        net_j = window.energy.value - idle_w * window.elapsed_s
        net = _joules(workload, net_j, window.requests, gco2e_per_kwh)
        scores |= {f"net_{name}": value for name, value in net.items()}
    return made.model_copy(update={"scores": scores, "unscored": unscored})


def run_usd(spec: EnergySpec, joules: float, seconds: float) -> float:
    """Return what a stretch of work costs: its kWh at the tariff, and its share of the hour."""
    kwh = joules / J_PER_WH / 1000.0
    return kwh * (spec.usd_per_kwh or 0.0) + seconds / 3600.0 * (spec.usd_per_hour or 0.0)


def price(spec: EnergySpec, workload: Workload) -> Measured | None:
    """Return what 1,000 requests cost by a provider's price list, or None where none is given."""
    given = (spec.usd_per_million_input_tokens, spec.usd_per_million_output_tokens)
    if given == (None, None):
        return None
    usd = workload.prompt_tokens * (given[0] or 0.0) + workload.output_tokens * (given[1] or 0.0)
    return Measured(
        value=usd / 1e6 * 1000.0,
        unit="USD",
        n=1,
        interval=None,
        how="price table",
        source=f"{workload.prompt_tokens} input tokens at {given[0] or 0.0:g} and "
        f"{workload.output_tokens} output tokens at {given[1] or 0.0:g} USD per million, as the "
        "spec says",
    )


def _joules(
    workload: Workload, joules: float, requests: int, gco2e_per_kwh: float
) -> dict[str, float]:
    each = joules / requests
    watt_hours = each * 1000.0 / J_PER_WH
    return {
        "j_per_output_token": each / workload.output_tokens,
        "j_per_request": each,
        "wh_per_1000_requests": watt_hours,
        "gco2e_per_1000_requests": watt_hours / 1000.0 * gco2e_per_kwh,
    }
