"""What a load test is asked to do: levels, times in units, and objectives in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from slmbench.errors import InputError
from slmbench.schema.load_spec import SLO_KEYS, LoadSpec, parse_slo
from slmbench.schema.strict import parse


def test_an_objective_is_read_in_seconds() -> None:
    assert parse_slo("ttft:200ms, tpot:50ms") == {"ttft": 0.2, "tpot": 0.05}
    assert parse_slo("") == {} == LoadSpec().limits_s
    assert LoadSpec(slo="e2e:2s").limits_s == {"e2e": 2.0}


@given(
    st.dictionaries(
        st.sampled_from(SLO_KEYS), st.integers(min_value=1, max_value=10**6), min_size=1
    )
)
def test_every_objective_is_read_back(limits_ms: dict[str, int]) -> None:
    text = ",".join(f"{key}:{limit}ms" for key, limit in limits_ms.items())
    assert parse_slo(text) == pytest.approx({k: v / 1000 for k, v in limits_ms.items()})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tttf:200ms", "'tttf:200ms' is no bound"),
        ("ttft=200ms", "is no bound"),
        ("ttft:fast", "not a quantity"),
        ("ttft:0ms", "above 0"),
        ("ttft:-1s", "above 0"),
        ("ttft:1s,ttft:2s", "bounded twice"),
    ],
)
def test_a_wrong_objective_is_named(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse(LoadSpec, {"slo": text}, "here")


@given(st.text(alphabet="ttftpo:,1ms ", max_size=12))
def test_an_objective_is_read_or_refused(text: str) -> None:
    try:
        limits = parse_slo(text)
    except ValueError:
        return
    assert all(limit > 0 for limit in limits.values())


def test_the_command_lines_words_are_understood() -> None:
    load = LoadSpec.model_validate(
        {"mode": "open", "rates": "0.5, 2,4", "duration_s": "1min", "ramp_s": "500ms"}
    )
    assert load.rates == (0.5, 2.0, 4.0) and load.duration_s == 60.0 and load.ramp_s == 0.5
    assert LoadSpec.model_validate({"concurrencies": 3}).concurrencies == (3,)
    assert LoadSpec.model_validate_json(load.model_dump_json()) == load


@pytest.mark.parametrize(
    "raw",
    [
        {"mode": "open"},
        {"mode": "closed", "concurrencies": []},
        {"concurrencies": "4,2"},
        {"concurrencies": "2,2"},
        {"concurrencies": "0"},
        {"rates": "0"},
        {"rates": "fast"},
        {"duration_s": "4s", "ramp_s": "2s"},
        {"duration_s": "5 parsec"},
        {"arrival": "bursty"},
        {"slo_share": 1.0},
        {"rate": 1},
    ],
)
def test_what_makes_no_stage_is_refused(raw: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LoadSpec.model_validate(raw)
