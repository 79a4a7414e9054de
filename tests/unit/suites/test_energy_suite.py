"""The energy suite's arithmetic on recorded sensors: gross, net, carbon, cost, and its refusals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from slmbench.backends.fake import Fake
from slmbench.errors import InputError
from slmbench.meters.trace import RawTrace
from slmbench.plan.tasks import local_tasks
from slmbench.ports import Meter
from slmbench.schema.base import Absent, Measured, Measurement
from slmbench.schema.energy_spec import EnergySpec
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.plan import Job
from slmbench.schema.record import JobResult
from slmbench.suites.energy import figures
from slmbench.suites.energy.instrument import energy_meter, window_length
from slmbench.suites.energy.suite import Energy
from slmbench.suites.energy.windows import Window, net_idle_w
from slmbench.suites.workload_file import Workload
from tests.contract.memory_context import MemoryContext

WORKLOAD = Workload(
    workload="w", version=1.0, text="t", prompt_tokens=100, output_tokens=50, batch_size=2
)
#: Ticks of every recorded window.
TICKS = 20


def joules(value: float) -> Measured:
    return Measured(value=value, unit="J", n=1, interval=None, how="counter", source="a counter")


def trace(*powers_w: float, tick_s: float = 0.01) -> RawTrace:
    """Return a recording of windows on a counter, each of twenty ticks at a power of its own."""
    rows: list[dict[str, Any]] = []
    at, units = 0, 0.0

    def row(sensor: str, quantity: str, raw: object) -> None:
        rows.append(
            {
                "at_s": at * tick_s,
                "sensor": sensor,
                "quantity": quantity,
                "raw": raw,
                "wraps_at": "",
            }
        )

    row("gpu0", "nvml_energy_mj", 0.0)
    for number, power_w in enumerate(powers_w):
        row(f"w{number}", "window_open", "")
        for _ in range(TICKS):
            at += 1
            units += power_w * tick_s * 1000.0
            row("gpu0", "nvml_energy_mj", units)
        row(f"w{number}", "window_close", "")
    return RawTrace(trace=rows)


class Recorded(MemoryContext):
    """A context whose sensors are a recording."""

    def __init__(self, meter: Meter, **spec: Any) -> None:
        super().__init__(**spec)
        self.recorded = meter

    def meter(self, name: str, **options: Any) -> Meter | Absent:
        return self.recorded if name == "zeus" else super().meter(name, **options)


def run(meter: Meter, **energy: Any) -> tuple[dict[str, Measurement], JobResult]:
    spec = {"window_s": 0.1, "windows": 2, "idle_s": 0.01, **energy}
    context = Recorded(meter, energy=spec)
    job = Job(job_id="energy/chat", suite="energy", task=local_tasks()["chat"])
    backend = Fake(ModelSpec(backend="fake", target="x"), "x")
    result = Energy().run(job, backend, context)
    assert context.progressed[-1] == (4, 4)
    return {metric.metric: metric.value for metric in result.metrics}, result


def value(found: Measurement) -> float:
    assert isinstance(found, Measured), found
    return found.value


def reason(found: Measurement | float) -> str:
    assert isinstance(found, Absent), found
    return found.reason


def test_gross_and_net_of_a_recorded_gpu() -> None:
    """Idle at 50 W before and 52 W after; work at 300 W: 60 J a window gross, 49.8 J net."""
    values, result = run(trace(50.0, 300.0, 300.0, 52.0), gco2e_per_kwh=100.0)
    (first, second) = result.raw["energy"]
    assert first["energy_j"] == pytest.approx(60.0) and first["elapsed_s"] == pytest.approx(0.2)
    requests = [int(each["requests"]) for each in (first, second)]
    gross = [60.0 / count for count in requests]
    assert value(values["j_per_request"]) == pytest.approx(sum(gross) / 2)
    assert value(values["j_per_output_token"]) == pytest.approx(sum(gross) / 2 / 32)
    assert value(values["wh_per_1000_requests"]) == pytest.approx(sum(gross) / 2 / 3.6)
    assert value(values["gco2e_per_1000_requests"]) == pytest.approx(sum(gross) / 2 / 3.6 * 0.1)
    share = (300.0 - 51.0) / 300.0
    for name in ("j_per_request", "j_per_output_token", "wh_per_1000_requests"):
        assert value(values[f"net_{name}"]) == pytest.approx(share * value(values[name]))
    idle = values["idle_power_w"]
    assert value(idle) == pytest.approx(51.0) and idle.n == 2  # type: ignore[union-attr]
    assert value(values["mean_power_w"]) == pytest.approx(300.0)
    assert [row["when"] for row in result.raw["idle"]] == ["before", "after"]
    assert result.details["idle"]["before_w"] == pytest.approx(50.0)
    assert result.details["idle"]["refused"] is None and "tenth" not in result.details["idle"]
    sources = {each.source for each in values.values() if isinstance(each, Measured)}
    (source,) = sources
    assert source is not None
    for part in ("batch 1", "replay of rows: gpu", "not measured in this run", "100 g/kWh"):
        assert part in source
    assert result.notes == ("replayed from the trace 'rows', not measured in this run",)
    assert {each.how for each in values.values() if isinstance(each, Measured)} == {"counter"}


def test_unsteady_idle_leaves_net_absent_and_gross_measured() -> None:
    values, result = run(trace(50.0, 300.0, 300.0, 90.0))
    assert value(values["j_per_request"]) > 0
    # The mean of 50 and 90 W leaves 230 W net: 23 W of drift would have been let pass.
    assert reason(values["net_j_per_request"]).count("idle is not steady: 50 W before and 90 W")
    assert "only 23 W of drift" in reason(values["net_j_per_request"])
    assert result.details["idle"]["refused"].startswith("idle is not steady")
    assert value(values["idle_power_w"]) == pytest.approx(70.0)


def test_no_idle_baseline_no_net() -> None:
    values, result = run(trace(300.0, 300.0), idle_s=0.0)
    assert "energy.idle_s is 0" in reason(values["net_j_per_request"])
    assert "energy.idle_s is 0" in reason(values["idle_power_w"])
    assert value(values["j_per_request"]) > 0 and "idle" not in result.raw


def test_a_counter_that_does_not_move_gives_nothing() -> None:
    values, result = run(trace(0.0, 0.0, 0.0, 0.0))
    assert "did not move" in reason(values["j_per_request"])
    assert {type(each) for each in values.values()} == {Absent}
    assert all(sample.status == "unscored" for sample in result.samples)


def test_a_window_too_short_for_the_tick_is_refused_with_the_length_it_needs() -> None:
    spec = {"window_s": 0.5}
    context = Recorded(trace(300.0, 300.0, tick_s=0.1), energy=spec)
    job = Job(job_id="energy/chat", suite="energy", task=local_tasks()["chat"])
    result = Energy().run(job, Fake(ModelSpec(backend="fake", target="x"), "x"), context)
    reasons = {reason(metric.value) for metric in result.metrics}
    assert reasons == {
        "energy.window_s is 0.5 s, too short for a sensor that ticks every 0.1 s: at least 1 s "
        "are needed"
    }


def test_the_length_is_chosen_from_the_tick() -> None:
    meter = trace(1.0, tick_s=0.1)
    assert window_length(None, meter) == pytest.approx(2.0)
    meter.tick_s = 0.01
    assert window_length(None, meter) == 0.5
    meter.tick_s = None
    assert window_length(None, meter) == 0.5 and window_length(0.001, meter) == 0.001


@pytest.mark.parametrize(
    ("before_w", "work_w", "after_w", "why"),
    [
        (50.0, 300.0, 70.0, None),
        (50.0, 300.0, 80.0, "not steady"),
        (80.0, 300.0, 50.0, "not steady"),
        (50.0, 50.0, 50.0, "no more than the 50 W of idle"),
        (50.0, 40.0, 50.0, "no more than the 50 W of idle"),
    ],
)
def test_the_rule_of_steadiness(
    before_w: float, work_w: float, after_w: float, why: str | None
) -> None:
    """At 300 W and 60 W idle 24 W of drift are let pass."""
    before, after = (Window(joules(w * 2.0), 2.0) for w in (before_w, after_w))
    found = net_idle_w([Window(joules(work_w * 3.0), 3.0, 5)], before, after)
    if why is None:
        assert found == pytest.approx((before_w + after_w) / 2)
    else:
        assert why in reason(found)


def test_what_is_not_measured_is_not_subtracted() -> None:
    lost = Window(Absent(reason="gone"), 2.0)
    known = Window(joules(100.0), 2.0)
    assert "before the work: gone" in reason(net_idle_w([known], lost, known))
    assert "after the work: gone" in reason(net_idle_w([known], known, lost))
    assert "no window of work" in reason(net_idle_w([lost], known, known))


def test_cost_by_tariff_and_hour() -> None:
    """3.6 MJ are 1 kWh: 0.30 USD; half an hour at 4 USD is 2 USD; over 1,000 requests."""
    spec = EnergySpec(usd_per_kwh=0.3, usd_per_hour=4.0)
    assert figures.run_usd(spec, 3.6e6, 1800.0) == pytest.approx(2.3)
    window = Window(joules(3.6e6), 1800.0, 1000)
    scores = figures.sample(WORKLOAD, 0, window, 0.0, 475.0, spec).scores
    assert scores["cost_usd_per_1000_requests"] == pytest.approx(2.3)
    assert scores["cost_usd_per_million_output_tokens"] == pytest.approx(2.3 / 50_000 * 1e6)
    # 1 Wh a request, 475 g a kWh.
    assert scores["wh_per_1000_requests"] == pytest.approx(1000.0)
    assert scores["gco2e_per_1000_requests"] == pytest.approx(475.0)
    assert scores["net_j_per_request"] == scores["j_per_request"] == pytest.approx(3600.0)
    assert set(scores) == set(figures.units(spec))
    assert not set(figures.COST_UNITS) & set(figures.units(EnergySpec()))


def test_a_price_list_needs_no_instrument() -> None:
    """100 tokens in at 0.5 and 50 out at 2 USD a million: 0.15 USD for 1,000 requests."""
    spec = EnergySpec(usd_per_million_input_tokens=0.5, usd_per_million_output_tokens=2.0)
    found = figures.price(spec, WORKLOAD)
    assert found is not None and found.value == pytest.approx(0.15) and found.how == "price table"
    assert figures.price(EnergySpec(), WORKLOAD) is None
    context = MemoryContext(energy={"estimate": False, "usd_per_million_output_tokens": 2.0})
    job = Job(job_id="energy/chat", suite="energy", task=local_tasks()["chat"])
    result = Energy().run(job, Fake(ModelSpec(backend="fake", target="x"), "x"), context)
    values = {metric.metric: metric.value for metric in result.metrics}
    assert value(values["price_usd_per_1000_requests"]) == pytest.approx(32 * 2.0 / 1000)
    assert "an estimate was not asked for" in reason(values["j_per_request"])


def test_the_devices_of_the_model_are_metered() -> None:
    asked: list[dict[str, Any]] = []

    class Asked(MemoryContext):
        def meter(self, name: str, **options: Any) -> Meter | Absent:
            asked.append({name: options})
            if name == "zeus" and options.get("gpu_indices") == []:
                raise InputError("No counter is left with gpu_indices=[].")
            return super().meter(name, **options)

    info = Fake(ModelSpec(backend="fake", target="x"), "x").info
    for device in ("cpu", "cuda", "cuda:3", "none"):
        meter = energy_meter(Asked(), replace(info, device=device))
        if device in ("cpu", "none"):
            assert not isinstance(meter, Absent) and meter.how == "estimated"
        else:
            assert f"own device ({device})" in reason(meter)  # type: ignore[arg-type]
    gpus = [each["zeus"]["gpu_indices"] for each in asked if "zeus" in each]
    assert gpus == [[], [0], [3], None]
    # llama.cpp and vLLM use a GPU that torch in this process knows nothing of.
    for device in ("gpu", "vllm", "mps"):
        assert "would leave out" in reason(energy_meter(Asked(), replace(info, device=device)))  # type: ignore[arg-type]
    found = energy_meter(Asked(energy={"estimate": False}), replace(info, device="cpu"))
    assert "No counter is left" in reason(found)  # type: ignore[arg-type]
