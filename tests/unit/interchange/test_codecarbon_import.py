"""codecarbon's CSV, written by codecarbon 3.3.2: totals, all of them marked as estimates."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tool_results import FILES, numbers, read, runs_or_input_error, write

from slmbench.errors import InputError
from slmbench.schema.base import Absent

FORM = "codecarbon"
EMISSIONS = FILES / "codecarbon_emissions.csv"
TASKS = FILES / "codecarbon_tasks.csv"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_totals_are_the_last_row_of_a_run_in_joules_and_grams() -> None:
    written = rows(EMISSIONS)
    # The first run was flushed once: its second row has the whole of it.
    assert written[0]["run_id"] == written[1]["run_id"] != written[2]["run_id"]
    first, second = (run.record for run in read(FORM, EMISSIONS))
    found = numbers(first)
    energy = found["energy/codecarbon-tiny-work/energy_j"]
    assert energy.value == pytest.approx(float(written[1]["energy_consumed"]) * 3.6e6, rel=1e-12)
    assert (energy.unit, energy.n, energy.interval) == ("J", 1, None)
    parts = [found[f"energy/codecarbon-tiny-work/{part}_energy_j"] for part in ("cpu", "ram")]
    assert sum(part.value for part in parts) == pytest.approx(energy.value)
    assert found["energy/codecarbon-tiny-work/gco2e"].value == pytest.approx(
        float(written[1]["emissions"]) * 1e3, rel=1e-12
    )
    assert found["energy/codecarbon-tiny-work/mean_power_w"].value == pytest.approx(27.77, abs=0.01)
    assert first.created == "2026-11-21T23:20:49.000000+00:00" and first.model.name == "tiny work"
    assert first.jobs[0].details[FORM]["energy_consumed"] == written[1]["energy_consumed"]
    assert first.run_id != second.run_id


def test_every_energy_is_an_estimate_and_no_gpu_is_no_zero() -> None:
    for run in read(FORM, EMISSIONS):
        for path, value in numbers(run.record).items():
            if isinstance(value, Absent):
                continue
            is_time = path.endswith("elapsed_s")
            assert value.how == ("imported" if is_time else "estimated") + ": codecarbon 3.3.2"
        gpu = numbers(run.record)["energy/codecarbon-tiny-work/gpu_energy_j"]
        assert isinstance(gpu, Absent) and "no GPU" in gpu.reason


def test_power_is_absent_where_energy_and_time_do_not_belong_together() -> None:
    # codecarbon writes the energy of both tasks beside the time of the last one.
    power = numbers(read(FORM, EMISSIONS)[1].record)["energy/codecarbon-tiny-work/mean_power_w"]
    assert isinstance(power, Absent) and "55.8 W" in power.reason


def test_tasks_are_jobs_of_one_run() -> None:
    (run,) = read(FORM, TASKS)
    found = numbers(run.record)
    assert [job.task for job in run.record.jobs] == ["codecarbon-load", "codecarbon-ask"]
    assert found["energy/codecarbon-ask/elapsed_s"].value == float(rows(TASKS)[1]["duration"])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_tracker_of_today_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codecarbon = pytest.importorskip("codecarbon", reason="the extra energy isn't installed")
    monkeypatch.chdir(tmp_path)
    tracker = codecarbon.OfflineEmissionsTracker(
        country_iso_code="FRA", save_to_file=True, output_dir=str(tmp_path), log_level="critical",
        project_name="now", allow_multiple_runs=True,
    )  # fmt: skip
    tracker.start()
    sum(number * number for number in range(300_000))
    kg = tracker.stop()
    (run,) = read(FORM, tmp_path / "emissions.csv")
    found = numbers(run.record)
    assert found["energy/codecarbon-now/gco2e"].value == pytest.approx(kg * 1e3, rel=1e-9)
    assert run.record.origin.tool == f"codecarbon {codecarbon.__version__}"


def test_a_torn_file_is_refused_with_its_line(tmp_path: Path) -> None:
    whole = EMISSIONS.read_text()
    torn = write(tmp_path, whole[: whole.rindex(",Linux")], "torn.csv")
    with pytest.raises(InputError, match=r"torn\.csv', line 4"):
        read(FORM, torn)
    with pytest.raises(InputError, match="no row"):
        read(FORM, write(tmp_path, whole.splitlines()[0] + "\n", "empty.csv"))


_CELLS = st.text(max_size=4) | st.floats().map(str) | st.sampled_from(["", '"', "\n", "=1+1", "/a"])


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_cells_give_runs_or_an_input_error(tmp_path: Path, data: Any) -> None:
    header, *body = EMISSIONS.read_text().splitlines()
    cells = body[0].split(",")
    for _ in range(data.draw(st.integers(1, 5))):
        cells[data.draw(st.integers(0, len(cells) - 1))] = data.draw(_CELLS)
    whole = "\n".join([header, *body[1:], ",".join(cells)])
    runs_or_input_error(FORM, write(tmp_path, whole, "any.csv"))
