"""The numbers of a stage, from requests whose times were chosen by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmbench.schema.base import Absent, Measured, Measurement
from slmbench.schema.load_spec import LoadSpec
from slmbench.suites.load import saturation
from slmbench.suites.load.figures import Steady, metrics_of, names_of, samples_of, steady
from slmbench.suites.load.outcome import Outcome, Stage

LOAD = LoadSpec(duration_s=20, ramp_s=0, slo="ttft:200ms,tpot:50ms")
OPEN = Stage("open_10", True, 10.0)


def request(number: int, due: float, ttft: float = 0.1, gap: float = 0.02, n: int = 5) -> Outcome:
    first = due + ttft
    times = tuple(first + gap * i for i in range(n))
    return Outcome(number, due, due, times[-1], times, n)


def failed(number: int, due: float) -> Outcome:
    return Outcome(number, due, due, due + 0.01, failure="503: no room")


def values(window: Steady, load: LoadSpec = LOAD) -> dict[str, Measurement]:
    samples = samples_of(window, load, 64)
    found = metrics_of(window, samples, load, "chat", "here")
    assert [each.metric for each in found] == names_of(window.stage)
    return {each.metric.removeprefix(f"{window.stage.name}_"): each.value for each in found}


def number(value: Measurement) -> float:
    assert isinstance(value, Measured), value
    return value.value


def test_times_count_from_when_a_request_was_due() -> None:
    late = Outcome(0, 1.0, 1.4, 2.1, (1.5, 1.7, 2.1), 3)
    assert late.ttft_s == pytest.approx(0.5) and late.e2e_s == pytest.approx(1.1)
    assert late.late_s == pytest.approx(0.4) and late.tpot_s == pytest.approx(0.3)
    assert late.gaps_s == pytest.approx((0.2, 0.4))
    assert Outcome.from_json(late.to_json()) == late


def test_tokens_that_come_together_have_no_gaps() -> None:
    """Two events brought four tokens: the mean time is known, single gaps are not."""
    lumped = Outcome(0, 0.0, 0.0, 0.4, (0.1, 0.4), 4)
    assert lumped.gaps_s == () and lumped.tpot_s == pytest.approx(0.1)
    one = Outcome(0, 0.0, 0.0, 0.1, (0.1,), 1)
    assert one.tpot_s is None and one.holds({"tpot": 0.001, "itl": 0.001})


@pytest.mark.parametrize(
    ("limits", "holds"),
    [
        ({}, True),
        ({"ttft": 0.1}, True),
        ({"ttft": 0.0999}, False),
        ({"tpot": 0.02, "e2e": 0.18}, True),
        ({"itl": 0.0199}, False),
        ({"e2e": 0.17}, False),
        ({"ttft": 1.0, "tpot": 0.01}, False),
    ],
)
def test_every_bound_must_hold(limits: dict[str, float], holds: bool) -> None:
    # 1e-9 for the rounding of sums of decimal fractions.
    slack = {key: limit + 1e-9 for key, limit in limits.items()}
    assert request(0, 0.0).holds(slack) is holds
    assert not failed(0, 0.0).holds(slack)


def test_goodput_is_by_hand() -> None:
    """10 a second for 20 s; each fourth too slow at first, each tenth failed: 130 good ones."""
    outcomes = []
    for i in range(200):
        due = 0.05 + 0.1 * i
        outcomes.append(
            failed(i, due) if i % 10 == 9 else request(i, due, 0.3 if i % 4 == 0 else 0.1)
        )
    good = sum(i % 10 != 9 and i % 4 != 0 for i in range(200))
    found = values(steady(OPEN, outcomes, LOAD))
    assert good == 130
    assert number(found["goodput_per_s"]) == pytest.approx(130 / 20)
    assert number(found["slo_share"]) == pytest.approx(130 / 200)
    assert number(found["failed_share"]) == pytest.approx(20 / 200)
    slow = sum(i % 10 != 9 and i % 4 == 0 for i in range(200))
    assert number(found["ttft_s"]) == pytest.approx(0.1) and slow == 50
    # With failures last, the 200 times are 130 x 0.1, 50 x 0.3 and 20 x never.
    assert isinstance(found["ttft_s@p95"], Absent) and "failed" in found["ttft_s@p95"].reason
    assert isinstance(found["ttft_s@p99"], Absent)
    assert number(found["itl_s@p95"]) == pytest.approx(0.02)


def test_output_tokens_and_requests_are_those_that_ended_in_the_window() -> None:
    load = LoadSpec(duration_s=10, ramp_s=1)
    window = steady(OPEN, [request(i, 0.1 * i, 0.1, 0.1, 5) for i in range(100)], load)
    assert (window.start_s, window.end_s) == (1.0, 9.0)
    # Due at 1.0 ... 8.9 count; each ends 0.5 s after it was due, so 80 end in the window, too.
    assert [each.number for each in window.counted] == list(range(10, 90))
    found = values(window, load)
    assert number(found["requests_per_s"]) == pytest.approx(10.0)
    assert number(found["output_tokens_per_s"]) == pytest.approx(50.0)
    assert found["slo_share"] == found["goodput_per_s"] and isinstance(found["slo_share"], Absent)


def test_a_bound_on_requests_ends_the_window_sooner() -> None:
    load = LoadSpec(duration_s=100, ramp_s=1, requests=50)
    window = steady(OPEN, [request(i, 0.1 * i) for i in range(50)], load)
    assert (window.start_s, window.end_s) == pytest.approx((1.0, 3.9))
    short = steady(OPEN, [request(0, 0.0)], load.model_copy(update={"requests": 1}))
    assert short.length_s == 0.0 and short.offered_hz == 0.0 and short.counted == ()
    assert all(isinstance(each, Absent) for each in values(short, load).values())


@given(st.lists(st.tuples(st.floats(0.001, 5), st.booleans()), min_size=1, max_size=120))
def test_no_request_is_lost(rows: list[tuple[float, bool]]) -> None:
    outcomes = [
        request(i, 0.1 * i, time) if ok else failed(i, 0.1 * i) for i, (time, ok) in enumerate(rows)
    ]
    window = steady(OPEN, outcomes, LOAD)
    samples = samples_of(window, LOAD, 64)
    assert len(samples) == len(rows)
    assert sum(each.status == "failed" for each in samples) == sum(not ok for _, ok in rows)
    found = values(window)
    ordered = sorted(time if ok else math.inf for time, ok in rows)
    for name, q, needed in (("ttft_s", 0.5, 6), ("ttft_s@p90", 0.9, 36)):
        value = found[name]
        if isinstance(value, Absent):
            upper = np.quantile(ordered, q, method="higher")
            assert len(rows) < needed or math.isinf(upper)
            continue
        lower, upper = (float(np.quantile(ordered, q, method=m)) for m in ("lower", "higher"))
        assert lower - 1e-9 <= value.value <= upper + 1e-9 and value.n == len(rows)
        if value.interval is not None:
            assert value.interval.low <= value.value <= value.interval.high


def stage_of(rate: float, served: float, slow: bool = False) -> Steady:
    """A stage of a server that answers ``served`` a second, in the order in which they came."""
    outcomes, free = [], 0.0
    for i in range(int(rate * 20)):
        due = (i + 0.5) / rate
        free = max(free, due) + 1 / served
        outcomes.append(request(i, due, free - due + (0.3 if slow else 0.0), 0.0, 1))
    return steady(Stage(f"open_{rate:g}", True, rate), outcomes, LOAD)


def test_the_saturation_point_is_between_what_is_kept_up_with_and_what_is_not() -> None:
    windows = [stage_of(rate, 10.0) for rate in (4.0, 8.0, 12.0, 16.0)]
    assert [saturation.keeps_up(each) for each in windows] == [True, True, False, False]
    found = saturation.overall(windows, LOAD)
    knee = found["saturation_requests_per_s"]
    assert isinstance(knee, Measured) and knee.value == 8.0
    assert knee.source is not None and "no longer at 12" in knee.source
    assert number(found["slo_requests_per_s"]) == 8.0
    assert number(found["max_requests_per_s"]) == pytest.approx(10.0, rel=0.02)
    assert isinstance(found["saturation_concurrency"], Absent)


def test_what_was_not_reached_is_no_number() -> None:
    kept = saturation.overall([stage_of(4.0, 10.0), stage_of(8.0, 10.0)], LOAD)
    assert isinstance(kept["saturation_requests_per_s"], Absent)
    assert "8 requests/s were kept up with" in kept["saturation_requests_per_s"].reason
    # That the objective held at 8 a second is known all the same.
    assert number(kept["slo_requests_per_s"]) == 8.0
    never = saturation.overall([stage_of(12.0, 10.0), stage_of(16.0, 10.0)], LOAD)
    assert "not even at 12" in never["saturation_requests_per_s"].reason  # type: ignore[union-attr]
    slow = saturation.overall([stage_of(4.0, 10.0, slow=True)], LOAD)
    assert isinstance(slow["slo_requests_per_s"], Absent)
    assert all(isinstance(each, Absent) for each in saturation.overall([], LOAD).values())


@pytest.mark.parametrize(
    ("throughputs", "expected"), [((5, 9, 10, 10), 4), ((5, 5, 5, 5), 1), ((2, 4, 8, 16), None)]
)
def test_users_that_bring_nothing_are_too_many(
    throughputs: tuple[int, ...], expected: int | None
) -> None:
    windows = []
    for users, rate in zip((1, 2, 4, 8), throughputs, strict=True):
        outcomes = [request(i, (i + 0.1) / rate, 0.01, 0.0, 1) for i in range(20 * rate)]
        windows.append(steady(Stage(f"closed_{users}", False, users), outcomes, LOAD))
    found = saturation.overall(windows, LOAD)["saturation_concurrency"]
    assert (found.value if isinstance(found, Measured) else None) == expected
