"""A verdict on a device is arithmetic of stated parts, and never a guess."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmbench.errors import InputError
from slmbench.resources import tasks_dir
from slmbench.schema.base import Absent
from slmbench.suites.memory.devices import (
    DeviceProfile,
    Need,
    bytes_of,
    fits,
    largest_context,
    load_devices,
)
from slmbench.suites.memory.kv_cache import CacheShape

FIVE_A_TOKEN = CacheShape(((5, None),))
UNKNOWN = Absent(reason="nobody knows")


def device(total: float, system: float = 0.0, runtime: float = 0.0) -> DeviceProfile:
    return DeviceProfile(
        name="mine", total_bytes=total, system_bytes=system, runtime_bytes=runtime, source="a test"
    )


def need(
    weights: float | Absent = 100.0,
    activations: float | Absent = 10.0,
    cache: CacheShape | Absent = FIVE_A_TOKEN,
    longest: int = 1000,
) -> Need:
    return Need(weights, activations, cache, longest)


def test_the_largest_context_is_what_is_left_over_a_token() -> None:
    assert largest_context(need(), device(200.0)) == (200 - 110) // 5
    assert largest_context(need(), device(240.0, system=30.0, runtime=10.0)) == 18
    assert largest_context(need(), device(114.0)) == 0
    assert largest_context(need(), device(115.0)) == 1
    assert largest_context(need(), device(10**9)) == 1000


def test_a_full_window_leaves_only_the_models_own_limit() -> None:
    windowed = need(cache=CacheShape(((5, 8),), constant_bytes=3))
    assert largest_context(windowed, device(110 + 40 + 3)) == 1000
    assert largest_context(windowed, device(110 + 40 + 2)) == 7


def test_a_no_needs_less_than_a_yes() -> None:
    """What is known may be too much already; to fit, everything must be known."""
    for unknown in (need(activations=UNKNOWN), need(cache=UNKNOWN)):
        assert fits(unknown, device(99.0), 1) is False
        assert largest_context(unknown, device(99.0)) == 0
        assert isinstance(fits(unknown, device(10**6), 1), Absent)
        assert isinstance(largest_context(unknown, device(10**6)), Absent)
    assert isinstance(fits(need(weights=UNKNOWN), device(50.0), 1), Absent)
    assert "weights: nobody knows" in str(fits(need(weights=UNKNOWN), device(10**6), 1))


@given(
    weights=st.floats(0, 1e12),
    activations=st.floats(0, 1e10),
    groups=st.lists(
        st.tuples(st.integers(1, 10**6), st.none() | st.integers(1, 10**5)), max_size=4
    ),
    constant=st.integers(0, 10**9),
    total=st.floats(1, 1e12),
    longest=st.integers(1, 10**7),
)
def test_the_largest_context_fits_and_the_next_does_not(
    weights: float,
    activations: float,
    groups: list[tuple[int, int | None]],
    constant: int,
    total: float,
    longest: int,
) -> None:
    wanted = need(weights, activations, CacheShape(tuple(groups), constant), longest)
    profile = device(total)
    found = largest_context(wanted, profile)
    assert isinstance(found, int) and 0 <= found <= longest
    if found:
        assert fits(wanted, profile, found) is True
    if found < longest:
        assert fits(wanted, profile, found + 1) is False


def test_shipped_profiles_are_whole_and_say_what_they_assume() -> None:
    known = load_devices()
    assert {"phone-6gb", "board-8gb", "laptop-16gb", "gpu-24gb"} <= set(known)
    readme = (tasks_dir() / "devices" / "README.md").read_text("utf-8")
    for name, profile in known.items():
        assert (tasks_dir() / "devices" / f"{name}.yaml").is_file() and f"| {name} |" in readme
        assert 0 < profile.budget_bytes < profile.total_bytes
        assert "assumption" in profile.source.lower()


def write(folder: Path, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text)
    return str(path)


def test_a_users_own_profile_counts(tmp_path: Path) -> None:
    text = "{name: mine, total_bytes: 4 GiB, system_bytes: 500 MB, runtime_bytes: 0, source: seen}"
    profile = load_devices([write(tmp_path, text)])["mine"]
    assert profile.budget_bytes == 4 * 2**30 - 500e6


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{name: mine}", "'total_bytes' is missing"),
        ("{name: mine, total: 4 GiB}", "unknown key 'total'"),
        ("{name: phone-6gb, total_bytes: 4 GiB, system_bytes: 0, runtime_bytes: 0, source: s}",
         "already named"),
        ("{name: mine, total_bytes: 4 s, system_bytes: 0, runtime_bytes: 0, source: s}",
         "no size in bytes"),
        ("{name: mine, total_bytes: -4 GiB, system_bytes: 0, runtime_bytes: 0, source: s}",
         "greater than 0"),
        ("{name: mine, total_bytes: many, system_bytes: 0, runtime_bytes: 0, source: s}",
         "not a quantity"),
        ("{name: a/b, total_bytes: 4 GiB, system_bytes: 0, runtime_bytes: 0, source: s}", "name"),
        ("[1]", "must hold a mapping"),
    ],
)  # fmt: skip
def test_a_wrong_profile_names_the_mistake(text: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=why) as caught:
        load_devices([write(tmp_path, text)])
    assert "mine.yaml" in str(caught.value)


def test_a_missing_profile_is_named() -> None:
    with pytest.raises(InputError, match=r"nowhere\.yaml"):
        load_devices(["nowhere.yaml"])


@given(st.text(max_size=12))
def test_a_size_is_bytes_or_a_value_error(text: str) -> None:
    try:
        assert bytes_of(text) == bytes_of(text)
    except ValueError as error:
        assert str(error)


def test_the_field_is_never_below_zero() -> None:
    assert device(10.0, system=20.0).budget_bytes == 0.0
    assert largest_context(need(0.0, 0.0), device(10.0, system=20.0)) == 0
