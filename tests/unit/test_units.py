"""Quantities are read and printed the same way everywhere."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmbench.errors import InputError
from slmbench.units import clock, format_value, parse_quantity

UNITS = {
    "B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
    "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30, "TiB": 2.0**40,
    "ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0,
    "J": 1.0, "kJ": 1e3, "Wh": 3600.0, "kWh": 3.6e6, "%": 0.01, "": 1.0,
}  # fmt: skip
NUMBERS = st.floats(min_value=-1e12, max_value=1e12, allow_nan=False)


@given(number=NUMBERS, unit=st.sampled_from(sorted(UNITS)), space=st.sampled_from(["", " ", "  "]))
def test_a_number_with_a_unit_is_read(number: float, unit: str, space: str) -> None:
    read = parse_quantity(f"{number!r}{space}{unit}")
    assert read == pytest.approx(number * UNITS[unit], rel=1e-12)


@given(number=NUMBERS, unit=st.sampled_from(["B", "KiB", "GB", "ms", "min", "h"]))
def test_the_case_of_bytes_and_seconds_does_not_matter(number: float, unit: str) -> None:
    texts = {f"{number!r} {each}" for each in (unit, unit.lower(), unit.upper())}
    assert len({parse_quantity(text) for text in texts}) == 1


def test_the_case_of_joules_does() -> None:
    assert parse_quantity("1 mJ") == pytest.approx(1e-3)
    assert parse_quantity("1 MJ") == pytest.approx(1e6)


@given(st.one_of(NUMBERS, st.integers(-(10**9), 10**9)))
def test_a_bare_number_is_taken_as_it_is(number: float) -> None:
    assert parse_quantity(number) == number


@pytest.mark.parametrize(
    "text", ["", "GiB", "1 2", "1,5 GiB", "six", "nan", "inf", "--1", "1 GiB/s", "0x10", True]
)
def test_what_is_no_quantity_is_refused(text: object) -> None:
    with pytest.raises(InputError, match="not a quantity"):
        parse_quantity(text)  # type: ignore[arg-type]


def test_an_unknown_unit_names_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"unknown unit 'parsec'.*KiB.*ms.*kWh"):
        parse_quantity("3 parsec")


@given(st.text(max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        assert math.isfinite(parse_quantity(text)) or "e" in text.lower()
    except InputError as error:
        assert text in str(error)


@given(
    value=st.floats(min_value=1e-6, max_value=1e14),
    unit=st.sampled_from(["bytes", "s", "J", "", "tokens/s"]),
)
def test_what_is_printed_is_near_what_was_measured(value: float, unit: str) -> None:
    text = format_value(value, unit)
    assert len(text) < 24
    if unit in ("bytes", "s"):
        assert parse_quantity(text) == pytest.approx(value, rel=5e-3, abs=1e-9)
    else:
        number, _, shown = text.partition(" ")
        assert float(number) == pytest.approx(value, rel=5e-3) and shown == unit


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1.5 * 2**30, "bytes", "1.5 GiB"),
        (512.0, "bytes", "512 B"),
        (0.0123, "s", "12.3 ms"),
        (3.0, "s", "3 s"),
        (4e-5, "s", "40 us"),
        (0.42131, "", "0.4213"),
        (0.0, "J", "0 J"),
        (-2.0 * 2**20, "bytes", "-2 MiB"),
    ],
)
def test_values_are_printed_for_people(value: float, unit: str, text: str) -> None:
    assert format_value(value, unit) == text


def test_the_clock_goes_forward_in_seconds() -> None:
    times = [clock() for _ in range(100)]
    assert times == sorted(times) and times[-1] - times[0] < 5.0
