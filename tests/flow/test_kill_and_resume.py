"""``kill -9`` at random moments, then ``--resume``: the record equals an undisturbed run's."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from slmbench.store.journal import read_events
from slmbench.store.reader import StoredRun, list_runs
from tests.conftest import command_line, environment, slmbench
from tests.shares import own_metrics, without_shares

pytest.importorskip("torch")
pytest.importorskip("lm_eval")

_REQUEST = (
    "run", "--model", "ref:pico", "--suite", "accuracy,toxicity,similarity",
    "--task", "agreement,field_extraction,last_word,everyday,paraphrase",
    # What is to be seen is what the journal saves: a cache would save it too.
    "--limit", 48, "--no-cache",
)  # fmt: skip
_KILLS = 10


def _only(store: Path) -> StoredRun:
    (run,) = list_runs(str(store))
    return run


def _kill_once(store: Path, cwd: Path, after_s: float) -> bool:
    """Start (or go on), kill the whole session after a while; say whether it was still running."""
    process = subprocess.Popen(
        command_line(*_REQUEST, "--store", store, "--resume"),
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(timeout=after_s)
        return False
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        return True


def _checkpoints(store: Path) -> int:
    journals = list(store.glob("*/journal.jsonl"))
    return sum(event["event"] == "checkpoint" for path in journals for event in read_events(path))


def test_ten_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    start = time.monotonic()
    undisturbed = slmbench(*_REQUEST, "--store", "calm", cwd=tmp_path)
    whole_s = time.monotonic() - start
    assert undisturbed.code == 0, undisturbed.err
    draw = random.Random(20261121)
    store = tmp_path / "killed"
    # Shares of the whole run's time: on a fast host and on a slow one it is killed at its work.
    moments = [draw.uniform(0.1, 0.4) * whole_s for _ in range(_KILLS)]
    killed = sum(_kill_once(store, tmp_path, moment) for moment in moments)
    assert killed >= 2, "the run ended before it could be killed: give it more items"
    last = slmbench(*_REQUEST, "--store", store, "--resume", cwd=tmp_path)
    assert last.code == 0, last.err

    calm, resumed = _only(tmp_path / "calm"), _only(store)
    assert resumed.record.status == "done"
    assert [job.job_id for job in resumed.record.jobs] == [j.job_id for j in calm.record.jobs]
    assert own_metrics(resumed.record) == own_metrics(calm.record)
    for job in calm.record.jobs:
        # Which share of the time an answer took is all that two runs may differ in.
        ours, theirs = (without_shares(run.samples(job.job_id)) for run in (resumed, calm))
        ids = [sample.sample_id for sample in ours]
        assert len(set(ids)) == len(ids) == 48
        assert ours == theirs, job.job_id


def test_resume_computes_only_what_is_missing(tmp_path: Path) -> None:
    store = tmp_path / "store"
    deadline = time.monotonic() + 120
    process = subprocess.Popen(
        command_line(*_REQUEST, "--store", store),
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while _checkpoints(store) < 4 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = _checkpoints(store)
    assert before >= 4
    assert slmbench(*_REQUEST, "--store", store, "--resume", cwd=tmp_path).code == 0
    keys = [
        (event["job"], event["key"])
        for event in read_events(next(store.glob("*/journal.jsonl")))
        if event["event"] == "checkpoint"
    ]
    assert len(set(keys)) == len(keys), "a checkpoint was computed twice"

    again = slmbench(*_REQUEST, "--store", store, "--resume", cwd=tmp_path)
    assert again.code == 0
    assert "nothing to do" in again.err
    assert len(list_runs(str(store))) == 1


def test_other_weights_are_another_run(tmp_path: Path) -> None:
    request = ("run", "--suite", "toxicity", "--limit", 2, "--store", "store", "--resume")
    assert slmbench(*request, "--model", "fake:one", cwd=tmp_path).code == 0
    assert slmbench(*request, "--model", "fake:two", cwd=tmp_path).code == 0
    assert slmbench(*request, "--model", "fake:one", cwd=tmp_path).code == 0
    assert len(list_runs(str(tmp_path / "store"))) == 2
