"""optimum-benchmark's benchmark.json, written by 0.6.0: repeats, token rates, memory, energy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from tool_results import FILES, damaged, numbers, read, runs_or_input_error, write

from slmbench.errors import InputError
from slmbench.interchange.importing import ImportFile
from slmbench.interchange.optimum_benchmark import part_of, recognises
from slmbench.schema.base import Absent
from slmbench.stats.quantiles import quantile_interval

FORM = "optimum-benchmark"
WRITTEN = FILES / "optimum_benchmark.json"
TASK = "optimum-benchmark-in16-out8-batch2"


def document() -> dict[str, Any]:
    return json.loads(WRITTEN.read_text())


def times(target: str) -> list[float]:
    return document()["report"][target]["latency"]["values"]


def test_times_are_medians_of_the_repeats_with_intervals() -> None:
    (run,) = read(FORM, WRITTEN)
    found = numbers(run.record)
    whole = found[f"latency/{TASK}/e2e_s"]
    report = document()["report"]["generate"]["latency"]
    assert (
        whole.value == pytest.approx(report["p50"], rel=1e-12) and whole.n == report["count"] == 8
    )
    assert whole.interval == quantile_interval(times("generate"), 0.5)
    assert whole.how == "imported: optimum-benchmark 0.6.0"
    tail = found[f"latency/{TASK}/e2e_s@p95"]
    assert tail.value == pytest.approx(report["p95"]) and tail.interval is None
    assert found[f"latency/{TASK}/ttft_s"].value == pytest.approx(np.median(times("prefill")))
    assert found[f"latency/{TASK}/tpot_s"].value == pytest.approx(np.median(times("decode")) / 7)
    rate = found[f"latency/{TASK}/decode_tokens_per_s"]
    assert rate.value == pytest.approx(float(np.median(2 * 7 / np.array(times("decode")))))
    prefill = found[f"latency/{TASK}/prefill_tokens_per_s"]
    assert prefill.value == pytest.approx(float(np.median(2 * 16 / np.array(times("prefill")))))
    assert found[f"latency/{TASK}/load_s"].value == times("load_model")[0]
    samples = run.samples[f"latency/{TASK}"]
    assert [each.scores["e2e_s"] for each in samples] == times("generate")
    assert samples[0].output_tokens == 16


def test_gaps_that_come_again_are_not_taken(tmp_path: Path) -> None:
    # 8 repeats of 7 gaps are 56; optimum-benchmark 0.6.0 wrote 280.
    assert len(times("per_token")) == 280
    gaps = numbers(read(FORM, WRITTEN)[0].record)[f"latency/{TASK}/itl_s"]
    assert isinstance(gaps, Absent) and "280" in gaps.reason
    right = document()
    right["report"]["per_token"]["latency"]["values"] = times("per_token")[-56:]
    (run,) = read(FORM, write(tmp_path, right, "benchmark.json"))
    median = numbers(run.record)[f"latency/{TASK}/itl_s"]
    assert median.value == pytest.approx(np.median(times("per_token")[-56:]))
    assert "8 groups" in median.interval.method


def test_memory_is_the_highest_and_energy_an_estimate() -> None:
    (run,) = read(FORM, WRITTEN)
    found, report = numbers(run.record), document()["report"]
    highest = max(each["memory"]["max_ram"] for each in report.values() if each["memory"])
    assert found[f"memory/{TASK}/peak_resident_bytes"].value == pytest.approx(highest * 1e6)
    assert f"memory/{TASK}/peak_device_bytes" not in found
    joules = report["generate"]["energy"]["total"] * 3.6e6
    token = found[f"energy/{TASK}/j_per_output_token"]
    assert token.value == pytest.approx(joules / 16)
    assert token.how == "estimated: codecarbon, by optimum-benchmark 0.6.0"
    request = found[f"energy/{TASK}/j_per_request"]
    assert request.value == pytest.approx(joules / 2) and request.n == 1
    assert found[f"energy/{TASK}/wh_per_1000_requests"].value == pytest.approx(joules / 7.2)


def test_model_and_machine_are_named_without_their_folders() -> None:
    record = read(FORM, WRITTEN)[0].record
    assert (record.model.name, record.model.dtype, record.model.device) == (
        "nano",
        "float32",
        "cpu",
    )
    assert record.environment.software["pytorch"] == "2.13.0+cpu"
    assert "/models" not in record.model_dump_json()
    kept = record.jobs[0].details[FORM]
    assert kept["report"]["generate"]["throughput"]["unit"] == "samples/s"
    assert kept["report"]["decode"] == document()["report"]["decode"]


def test_lengths_that_were_left_open_follow_from_the_rate(tmp_path: Path) -> None:
    left = document()
    left["config"]["scenario"]["generate_kwargs"] = {}
    (run,) = read(FORM, write(tmp_path, left, "benchmark.json"))
    (same,) = read(FORM, WRITTEN)
    assert numbers(run.record) == numbers(same.record)


def test_a_report_leads_to_the_benchmark_beside_it(tmp_path: Path) -> None:
    report = write(tmp_path, document()["report"], "benchmark_report.json")
    config = write(tmp_path, document()["config"], "benchmark_config.json")
    for path in (report, config):
        assert recognises(ImportFile(path)) and part_of(ImportFile(path)) is None
        with pytest.raises(InputError, match=r"import the benchmark\.json"):
            read(FORM, path)
    whole = write(tmp_path, document(), "benchmark.json")
    assert [part_of(ImportFile(path)) for path in (report, config, whole)] == [whole, whole, None]


def test_another_unit_is_refused(tmp_path: Path) -> None:
    other = document()
    other["report"]["prefill"]["latency"]["unit"] = "ms"
    with pytest.raises(InputError, match="'prefill'"):
        read(FORM, write(tmp_path, other, "benchmark.json"))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(found=damaged(document()))
def test_any_json_gives_runs_or_an_input_error(tmp_path: Path, found: Any) -> None:
    runs_or_input_error(FORM, write(tmp_path, found, "any.json"))
