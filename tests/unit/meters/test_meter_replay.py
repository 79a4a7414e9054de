"""Check that a trace plays back what it holds, and no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from slmbench.errors import InputError
from slmbench.meters.replay import Replay
from slmbench.schema.base import Absent, Measured

TRACE = Path(__file__).parent / "data" / "synthetic_energy.csv"
ROW = {"window": "a", "reading": "energy_j", "unit": "J", "value": 2.0, "how": "rapl"}


def play(meter: Replay) -> dict[str, Measured | Absent]:
    meter.open()
    return meter.close()


def test_windows_play_in_order_and_then_end() -> None:
    meter = Replay(trace=TRACE)
    first, second, third, fourth, fifth = (play(meter) for _ in range(5))
    assert first["energy_j"] == Measured(
        value=12.5, unit="J", n=1, interval=None, how="counter",
        source="replay of synthetic_energy.csv",
    )  # fmt: skip
    assert isinstance(second["energy_j"], Measured) and second["energy_j"].value == 40.25
    for ended in (third, fourth, fifth):
        assert set(ended) == {"energy_j", "gpu_energy_j"}
        assert all(isinstance(value, Absent) for value in ended.values())
    assert "no value" in third["energy_j"].reason  # type: ignore[union-attr]
    assert "ended after 3" in fourth["energy_j"].reason  # type: ignore[union-attr]


def test_how_comes_from_the_trace() -> None:
    assert Replay(trace=[ROW]).how == "rapl"
    mixed = Replay(trace=[ROW, {**ROW, "reading": "gpu_energy_j", "how": "counter"}])
    assert mixed.how == "counter+rapl"
    readings = play(mixed)
    assert readings["gpu_energy_j"].how == "counter"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        ([], "no window"),
        ([{k: v for k, v in ROW.items() if k != "how"}], "row 1: no how"),
        ([{**ROW, "value": "much"}], "'much' isn't a number"),
        ([{**ROW, "value": "nan"}], "isn't finite"),
        ([{**ROW, "window": " "}], "must not be empty"),
        ([ROW, ROW], "row 2: window 'a' has 'energy_j' twice"),
    ],
)
def test_bad_traces_are_named(rows: list[dict[str, object]], match: str) -> None:
    with pytest.raises(InputError, match=match):
        Replay(trace=rows)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be read"):
        Replay(trace=tmp_path / "none.csv")
