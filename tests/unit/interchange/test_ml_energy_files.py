"""ML.ENERGY's three formats: every published number is read, and none shares an unmarked column."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from slmbench.analyse.board import board
from slmbench.errors import InputError
from slmbench.interchange import ml_energy_v1, ml_energy_v2, ml_energy_v3
from slmbench.interchange.importing import ImportFile
from slmbench.interchange.read_files import read_files
from slmbench.schema.base import Absent, Measured
from slmbench.schema.record import RunRecord

SHARED = Path(__file__).resolve().parents[4] / "shared" / "published"
needs_v1 = pytest.mark.skipif(
    not (SHARED / "ml_energy_v1").is_dir(), reason="no published ML.ENERGY v1 tables beside us"
)
needs_v2 = pytest.mark.skipif(
    not (SHARED / "ml_energy_v2_chat").is_dir(), reason="no published ML.ENERGY v2 files beside us"
)
V1_HEADER = "model,throughput,response_length,latency,energy\n"
V2 = {
    "Model": "owner/model",
    "GPU": "NVIDIA H100 80GB HBM3",
    "TP": 1,
    "PP": 1,
    "Energy/req (J)": 60.0,
    "Avg TPOT (s)": 0.05,
    "Token tput (tok/s)": 2000.0,
    "Avg Output Tokens": 400.0,
    "Avg BS (reqs)": 63.5,
    "Max BS (reqs)": 64,
}
V3_SETTING = {
    "gpu_model": "H100",
    "num_gpus": 1,
    "max_num_seqs": 64,
    "max_num_batched_tokens": None,
    "parallelization": {"tensor_parallel": 1, "expert_parallel": 1, "data_parallel": 1},
    "energy_per_token_joules": 0.25,
    "energy_per_request_joules": 100.0,
    "median_itl_ms": 20.0,
    "p95_itl_ms": 32.0,
    "output_throughput_tokens_per_sec": 1500.0,
    "avg_batch_size": 63.0,
    "output_length_distribution": {"bins": [1.0, 2.0, 3.0], "counts": [150, 48]},
}
V3 = {
    "model_id": "owner/model",
    "task": "lm-arena-chat",
    "total_params_billions": 8.0,
    "activated_params_billions": 8.0,
    "weight_precision": "bfloat16",
    "architecture": "Dense Transformer",
    "configurations": [V3_SETTING],
}


def values(record: RunRecord) -> dict[str, float]:
    return {m.path: m.value.value for m in record.metrics if isinstance(m.value, Measured)}


def wrote(path: Path, content: Any) -> ImportFile:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return ImportFile(path)


@needs_v1
def test_every_row_of_the_first_tables_is_read_as_it_stands() -> None:
    rows_read = 0
    sizes = json.loads((SHARED / "ml_energy_v1" / "models.json").read_bytes())
    for path in sorted((SHARED / "ml_energy_v1").glob("*_benchmark.csv")):
        runs = ml_energy_v1.read(ImportFile(path))
        gpu, task = path.name.split("_")[:2]
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        for run, row in zip(runs, rows, strict=True):
            name = f"ml_energy_v1_{task.replace('-', '_')}"
            found = values(run.record)
            assert run.record.model.name == row["model"]
            assert run.record.environment.hardware["gpu_model"] == gpu
            assert found[f"energy/{name}/j_per_request"] == float(row["energy"])
            assert found[f"latency/{name}/e2e_s"] == float(row["latency"])
            assert found[f"latency/{name}/output_tokens_per_s"] == float(row["throughput"])
            assert found[f"latency/{name}/output_tokens"] == float(row["response_length"])
            each = float(row["energy"]) / float(row["response_length"])
            assert found[f"energy/{name}/j_per_output_token"] == each
            billions = sizes[row["model"]]["params"]
            assert run.record.model.parameter_count == round(billions * 1e9)
            rows_read += 1
    assert rows_read == 260


@needs_v1
def test_the_scores_of_the_first_tables_are_shares_with_their_few_shot_count() -> None:
    path = SHARED / "ml_energy_v1" / "score.csv"
    runs = ml_energy_v1.read(ImportFile(path))
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for run, row in zip(runs, rows, strict=True):
        found = values(run.record)
        assert found["accuracy/arc_challenge_25shot/acc_norm"] == float(row["arc"]) / 100.0
        assert found["accuracy/hellaswag_10shot/acc_norm"] == float(row["hellaswag"]) / 100.0
        assert found["accuracy/truthfulqa_mc2_0shot/acc"] == float(row["truthfulqa"]) / 100.0
        assert {job.details["num_fewshot"] for job in run.record.jobs if job.details} == {25, 10, 0}
    assert len(runs) == 23
    assert runs[0].record.model.parameter_count == 13_000_000_000


@needs_v2
def test_every_file_of_the_second_format_is_read_as_it_stands() -> None:
    paths = sorted((SHARED / "ml_energy_v2_chat").glob("*/*/*/*.json"))
    run_ids = set()
    sizes = json.loads((SHARED / "ml_energy_v2_chat" / "models.json").read_bytes())
    for path in paths:
        source = json.loads(path.read_text("utf-8"))
        (run,) = ml_energy_v2.read(ImportFile(path))
        found, record = values(run.record), run.record
        assert record.model.name == source["Model"]
        assert found["energy/ml_energy_v2_chat/j_per_request"] == source["Energy/req (J)"]
        assert found["latency/ml_energy_v2_chat/tpot_s"] == source["Avg TPOT (s)"]
        rate = found["latency/ml_energy_v2_chat/output_tokens_per_s"]
        assert rate == source["Token tput (tok/s)"]
        assert found["latency/ml_energy_v2_chat/output_tokens"] == source["Avg Output Tokens"]
        assert found["latency/ml_energy_v2_chat/mean_batch_size"] == source["Avg BS (reqs)"]
        joules = source["Energy/req (J)"] / source["Avg Output Tokens"]
        assert found["energy/ml_energy_v2_chat/j_per_output_token"] == joules
        assert record.environment.hardware["max_batch_size"] == str(source["Max BS (reqs)"])
        assert record.jobs[0].details["published"] == source
        assert record.model.parameter_count == round(sizes[source["Model"]]["params"] * 1e9)
        run_ids.add(record.run_id)
    assert len(run_ids) == len(paths) == 191


def test_a_batch_size_marks_its_numbers_and_is_a_row_of_its_own(tmp_path: Path) -> None:
    files = [
        wrote(tmp_path / "chat" / f"bs{batch}.json", {**V2, "Max BS (reqs)": batch})
        for batch in (64, 256)
    ]
    shown = board([ml_energy_v2.read(file)[0].record for file in files])
    at = [column.path for column in shown.columns].index(
        "energy/ml_energy_v2_chat/j_per_output_token"
    )
    badges = {mark.badge for row in shown.rows for mark in row.cells[at].marks}
    assert len(shown.rows) == 2
    assert {"v. bs64", "v. bs256", "pub."} <= badges
    assert all("batch 64" in row.label or "batch 256" in row.label for row in shown.rows)
    assert all(row.cells[at].rank is None for row in shown.rows)


def test_the_third_format_counts_its_requests_and_turns_milliseconds_to_seconds(
    tmp_path: Path,
) -> None:
    (run,) = ml_energy_v3.read(wrote(tmp_path / "one.json", V3))
    found = values(run.record)
    workload = "ml_energy_v3_lm_arena_chat"
    assert found[f"energy/{workload}/j_per_output_token"] == 0.25
    assert found[f"latency/{workload}/itl_s@p50"] == 0.02
    assert found[f"latency/{workload}/itl_s@p95"] == 0.032
    assert {m.value.n for m in run.record.jobs[0].metrics if isinstance(m.value, Measured)} == {198}
    assert run.record.model.parameter_count == 8_000_000_000
    assert run.record.model.dtype == "bfloat16"
    assert run.record.environment.hardware["gpu"] == "H100, batch 64"


def test_the_third_format_has_many_models_in_a_task_too(tmp_path: Path) -> None:
    flat = {key: value for key, value in V3_SETTING.items() if "_distribution" not in key}
    rows = [{**flat, "model_id": f"owner/{n}", "num_gpus": n, "total_params_billions": n}
            for n in (1, 2)]  # fmt: skip
    task = {"task": "gpqa", "task_display_name": "GPQA", "configurations": rows}
    runs = ml_energy_v3.read(wrote(tmp_path / "gpqa.json", task))
    assert [run.record.model.name for run in runs] == ["owner/1", "owner/2"]
    assert runs[1].record.environment.hardware["gpu"] == "2 x H100, batch 64"
    assert {m.value.n for m in runs[0].record.jobs[0].metrics if isinstance(m.value, Measured)} == {
        0
    }


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("A40_chat_benchmark.csv", V1_HEADER + "m,1,2,3\n", "line 2: 4 fields"),
        ("A40_chat_benchmark.csv", V1_HEADER + "m,1,2,3,much\n", "line 2, energy: 'much'"),
        ("A40_chat_benchmark.csv", V1_HEADER + ",1,2,3,4\n", "no name"),
        ("A40_chat_benchmark.csv", V1_HEADER, "no row"),
        ("mine.csv", V1_HEADER + "m,1,2,3,4\n", "GPU and task"),
        ("a.json", {**V2, "Max BS (reqs)": 0}, "'0' is not a count"),
        ("a.json", {**V2, "Avg TPOT (s)": "fast"}, "'fast' is not a number"),
        ("a.json", {k: v for k, v in V2.items() if k != "TP"}, "'TP' is missing"),
        ("a.json", {**V3, "configurations": [V3_SETTING, 7]}, "configuration 2"),
        ("a.json", {**V3, "configurations": [{**V3_SETTING, "num_gpus": "x"}]}, "num_gpus"),
        ("a.json", {**V3, "configurations": [{**V3_SETTING, "batch_latency_s": 1}]}, "pictures"),
    ],
)
def test_a_damaged_file_is_refused_with_its_place(
    tmp_path: Path, name: str, content: Any, complaint: str
) -> None:
    file = wrote(tmp_path / name, content)
    with pytest.raises(InputError, match=complaint.replace("(", r"\(")):
        read_files([str(file.path)])


def test_a_number_that_is_not_there_is_absent(tmp_path: Path) -> None:
    file = wrote(tmp_path / "A40_chat_benchmark.csv", V1_HEADER + "m,,0,nan,4\n")
    (run,) = ml_energy_v1.read(file)
    absent = {m.metric for m in run.record.metrics if isinstance(m.value, Absent)}
    assert absent == {"e2e_s", "output_tokens_per_s", "j_per_output_token"}
    assert values(run.record)["energy/ml_energy_v1_chat/j_per_request"] == 4.0


def test_a_file_says_the_same_twice_and_names_no_folder(tmp_path: Path) -> None:
    first = wrote(tmp_path / "a" / "bs.json", V2)
    second = wrote(tmp_path / "b" / "bs.json", V2)
    one, other = (ml_energy_v2.read(file)[0].record for file in (first, second))
    assert one == other
    assert one.origin is not None and list(one.origin.files) == ["bs.json"]
    assert str(tmp_path) not in one.model_dump_json()
