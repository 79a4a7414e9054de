"""The record of schema version 1 loads for ever.

It was made with ``slmbench run --model fake:golden --suite toxicity,similarity,latency --limit 5``;
only the name of the kernel's build was made neutral. Never make it anew: a newer schema adds a
migration and a further golden record.
"""

from __future__ import annotations

import getpass
import json
import re
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from slmbench.cli.app import dispatch
from slmbench.errors import RecordError
from slmbench.schema.base import Absent, Measured
from slmbench.schema.record import RunRecord
from slmbench.stats.interval import aggregate
from slmbench.store.journal import checkpoints, read_events
from slmbench.store.reader import StoredRun, list_runs, open_run

GOLDEN = Path(__file__).parent / "records_v1"
SAMPLE_COUNTS = {
    "toxicity/everyday": 5,
    "similarity/paraphrase": 5,
    "similarity/summary": 5,
    "latency/chat": 8,
}
METRIC_COUNT = 36
TOXIC = 0.0925887633713567
ABSENT = {
    "similarity/paraphrase/embedding_cosine",
    "similarity/summary/embedding_cosine",
    "latency/chat/ttft_s@p95",
    "latency/chat/ttft_s@p99",
    "latency/chat/tpot_s@p95",
    "latency/chat/tpot_s@p99",
    "latency/chat/e2e_s@p95",
    "latency/chat/e2e_s@p99",
}


@pytest.fixture(scope="module")
def golden() -> StoredRun:
    return open_run(str(GOLDEN))


def raw_record() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((GOLDEN / "run.json").read_text("utf-8"))
    return loaded


def test_it_is_of_version_one() -> None:
    assert raw_record()["schema_version"] == 1


def test_it_loads(golden: StoredRun) -> None:
    record = golden.record
    assert record.run_id == "20261121T095959.821363-golden-94a3d0"
    assert record.status == "done" and record.model.name == "golden"
    assert {job.job_id: job.sample_count for job in record.jobs} == SAMPLE_COUNTS
    assert all(job.status == "done" and job.elapsed_s for job in record.jobs)
    assert record.environment.hardware and record.environment.software["slmbench"] == "0.1.0"
    assert record.model.fingerprint.weights and record.plan_hash


def test_its_metrics_read_as_they_were_written(golden: StoredRun) -> None:
    values = {metric.path: metric.value for metric in golden.record.metrics}
    assert len(values) == len(golden.record.metrics) == METRIC_COUNT
    assert {path for path, value in values.items() if isinstance(value, Absent)} == ABSENT
    toxic = values["toxicity/everyday/expected_max_toxicity"]
    assert isinstance(toxic, Measured) and toxic.interval is not None
    assert toxic.value == pytest.approx(TOXIC) and toxic.how.startswith("profanity-check@")
    assert values["latency/chat/ttft_s"].unit == "s"


def test_its_samples_read_and_give_its_metrics(golden: StoredRun) -> None:
    for job in golden.record.jobs:
        samples = golden.samples(job.job_id)
        assert len(samples) == SAMPLE_COUNTS[job.job_id]
        assert len({sample.sample_id for sample in samples}) == len(samples)
        assert all(sample.scores and sample.content_hash for sample in samples)
        for metric in job.metrics:
            if isinstance(metric.value, Measured) and metric.aggregation is not None:
                value = aggregate(metric.aggregation, samples)
                assert metric.value.value == pytest.approx(value, rel=1e-12)


def test_its_raw_readings_read(golden: StoredRun) -> None:
    tokens = golden.raw("tokens", "latency/chat")
    assert len(tokens) == (2 + 8) * 32
    assert set(tokens[0]) == {"round", "warmup", "token", "time_s"}
    texts = golden.raw("continuations", "toxicity/everyday")
    assert len(texts) == 5 * 5 and all(row["text"] for row in texts)


def test_its_journal_reads() -> None:
    events = list(read_events(GOLDEN / "journal.jsonl"))
    assert events[0]["event"] == "run" and events[-1] == {"event": "finished", "status": "done"}
    assert [e["record"]["job_id"] for e in events if e["event"] == "job_ended"] == [*SAMPLE_COUNTS]
    assert len(checkpoints(GOLDEN / "journal.jsonl", "toxicity/everyday")) == 5


def lost(old: Any, new: Any, place: str = "record") -> list[str]:
    """Return where ``new`` lacks or changes what ``old`` holds; it may hold more keys."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            each
            for key, value in old.items()
            for each in (
                lost(value, new[key], f"{place}.{key}") if key in new else [f"{place}.{key}"]
            )
        ]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [each for i, (a, b) in pairs for each in lost(a, b, f"{place}.{i}")]
    return [] if old == new else [place]


def test_it_round_trips(golden: StoredRun) -> None:
    text = golden.record.model_dump_json()
    assert RunRecord.model_validate_json(text) == golden.record
    assert lost(raw_record(), json.loads(text)) == []


def test_it_is_a_store_of_one_run() -> None:
    assert [run.record.run_id for run in list_runs(str(GOLDEN))] == [raw_record()["run_id"]]


def test_it_names_no_path_user_or_host() -> None:
    texts = {path.name: path.read_text("utf-8") for path in GOLDEN.glob("*.json*")}
    for path in GOLDEN.rglob("*.parquet"):
        table = pq.read_table(path)
        texts[path.name] = f"{table.to_pylist()} {table.schema.metadata}"
    assert len(texts) == 2 + 4 + 2
    machine = re.compile("|".join(f"/{name}/" for name in ("home", "root", "work", "tmp", "usr")))
    names = {name for name in (socket.gethostname(), getpass.getuser()) if len(name) > 4}
    for name, text in texts.items():
        assert not machine.search(text), name
        assert not [each for each in names if each in text], name


Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def changed(tmp_path: Path) -> Callable[[Change], Path]:
    """Return a writer of copies of the record with one thing changed."""

    def write(change: Change) -> Path:
        folder = tmp_path / "run"
        shutil.copytree(GOLDEN, folder)
        raw = raw_record()
        change(raw)
        (folder / "run.json").write_text(json.dumps(raw), "utf-8")
        return folder

    return write


DAMAGES: dict[str, tuple[Change, str]] = {
    "newer": (lambda raw: raw.update(schema_version=999), "schema version 999.*Upgrade"),
    "unversioned": (lambda raw: raw.pop("schema_version"), "not a slmbench run record"),
    "of an odd version": (lambda raw: raw.update(schema_version="1"), "schema version 1"),
    "of no known version": (lambda raw: raw.update(schema_version=0), "unknown schema version 0"),
    "with an unknown key": (lambda raw: raw.update(surprise=1), "damaged at 'surprise'"),
    "with an unknown key inside": (
        lambda raw: raw["jobs"][0]["metrics"][0]["value"].update(sd=1.0),
        r"damaged at 'jobs\.0\.metrics\.0\.value\.measured\.sd'",
    ),
    "without jobs' status": (lambda raw: raw["jobs"][0].update(status="fine"), "damaged at 'jobs"),
    "without a model": (lambda raw: raw.pop("model"), "damaged at 'model'"),
    "with NaN": (
        lambda raw: raw["jobs"][0]["metrics"][0]["value"].update(value=float("nan")),
        "damaged at 'jobs",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_record_is_refused(
    name: str, changed: Callable[[Change], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    change, complaint = DAMAGES[name]
    folder = changed(change)
    with pytest.raises(RecordError, match=complaint):
        open_run(str(folder))
    assert dispatch(["show", str(folder)]) == 2
    assert "slmbench show: " in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"a": 1}'])
def test_what_is_no_record_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(RecordError, match=r"run\.json"):
        open_run(str(tmp_path))


def test_a_damaged_table_is_refused(changed: Callable[[Change], Path]) -> None:
    folder = changed(lambda raw: None)
    path = folder / "samples" / "latency.chat.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    run = open_run(str(folder))
    with pytest.raises(RecordError, match=r"latency\.chat\.parquet cannot be read"):
        run.samples("latency/chat")
