"""The Open LLM Leaderboard's tables: each row a run, each number what the row has."""

from __future__ import annotations

import csv
import re
import time
from pathlib import Path

import pytest

from slmbench.errors import InputError
from slmbench.interchange import open_llm_leaderboard
from slmbench.interchange.importing import ImportedRun, ImportFile
from slmbench.schema.base import Absent, Measured

SHARED = Path(__file__).resolve().parents[4] / "shared" / "published"
V1, V2 = SHARED / "open_llm_leaderboard_v1_20230915.csv", SHARED / "open_llm_leaderboard_v2.csv"
needs_v1 = pytest.mark.skipif(not V1.is_file(), reason="no published v1 table beside us")
needs_v2 = pytest.mark.skipif(not V2.is_file(), reason="no published v2 table beside us")
TASKS_V1 = {
    "ARC(25-shot)": "accuracy/arc_challenge_25shot/acc_norm",
    "HellaSwag(10-shot)": "accuracy/hellaswag_10shot/acc_norm",
    "MMLU(5-shot)": "accuracy/mmlu_5shot/acc",
    "TruthfulQA(0-shot)": "accuracy/truthfulqa_mc2_0shot/acc",
    "Average": "accuracy/open_llm_leaderboard_v1/mean_score",
}
TASKS_V2 = {
    "IFEval": "accuracy/leaderboard_ifeval/strict_acc",
    "BBH": "accuracy/leaderboard_bbh/acc_norm",
    "MATH Lvl 5": "accuracy/leaderboard_math_hard/exact_match",
    "GPQA": "accuracy/leaderboard_gpqa/acc_norm",
    "MUSR": "accuracy/leaderboard_musr/acc_norm",
    "MMLU-PRO": "accuracy/leaderboard_mmlu_pro/acc",
}
ROW = {
    "eval_name": "owner_model_bfloat16",
    "Precision": "bfloat16",
    "Model": '<a href="https://example.org">owner/model</a>',
    "fullname": "owner/model",
    "Architecture": "LlamaForCausalLM",
    "Average ⬆️": "25.5",
    "#Params (B)": "1.5",
    "Chat Template": "True",
    "CO₂ cost (kg)": "0.75",
    **{f"{name} Raw": "0.5" for name in TASKS_V2},
    **dict.fromkeys(TASKS_V2, "33.0"),
    "Submission Date": "2024-08-05",
}


def values(run: ImportedRun) -> dict[str, float]:
    return {m.path: m.value.value for m in run.record.metrics if isinstance(m.value, Measured)}


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def table(path: Path, *rows: dict[str, str]) -> ImportFile:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return ImportFile(path)


@needs_v1
def test_every_row_of_the_first_board_is_read_as_it_stands() -> None:
    runs, rows = open_llm_leaderboard.read(ImportFile(V1)), rows_of(V1)
    for run, row in zip(runs, rows, strict=True):
        found = values(run)
        assert run.record.model.name == row["Model"]
        assert found == {path: float(row[name]) / 100.0 for name, path in TASKS_V1.items()}
        kept = next(job for job in run.record.jobs if job.task == "open_llm_leaderboard_v1")
        assert kept.details["row"] == {k: v for k, v in row.items() if k != "Model"}
    assert len({run.record.run_id for run in runs}) == 1240
    assert runs[0].record.created.startswith("2023-09-15")


@needs_v2
def test_every_row_of_the_second_board_is_read_as_it_stands_and_fast() -> None:
    start = time.process_time()
    runs = open_llm_leaderboard.read(ImportFile(V2))
    seconds = time.process_time() - start
    rows = rows_of(V2)
    for line, (run, row) in enumerate(zip(runs, rows, strict=True), start=2):
        found = values(run)
        kept = next(job for job in run.record.jobs if job.task == "open_llm_leaderboard_v2")
        left_out = ("",) if row["Flagged"] == "True" else ("", "Model")
        assert kept.details["row"] == {k: v for k, v in row.items() if k not in left_out}
        assert kept.details["line"] == line and bool(kept.notes) is (left_out == ("",))
        assert run.record.model.name == row["fullname"]
        # What is left out says nothing more: the row's number, and links made of the name.
        links = re.findall(r'href="([^"]+)"', row["Model"])
        assert row[""] == str(line - 2)
        assert links[2:] == [] or row["Flagged"] == "True"
        assert links[:2] == [
            f"https://huggingface.co/{row['fullname']}",
            "https://huggingface.co/datasets/open-llm-leaderboard/"
            f"{row['fullname'].replace('/', '__')}-details",
        ]
        for name, path in TASKS_V2.items():
            assert found[path] == float(row[f"{name} Raw"])
            task = path.rpartition("/")[0]
            assert found[f"{task}/normalized_score"] == float(row[name]) / 100.0
        mean = found["accuracy/open_llm_leaderboard_v2/mean_normalized_score"]
        assert mean == float(row["Average ⬆️"]) / 100.0
        grams = found["energy/open_llm_leaderboard_v2/gco2e"]
        assert grams == float(row["CO₂ cost (kg)"]) * 1000.0
        size = float(row["#Params (B)"])
        assert run.record.model.parameter_count == (round(size * 1e9) if size > 0 else None)
    assert len({run.record.run_id for run in runs}) == len(rows) == 3827
    # 5 s of one core here; a limit that only a mistake in the order of growth can break.
    assert seconds < 60


def test_what_a_row_says_of_the_run(tmp_path: Path) -> None:
    (run,) = open_llm_leaderboard.read(table(tmp_path / "t.csv", ROW))
    record = run.record
    assert record.created == "2024-08-05T00:00:00.000000+00:00"
    assert record.model.architecture == "LlamaForCausalLM"
    assert (record.model.dtype, record.model.parameter_count) == ("bfloat16", 1_500_000_000)
    assert record.spec.apply_chat_template
    bbh = next(job for job in record.jobs if job.task == "leaderboard_bbh")
    assert bbh.fingerprints.task == "chat; 3-shot"
    assert bbh.details["num_fewshot"] == 3
    assert all(m.value.how == "published" for m in record.metrics if isinstance(m.value, Measured))


def test_no_size_and_no_emission_are_not_minus_one(tmp_path: Path) -> None:
    row = {**ROW, "#Params (B)": "-1.0", "CO₂ cost (kg)": "-1", "Precision": "4bit", "BBH Raw": ""}
    (run,) = open_llm_leaderboard.read(table(tmp_path / "t.csv", row))
    absent = {m.path for m in run.record.metrics if isinstance(m.value, Absent)}
    assert absent == {
        "energy/open_llm_leaderboard_v2/gco2e", "accuracy/leaderboard_bbh/acc_norm"
    }  # fmt: skip
    assert run.record.model.parameter_count is None and run.record.model.dtype is None
    assert run.record.model.fingerprint.quantization == "4bit"


def test_equal_rows_stay_two_runs(tmp_path: Path) -> None:
    runs = open_llm_leaderboard.read(table(tmp_path / "t.csv", ROW, ROW))
    assert len({run.record.run_id for run in runs}) == 2


def test_a_damaged_row_is_refused_with_its_line(tmp_path: Path) -> None:
    file = table(tmp_path / "t.csv", ROW, {**ROW, "GPQA Raw": "half"})
    with pytest.raises(InputError, match=r"line 3, GPQA Raw: 'half' is not a number"):
        open_llm_leaderboard.read(file)


def test_another_table_is_not_taken_for_it(tmp_path: Path) -> None:
    other = table(tmp_path / "t.csv", {"Model": "m", "Average": "1"})
    assert not open_llm_leaderboard.recognises(other)
    with pytest.raises(InputError, match="not of the format 'open-llm-leaderboard'"):
        open_llm_leaderboard.read(other)
