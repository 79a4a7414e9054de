"""A record's bytes are read in one go, and say what they say when read step by step."""

from __future__ import annotations

import gc
import json
from pathlib import Path

import pytest
from store_records import run_record, sample

from slmbench.errors import RecordError
from slmbench.schema.migrate import load_record, read_record
from slmbench.schema.record import JobResult
from slmbench.store.collection import no_collection
from slmbench.store.reader import open_run
from slmbench.store.writer import RunWriter

GOLDEN = sorted((Path(__file__).resolve().parents[2] / "golden").rglob("run.json"))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.parent.name)
def test_both_ways_read_the_same(path: Path) -> None:
    data = path.read_bytes()
    assert read_record(data, "it") == load_record(json.loads(data), "it")


def test_what_json_of_python_alone_takes_is_read_too() -> None:
    record = run_record("a")
    odd = record.model_dump_json().replace('"hardware":{}', '"hardware":{"cpu":"\\ud800"}')
    for text in (odd, record.model_dump_json().replace("{", "{\n ", 1)):
        expected = None
        try:
            expected = load_record(json.loads(text), "it")
        except RecordError as error:
            with pytest.raises(RecordError, match=str(error).split(":")[0]):
                read_record(text.encode(), "it")
        else:
            assert read_record(text.encode(), "it") == expected


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"schema_version": 99}, "schema version 99"),
        ({"schema_version": "1"}, "schema version 1"),
        ({"plan_hash": None}, "damaged at 'plan_hash'"),
        ({"further": 1}, "damaged at 'further'"),
    ],
)
def test_what_is_wrong_is_told_as_before(change: dict[str, object], complaint: str) -> None:
    raw = {**json.loads(run_record("a").model_dump_json()), **change}
    with pytest.raises(RecordError, match=complaint):
        read_record(json.dumps(raw).encode(), "it")
    with pytest.raises(RecordError, match="not a slmbench run record"):
        read_record(b"[1]", "it")


def test_scores_are_the_samples_without_their_texts(tmp_path: Path) -> None:
    own = [
        sample("a", prompt="p" * 99, output="o", scores={"acc": 1.0}, cluster="x"),
        sample("b", target="t", scores={"acc": 0.0, "chrf": 0.5}, output_tokens=3),
    ]
    writer = RunWriter(tmp_path / "run")
    record = run_record("run")
    (job,) = record.jobs
    done = job.model_copy(update={"status": "done", "sample_count": 2})
    writer.save_record(record.model_copy(update={"jobs": (done,)}))
    writer.save_result(job.job_id, JobResult(metrics=(), samples=tuple(own)))
    writer.close()
    run = open_run(str(tmp_path / "run"))
    texts = {"prompt": None, "output": None, "target": None, "output_tokens": None}
    assert run.scores(job.job_id) == [each.model_copy(update=texts) for each in own]
    assert run.samples(job.job_id) == own
    assert run.scores("none") == []


def test_the_collector_goes_on_as_it_was() -> None:
    with pytest.raises(RuntimeError), no_collection():
        assert not gc.isenabled()
        raise RuntimeError
    assert gc.isenabled()
    gc.disable()
    try:
        with no_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
