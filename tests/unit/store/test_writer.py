"""A run on disk is whole or not there, and has one writer."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from store_records import run_record, sample

from slmbench.errors import RecordError, SaveError
from slmbench.schema.record import JobRecord, JobResult
from slmbench.store import journal, layout
from slmbench.store.pages import save_page
from slmbench.store.reader import open_run
from slmbench.store.writer import RunWriter


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[RunWriter]:
    made = RunWriter(tmp_path / "run")
    yield made
    made.close()


def test_a_record_is_replaced_whole(writer: RunWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    writer.save_record(run_record("first"))

    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(SaveError, match=r"No space left on device.*--resume"):
            writer.save_record(run_record("second"))
    assert open_run(str(writer.folder)).record.run_id == "first"
    assert list(writer.folder.glob(".*.tmp")) == []
    writer.save_record(run_record("third"))
    assert open_run(str(writer.folder)).record.run_id == "third"


def test_a_record_is_on_disk_before_it_has_its_name(
    writer: RunWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    real_fsync, real_replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (done.append("fsync"), real_fsync(fd))[1])
    monkeypatch.setattr(
        Path, "replace", lambda self, to: (done.append("rename"), real_replace(self, to))[1]
    )
    writer.save_record(run_record("a"))
    assert done == ["fsync", "rename", "fsync"]


def test_a_journal_line_is_on_disk_when_append_returns(
    writer: RunWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    real_fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(fd), real_fsync(fd))[1])
    writer.append({"event": "run", "text": "\ud800 ☃"})
    assert synced
    (event,) = journal.read_events(writer.folder / layout.JOURNAL)
    assert event["event"] == "run" and event["text"].endswith("☃")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('{"event": "a"}\n{"event": "b"}\n{"eve', ["a", "b"]),
        ('{"event": "a"}\n', ["a"]),
        ('{"event": "a', []),
        ("", []),
        ('{"event": "a"}\n' + '{"x": "' + "y" * 200_000, ["a"]),
    ],
    ids=["torn", "whole", "only torn", "empty", "long torn"],
)
def test_a_torn_last_line_is_mended(text: str, kept: list[str], tmp_path: Path) -> None:
    path = tmp_path / layout.JOURNAL
    path.write_text(text)
    assert [event["event"] for event in journal.read_events(path)] == kept
    writer = RunWriter(tmp_path)
    writer.append({"event": "new"})
    writer.close()
    assert [event["event"] for event in journal.read_events(path)] == [*kept, "new"]


def test_a_line_damaged_afterwards_is_told(tmp_path: Path) -> None:
    path = tmp_path / layout.JOURNAL
    path.write_text('{"event": "a"}\nnot json\n{"event": "b"}\n')
    with pytest.raises(RecordError, match="damaged at line 2"):
        list(journal.read_events(path))


def test_checkpoints_belong_to_their_job(writer: RunWriter) -> None:
    for job, key, value in (("a", "k", 1), ("b", "k", 2), ("a", "l", [3]), ("a", "k", 4)):
        writer.append({"event": "checkpoint", "job": job, "key": key, "value": value})
    path = writer.folder / layout.JOURNAL
    assert journal.checkpoints(path, "a") == {"k": 4, "l": [3]}
    assert journal.checkpoints(path, "c") == {}
    assert journal.checkpoints(path.with_name("none"), "a") == {}


def test_a_second_writer_is_refused(writer: RunWriter) -> None:
    with pytest.raises(RecordError, match="Another slmbench is writing"):
        RunWriter(writer.folder)
    writer.append({"event": "still mine"})


def test_a_second_process_is_refused_until_the_first_is_done(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from slmbench.errors import RecordError\n"
        "from slmbench.store.writer import RunWriter\n"
        "try:\n    RunWriter(Path(sys.argv[1])).close()\n"
        "except RecordError:\n    sys.exit(7)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    writer = RunWriter(tmp_path)
    assert subprocess.run(command, check=False, timeout=60).returncode == 7
    writer.close()
    assert subprocess.run(command, check=False, timeout=60).returncode == 0


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SaveError, match=r"Cannot write .*file/run"):
        RunWriter(tmp_path / "file" / "run")


def test_a_full_disk_keeps_what_was_there(writer: RunWriter) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    writer.save_record(run_record("before"))
    # The temporary file of the next save leads to a device that is always full.
    (writer.folder / ".run.json.tmp").symlink_to(full)
    with pytest.raises(SaveError, match="No space left on device"):
        writer.save_record(run_record("after"))
    assert open_run(str(writer.folder)).record.run_id == "before"


def test_a_file_system_that_fills_up(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system can be mounted only by root, and not in every container")
    writer = RunWriter(disk / "run")
    try:
        writer.save_record(run_record("before"))
        with pytest.raises(SaveError, match="No space left on device"):
            for number in range(1000):
                writer.append({"event": "checkpoint", "key": number, "value": "x" * 2000})
        with pytest.raises(SaveError):
            writer.save_record(run_record("x" * 200_000))
        writer.close()
        assert open_run(str(disk / "run")).record.run_id == "before"
        assert all(event["key"] >= 0 for event in journal.read_events(disk / "run/journal.jsonl"))
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_result_is_saved_under_its_job(writer: RunWriter) -> None:
    result = JobResult(
        metrics=(),
        samples=(sample("a"), sample("b")),
        raw={"tokens": ({"round": 0, "time_s": 0.5}, {"round": 1, "note": "late"})},
    )
    writer.save_result("latency/chat", result)
    writer.save_record(run_record("r"))
    run = open_run(str(writer.folder))
    assert [each.sample_id for each in run.samples("latency/chat")] == ["a", "b"]
    assert run.raw("tokens", "latency/chat") == [
        {"round": 0, "time_s": 0.5, "note": None},
        {"round": 1, "time_s": None, "note": "late"},
    ]
    assert run.samples("latency/other") == [] and run.raw("tokens", "latency/other") == []


@pytest.mark.parametrize(
    "result",
    [
        JobResult(metrics=(), samples=(sample("a", unscored={"chrf": "bad \ud800"}),)),
        JobResult(metrics=(), samples=(sample("a", status="failed", reason="bad \ud800"),)),
        JobResult(metrics=(), raw={"continuations": ({"text": "bad \ud800"},)}),
    ],
    ids=["a sample's score", "a sample's reason", "raw text"],
)
def test_text_without_utf8_is_saved_all_the_same(result: JobResult, writer: RunWriter) -> None:
    """A tokenizer or a file name can give a lone surrogate; it must not stop the run."""
    writer.save_result("a/b", result)


def test_a_reason_without_utf8_is_recorded_all_the_same(writer: RunWriter) -> None:
    job = JobRecord(job_id="a/b", suite="a", task="b", status="failed", reason="no file 'x\udcff'")
    writer.save_record(run_record("r", jobs=(job,)))
    (read,) = open_run(str(writer.folder)).record.jobs
    assert (read.reason or "").startswith("no file 'x")


def test_a_record_is_json_that_ends_with_a_line(writer: RunWriter) -> None:
    writer.save_record(run_record("r"))
    text = (writer.folder / layout.RECORD).read_text("utf-8")
    assert text.endswith("}\n") and json.loads(text)["run_id"] == "r"


def test_file_names_never_collide_and_never_leave_the_folder() -> None:
    jobs = ["a/b", "a.b", "a/b c", "a/b-c", "a/b/c", "a/../../x", "a/é", "a/è", "a/" + "n" * 300]
    names = [layout.file_name(job) for job in jobs]
    assert all("/" not in name and len(name) < 200 for name in names)
    assert len(set(names[2:])) == len(names[2:])
    assert layout.file_name("accuracy/agreement") == "accuracy.agreement.parquet"


def test_run_ids_sort_by_time() -> None:
    early = layout.make_run_id("2026-01-31T12:00:00.123456+00:00", "z model/✓", "abcdef123")
    late = layout.make_run_id("2026-01-31T12:00:01.000001+00:00", "a", "000000")
    assert early == "20260131T120000.123456-z-model-abcdef" and early < late


def test_a_page_is_saved_whole(tmp_path: Path) -> None:
    path = save_page(tmp_path / "new" / "index.html", "<p>é</p>")
    assert path.read_text("utf-8") == "<p>é</p>" and len(list(path.parent.iterdir())) == 1
    (tmp_path / "file").write_text("")
    with pytest.raises(SaveError, match="Cannot write"):
        save_page(tmp_path / "file" / "index.html", "x")
