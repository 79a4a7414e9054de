"""``slmbench.load``: tables in which a missing number is missing, and a board in a notebook."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

import slmbench
from slmbench.errors import InputError, RecordError
from slmbench.schema.base import Absent, Measured
from slmbench.schema.record import JobRecord, RunRecord
from slmbench.store.reader import StoredRun

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "records_v1"
RUN_ID = "20261121T095959.821363-golden-94a3d0"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of the golden run and of a copy of it under another id, a job of which failed."""
    for name, run_id in (("a", RUN_ID), ("b", "20261122T000000.000000-other-000000")):
        shutil.copytree(GOLDEN, tmp_path / "runs" / name)
        path = tmp_path / "runs" / name / "run.json"
        record = RunRecord.model_validate(
            {**json.loads(path.read_text()), "run_id": run_id, "finished": None}
        )
        if name == "b":
            lost = JobRecord(
                job_id="energy/chat", suite="energy", task="chat", status="failed", reason="killed"
            )
            record = record.model_copy(update={"jobs": (*record.jobs, lost)})
        path.write_text(record.model_dump_json())
    return tmp_path / "runs"


def test_a_store_is_its_runs_and_a_second_argument_names_one(store: Path) -> None:
    runs = slmbench.load(store)
    assert len(runs) == 2 and all(isinstance(run, StoredRun) for run in runs)
    assert repr(runs) == "<2 runs of golden>"
    assert len(slmbench.load([store, str(store)])) == 4
    (only,) = slmbench.load(GOLDEN)
    assert only.record.run_id == RUN_ID
    assert slmbench.load(RUN_ID, store).record.run_id == RUN_ID
    assert slmbench.load(str(GOLDEN), "unused").record == only.record


def test_what_is_not_there_is_said(store: Path, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="No store at"):
        slmbench.load(tmp_path / "nothing")
    with pytest.raises(RecordError, match="Did you mean"):
        slmbench.load("goldem", store)
    with pytest.raises(InputError, match="not both"):
        slmbench.load([store], store)
    with pytest.raises(InputError, match="Did you mean 'latency/chat'"):
        slmbench.load(store).arrow().samples("latency/chap")


def test_every_metric_is_a_row_and_a_missing_one_has_its_reason(store: Path) -> None:
    runs = slmbench.load(store)
    rows = runs.arrow().metrics().to_pylist()
    metrics = [(run.record.run_id, metric) for run in runs for metric in run.record.metrics]
    assert len(rows) == len(metrics) == 72
    for row, (run_id, metric) in zip(rows, metrics, strict=True):
        assert (row["run_id"], row["metric"]) == (run_id, metric.metric)
        if isinstance(metric.value, Measured):
            assert (row["value"], row["n"], row["how"], row["absent"]) == (
                metric.value.value, metric.value.n, metric.value.how, None
            )  # fmt: skip
        else:
            assert row["value"] is row["n"] is row["low"] is None
            assert row["absent"] == metric.value.reason
    assert any(isinstance(metric.value, Absent) for _, metric in metrics)


def test_data_frames_hold_what_the_tables_hold(store: Path) -> None:
    pandas = pytest.importorskip("pandas")
    runs = slmbench.load(store)
    frame = runs.metrics()
    table = runs.arrow().metrics()
    assert list(frame.columns) == table.column_names and len(frame) == table.num_rows
    missing = frame[frame["value"].isna()]
    assert len(missing) == table["value"].null_count > 0
    assert missing["absent"].notna().all() and frame[frame["value"].notna()]["absent"].isna().all()
    assert missing["n"].isna().all() and isinstance(frame["n"].dtype, pandas.Int64Dtype)
    assert runs.runs()["limit"].tolist() == [5.0, 5.0] and runs.runs()["num_fewshot"].isna().all()
    assert runs.runs()["hardware"][0]["cpu_threads"] == "2"


def test_a_failed_job_is_in_the_jobs_with_its_reason(store: Path) -> None:
    runs = slmbench.load(store).arrow()
    (lost,) = [row for row in runs.jobs().to_pylist() if row["status"] == "failed"]
    assert lost["reason"] == "killed" and lost["elapsed_s"] is None
    assert [row["jobs_failed"] for row in runs.runs().to_pylist()] == [0, 1]


def test_samples_have_a_column_for_each_score(store: Path) -> None:
    runs = slmbench.load(store)
    rows = runs.arrow().samples("similarity/paraphrase").to_pylist()
    samples = [s for run in runs for s in run.samples("similarity/paraphrase")]
    assert len(rows) == 10 and {row["run_id"] for row in rows} == {r.record.run_id for r in runs}
    for row, sample in zip(rows, samples, strict=True):
        scores = {key[6:]: v for key, v in row.items() if key.startswith("score_")}
        assert {name: v for name, v in scores.items() if v is not None} == sample.scores
        assert (row["sample_id"], row["output"]) == (sample.sample_id, sample.output)


def test_a_score_that_one_sample_lacks_is_null_with_its_reason(store: Path) -> None:
    from slmbench.analyse.frames import samples_table
    from slmbench.schema.record import Sample

    class Made(StoredRun):
        def samples(self, job_id: str) -> list[Sample]:
            return [
                Sample(sample_id="a", content_hash="", scores={"x": 1.5, "status": 0.0}),
                Sample(sample_id="b", content_hash="", unscored={"x": "empty\ud800"}),
                Sample(sample_id="c", content_hash="", status="failed", reason="cut off"),
            ]

    record = slmbench.load(GOLDEN).stored[0].record
    rows = samples_table([Made(record, "here")], "latency/chat").to_pylist()
    assert [row["score_x"] for row in rows] == [1.5, None, None]
    assert [row["unscored_x"] for row in rows] == [None, "empty?", None]
    assert [(row["status"], row["reason"]) for row in rows][2] == ("failed", "cut off")
    assert [row["score_status"] for row in rows] == [0.0, None, None]


def test_without_pandas_the_cure_is_named_and_arrow_works(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    runs = slmbench.load(store)
    for make in (runs.runs, runs.jobs, runs.metrics, lambda: runs.samples("latency/chat")):
        with pytest.raises(InputError, match=r"pip install 'slmbench\[pandas\]'"):
            make()
    tables = runs.arrow()
    for table in (tables.runs(), tables.jobs(), tables.metrics(), tables.samples("latency/chat")):
        assert isinstance(table, pa.Table) and table.num_rows


def test_tables_load_no_model_library() -> None:
    code = (
        "import slmbench, sys\n"
        f"tables = slmbench.load({str(GOLDEN)!r}).arrow()\n"
        "assert tables.metrics().num_rows and tables.samples('latency/chat').num_rows\n"
        "assert not {'torch', 'transformers', 'matplotlib', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_a_notebook_gets_the_page_in_a_sandbox(store: Path) -> None:
    title = 'A "board" <script>'
    shown = slmbench.load(store).leaderboard(title)
    frame = shown._repr_html_()
    parts = re.fullmatch(
        r'<iframe title="([^"<>]*)" sandbox="([a-z -]*)" style="[^"]*" srcdoc="([^"]*)"></iframe>',
        frame,
    )
    assert parts is not None and html.unescape(parts[1]) == title
    assert parts[2].split() == ["allow-scripts", "allow-downloads"]
    assert html.unescape(parts[3]) == shown.page and "<html" in shown.page
    assert "golden" in shown.page and len(repr(shown)) < 120
