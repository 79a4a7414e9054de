"""The doctor's own work: a difference is read, the fixed work is fixed, the page tells cures."""

from __future__ import annotations

import math

import pytest

from slmbench.cli.doctor import _relative
from slmbench.errors import InputError
from slmbench.execute.calibration import FixedWork, calibrate
from slmbench.render.checkup_text import render_checkup
from slmbench.schema.checkup import Check, Checkup, Resolution


@pytest.mark.parametrize(("text", "value"), [("5%", 0.05), ("0.1", 0.1), ("2.5 %", 0.025)])
def test_a_difference_is_a_share(text: str, value: float) -> None:
    assert _relative(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["5", "0", "-1%", "100%", "fast", "5ms5"])
def test_another_difference_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="'"):
        _relative(text)


def test_calibrating_takes_the_turns_of_its_blocks() -> None:
    times = iter([9.0] * 3 + [1.0, 2.0, 2.0, 1.0] * 5)
    ratios, turn_s = calibrate(lambda: next(times), 5, seed=1)
    assert next(times, None) is None, "three turns of warm-up, then four in each block"
    assert turn_s == 1.5
    assert [abs(ratio) for ratio in ratios] == pytest.approx([math.log(2.0)] * 5)
    assert len({ratio > 0 for ratio in ratios}) == 2, "the order is random"


def test_the_fixed_work_fills_its_turn() -> None:
    work = FixedWork(0.02)
    fastest = min(work.run() for _ in range(5))
    assert 0.002 < fastest < 0.2


def test_the_page_tells_every_cure_and_the_answer() -> None:
    checks = (
        Check(area="host", name="load", status="warn", text="much", cure="end it\nall"),
        Check(area="sensors", name="RAPL", status="ok", text="two counters"),
    )
    given = {
        "work": "fixed work", "turn_s": 0.03, "blocks": 60, "difference": 0.05, "alpha": 0.0167,
        "noise": 0.021, "repeats_for_80": 14, "repeats_for_95": None, "default_repeats": 20,
        "shown_by_default": 0.041,
    }  # fmt: skip
    resolution = Resolution.model_validate(given)
    page = render_checkup(Checkup(checks=checks, resolutions=(resolution,), advice="No: never."))
    lines = page.splitlines()
    assert lines[0] == "Sensors" and lines.index("Host") > 0
    assert "  warn  load: much" in lines and "        cure: end it all" in lines
    assert "Can a difference of 5 % be shown here, now?" in lines
    row = next(line for line in lines if line.startswith("fixed work"))
    assert row.split()[2:] == ["30", "ms", "60", "2.1", "%", "14", "too", "many", "4.1", "%"]
    assert lines[-1] == "No: never."
