"""A gate that runs its candidate: no longer than needed, recorded, and never a PASS by accident."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from slmbench.store.reader import list_runs, open_run
from tests.conftest import Finished, command_line, environment, slmbench

TASK = "log_triage"
POLICY = (
    "name: p\nrules:\n"
    f"  - {{metric: accuracy/{TASK}/acc, not_worse_than: baseline, margin: 0.05}}\n"
)


@pytest.fixture(scope="module")
def nano(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store in which ref:nano's run is tagged, and its baseline file."""
    pytest.importorskip("torch")
    pytest.importorskip("lm_eval")
    folder = tmp_path_factory.mktemp("gate")
    done = slmbench("run", "--model", "ref:nano", "--suite", "accuracy", "--task", TASK,
                    "--store", "runs", cwd=folder)  # fmt: skip
    assert done.code == 0, done.err
    assert slmbench("tag", "nano", "released", cwd=folder).code == 0
    written = slmbench("baseline", "released", "-o", "kept/baseline.json", cwd=folder)
    assert written.code == 0, written.err
    return folder


def gate(folder: Path, policy: str, *more: object) -> Finished:
    path = folder / "policy.yaml"
    path.write_text(policy)
    return slmbench("gate", path, *more, cwd=folder)


def test_a_clear_difference_stops_early_and_the_record_says_so(nano: Path) -> None:
    done = gate(nano, POLICY, "--baseline", "released", "--candidate", "ref:pico",
                "--store", "runs", "--json")  # fmt: skip
    assert done.code == 1, done.err + done.out
    verdict = done.json()
    (rule,) = verdict["rules"]
    assert rule["verdict"] == verdict["verdict"] == "FAIL" and verdict["alpha"] == 0.05
    assert 0 < verdict["items_used"] < verdict["items_total"] == 240
    assert f"{verdict['items_used']} items asked of 240" in rule["reason"]
    record = open_run(str(nano / "runs" / verdict["candidate"])).record
    (job,) = record.jobs
    assert (job.status, job.limit_items, job.items_total) == ("done", verdict["items_used"], 240)
    assert job.sample_count == verdict["items_used"] and "in random order" in job.notes[-1]
    assert all("in random order" in m.value.source for m in job.metrics if m.value.kind != "absent")
    # The stopped run is neither a baseline, nor comparable with a whole one, nor taken for one.
    assert slmbench("baseline", verdict["candidate"], cwd=nano).code == 2
    again = gate(nano, POLICY, "--baseline", "nano", "--candidate", verdict["candidate"])
    assert again.code != 0, again.out


def test_the_items_asked_have_the_scores_of_a_whole_run(nano: Path) -> None:
    policy = f"name: p\nrules:\n  - {{metric: accuracy/{TASK}/acc, min: 0.1}}\n"
    done = gate(nano, policy, "--baseline", "kept/baseline.json", "--candidate", "ref:nano,name=n2",
                "--json")  # fmt: skip
    assert done.code == 0, done.err + done.out
    verdict = done.json()
    assert verdict["items_used"] < verdict["items_total"]
    whole = {each.sample_id: each for each in list_runs(str(nano / "runs"))[0].samples(
        f"accuracy/{TASK}")}  # fmt: skip
    part = open_run(str(nano / "runs" / verdict["candidate"])).samples(f"accuracy/{TASK}")
    assert len(part) == verdict["items_used"] and len({each.sample_id for each in part}) == len(
        part
    )
    for each in part:
        same = whole[each.sample_id]
        assert (each.content_hash, each.scores["acc"]) == (same.content_hash, same.scores["acc"])
        assert each.loglikelihoods == pytest.approx(same.loglikelihoods, abs=1e-4)


@pytest.mark.parametrize("damage", ["cut", "edited", "gone"])
def test_a_baseline_file_that_cannot_be_trusted_is_2(
    nano: Path, tmp_path: Path, damage: str
) -> None:
    text = (nano / "kept" / "baseline.json").read_text()
    path = tmp_path / "baseline.json"
    if damage == "cut":
        path.write_text(text[:-50])
    elif damage == "edited":
        document = json.loads(text)
        document["samples"][f"accuracy/{TASK}"]["scores"][0]["acc"] = 0.5
        path.write_text(json.dumps(document))
    done = gate(nano, POLICY, "--baseline", path, "--candidate", "ref:nano")
    assert done.code == 2 and "PASS" not in done.out, done.out
    assert "baseline.json" in done.err


def test_a_candidate_that_cannot_be_loaded_or_named_never_passes(nano: Path) -> None:
    broken = nano / "broken"
    broken.mkdir(exist_ok=True)
    (broken / "config.json").write_text("{}")
    for candidate in (f"hf:{broken}", "ref:none", "hf:"):
        done = gate(nano, POLICY, "--baseline", "released", "--candidate", candidate)
        assert done.code == 2 and "PASS" not in done.out, done.out
    missing = gate(nano, POLICY.replace(TASK, "sentiment"), "--baseline", "released",
                   "--candidate", "ref:pico")  # fmt: skip
    assert missing.code == 2 and TASK in missing.err


def test_a_killed_worker_fails_the_gate(nano: Path) -> None:
    path = nano / "kill.yaml"
    path.write_text(f"name: p\nrules:\n  - {{metric: accuracy/{TASK}/acc, min: 0.0}}\n")
    asked = command_line("gate", path, "--baseline", "released", "--candidate", "ref:nano,name=k",
                         "--store", "runs")  # fmt: skip
    process = subprocess.Popen(
        asked,
        cwd=nano,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    worker = None
    for _ in range(3000):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        workers = [
            int(child)
            for child in children
            if b"slmbench.execute.worker" in Path(f"/proc/{child}/cmdline").read_bytes()
        ]
        if workers:
            worker = workers[0]
            break
        time.sleep(0.02)
    assert worker is not None, "the gate started no worker"
    os.kill(worker, signal.SIGKILL)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 1, out + err
    assert "killed" in out and "PASS" not in out
