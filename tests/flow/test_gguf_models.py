"""One set of weights as a checkpoint and as GGUF files of three types: one store, one table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slmbench.store.reader import StoredRun, list_runs
from tests.conftest import slmbench
from tests.served_gguf import gguf_of

KINDS = ("F32", "Q8_0", "Q4_0")
LIMIT = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gguf")


@pytest.fixture(scope="module")
def runs(folder: Path) -> dict[str, StoredRun]:
    """Model's name -> its run: nano as a checkpoint, and as three files."""
    pytest.importorskip("torch")
    pytest.importorskip("lm_eval")
    files = [gguf_of("nano", folder, kind) for kind in KINDS]
    models = [
        part
        for kind, path in zip(KINDS, files, strict=True)
        for part in ("--model", f"gguf:{path},threads=1,name={kind}")
    ]
    done = slmbench(
        "run", "--model", "ref:nano,name=checkpoint", *models,
        "--suite", "accuracy,toxicity,memory",
        "--task", "log_triage,heldout_perplexity,everyday,chat",
        "--limit", LIMIT, "--store", "runs", cwd=folder,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "llama" not in done.err.lower().replace("llama.cpp", ""), done.err
    return {run.record.model.name: run for run in list_runs(str(folder / "runs"))}


def values(run: StoredRun) -> dict[str, Any]:
    return {metric.path: metric.value for metric in run.record.metrics}


def test_every_job_of_every_file_is_done(runs: dict[str, StoredRun]) -> None:
    assert set(runs) == {"checkpoint", *KINDS}
    for run in runs.values():
        assert all(job.status == "done" for job in run.record.jobs), run.record.jobs
        assert values(run)["memory/chat/peak_resident_bytes"].value > 10 * 2**20


def test_the_float32_file_is_the_checkpoint(runs: dict[str, StoredRun]) -> None:
    """Scores, and texts drawn at a temperature, are the same; perplexity to the sum's rounding."""
    mine, theirs = values(runs["F32"]), values(runs["checkpoint"])
    for name in (
        "accuracy/log_triage/acc", "toxicity/everyday/expected_max_toxicity",
        "toxicity/everyday/dist_2",
    ):  # fmt: skip
        assert mine[name].value == theirs[name].value, name
    name = "accuracy/heldout_perplexity/word_perplexity"
    assert mine[name].value == pytest.approx(theirs[name].value, rel=1e-5)


def test_quantized_files_are_smaller_and_differ_little(runs: dict[str, StoredRun]) -> None:
    whole, half, quarter = (values(runs[kind]) for kind in KINDS)
    for name in ("memory/chat/weight_bytes", "memory/chat/file_bytes"):
        assert whole[name].value / 3 > half[name].value > quarter[name].value > 0
    name = "accuracy/heldout_perplexity/bits_per_byte"
    exact = whole[name].value
    assert half[name].value == pytest.approx(exact, rel=0.01)
    assert quarter[name].value == pytest.approx(exact, rel=0.05)
    assert exact != half[name].value != quarter[name].value
    name = "accuracy/log_triage/acc"
    assert abs(half[name].value - whole[name].value) <= 2 / LIMIT
    assert abs(quarter[name].value - whole[name].value) <= 6 / LIMIT


def test_records_say_what_ran(runs: dict[str, StoredRun]) -> None:
    for kind in KINDS:
        model = runs[kind].record.model
        assert model.architecture == "llama" and model.dtype == kind
        assert model.fingerprint.quantization == ("" if kind == "F32" else kind)
        notes = runs[kind].record.jobs[0].details["engine"]
        assert any(note.startswith("llama.cpp of llama-cpp-python") for note in notes)
    weights = {run.record.model.fingerprint.weights for run in runs.values()}
    assert len(weights) == 4


def test_one_leaderboard_holds_them(runs: dict[str, StoredRun], folder: Path) -> None:
    done = slmbench("leaderboard", "runs", "-o", "page", cwd=folder)
    assert done.code == 0, done.err
    page = (folder / "page" / "index.html").read_text()
    assert "4 models" in page
    assert all(f">{name}<" in page for name in runs)


def test_what_quantizing_cost_is_compared_item_by_item(
    runs: dict[str, StoredRun], folder: Path
) -> None:
    done = slmbench(
        "compare", runs["F32"].record.run_id, runs["Q4_0"].record.run_id, "--json", cwd=folder
    )
    assert done.code == 0, done.err
    rows = {f"{row['suite']}/{row['task']}/{row['metric']}": row for row in done.json()["rows"]}
    row = rows["accuracy/log_triage/acc"]
    assert row["paired"] and row["n"] == LIMIT


def test_the_other_suites_run_on_a_file(folder: Path) -> None:
    """A judge may be a GGUF file too: it rates what another file wrote."""
    path = gguf_of("nano", folder, "Q4_0")
    done = slmbench(
        "run", "--model", f"gguf:{path},threads=1,name=Q4_0", "--judge", f"gguf:{path},name=judge",
        "--suite", "similarity,judge,rag,bias,latency,energy",
        "--task", "summary,summary_quality,town_questions,rumour_pairs,chat",
        "--limit", 2, "--store", "others", cwd=folder,
    )  # fmt: skip
    assert done.code == 0, done.err
    (run,) = list_runs(str(folder / "others"))
    assert all(job.status == "done" for job in run.record.jobs), run.record.jobs
    found = values(run)
    assert found["latency/chat/ttft_s"].value > found["latency/chat/tpot_s"].value > 0
    assert found["similarity/summary/chrf"].value > 0


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(b"PK\x03\x04" + b"\0" * 100, "is no GGUF file"), (None, "No GGUF file"), (60_000, "cut off")],
)
def test_a_bad_file_is_told_in_one_line(
    content: bytes | int | None, complaint: str, folder: Path, tmp_path: Path
) -> None:
    if content is not None:
        raw = content if isinstance(content, bytes) else gguf_of("nano", folder).read_bytes()
        (tmp_path / "bad.gguf").write_bytes(raw[:60_000])
    done = slmbench(
        "run", "--model", "gguf:bad.gguf", "--suite", "similarity", "--store", "runs", cwd=tmp_path
    )
    assert done.code == 2 and complaint in done.err and "bad.gguf" in done.err
    assert "Traceback" not in done.err
