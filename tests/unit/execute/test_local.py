"""Whatever a worker dies of is a failed job with its reason, and the others go on."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from mortal_backend import install, write_workloads

from slmbench import pipeline
from slmbench.errors import ModelError
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.record import JobRecord, RunRecord
from slmbench.schema.spec import RunSpec
from slmbench.store.reader import open_run
from slmbench.units import clock

#: Time enough for a worker to start on a busy host, and the bound of the job that hangs.
LIMIT_S = 12.0


class Notes:
    """The Observer of these tests: what it was told, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def run_started(self, model: str, jobs: int, resumed: bool) -> None:
        self.told.append(("run", model, jobs, resumed))

    def job_started(self, model: str, job_id: str) -> None:
        self.told.append(("start", job_id))

    def job_progress(self, model: str, job_id: str, done: int, total: int) -> None:
        pass

    def job_ended(self, model: str, job: JobRecord) -> None:
        self.told.append(("end", job.job_id, job.status))


@pytest.fixture(autouse=True)
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "site")
    write_workloads(tmp_path / "workloads")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))


def spec_of(folder: Path, *targets: str, **changes: Any) -> RunSpec:
    settings: dict[str, Any] = {
        "suites": ("latency",),
        "tasks": ("deadly", "fine"),
        "include_path": str(folder / "workloads"),
        **changes,
    }
    models = tuple(
        ModelSpec(backend="mortal", target=target, name=target.partition(":")[0])
        for target in targets
    )
    return RunSpec(models=models, **settings)


def run(folder: Path, *targets: str, **changes: Any) -> tuple[list[RunRecord], Notes]:
    notes = Notes()
    records = pipeline.run(spec_of(folder, *targets, **changes), str(folder / "runs"), notes)
    return records, notes


DEATHS = {
    "kill": "killed (SIGKILL), most likely because memory ran out",
    "segfault": "its worker ended by SIGSEGV",
    "exit": "with exit code 3; its last words: the allocator gave up",
    "raise": "ValueError: a bad number",
}


@pytest.mark.parametrize("death", DEATHS)
def test_a_dead_job_has_its_reason_and_the_others_go_on(death: str, tmp_path: Path) -> None:
    (record,), notes = run(tmp_path, death)
    dead, fine = record.jobs
    assert dead.status == "failed" and DEATHS[death] in (dead.reason or "")
    assert dead.metrics == () and dead.elapsed_s is not None
    assert fine.status == "done" and fine.sample_count == 2 and fine.reason is None
    assert record.status == "failed" and record.finished
    assert notes.told == [
        ("run", death, 2, False),
        ("start", "latency/deadly"),
        ("end", "latency/deadly", "failed"),
        ("start", "latency/fine"),
        ("end", "latency/fine", "done"),
    ]
    stored = open_run(str(tmp_path / "runs" / record.run_id))
    assert stored.record == record and len(stored.samples("latency/fine")) == 2


@pytest.mark.slow
def test_a_job_over_its_time_is_killed_and_the_others_go_on(tmp_path: Path) -> None:
    start = clock()
    (record,), _ = run(tmp_path, "hang", time_limit_s=LIMIT_S)
    dead, fine = record.jobs
    assert dead.status == "failed" and "over its time limit" in (dead.reason or "")
    assert f"limit {LIMIT_S:g} s" in (dead.reason or "")
    assert fine.status == "done"
    assert LIMIT_S <= (dead.elapsed_s or 0) < clock() - start


def test_a_model_that_does_not_load_leaves_the_next_one_alone(tmp_path: Path) -> None:
    records, _ = run(tmp_path, "load-dies", "load-raises", "sound", tasks=("fine",))
    reasons = [record.jobs[0].reason or "" for record in records]
    assert [record.status for record in records] == ["failed", "failed", "done"]
    assert reasons[0].startswith("the model was not loaded: its worker ended with exit code 9")
    assert reasons[1] == "the model was not loaded: OSError: no such weights"


def test_a_model_the_user_can_mend_ends_in_a_model_error(tmp_path: Path) -> None:
    """A backend that no plug-in brings is only seen in the worker; the other model still runs."""
    spec = spec_of(tmp_path, "sound", tasks=("fine",))
    wrong = ModelSpec(backend="mortel", target="x")
    spec = spec.model_copy(update={"models": (wrong, *spec.models)})
    with pytest.raises(ModelError, match=r"No backend 'mortel'\. Did you mean 'mortal'\?"):
        pipeline.run(spec, str(tmp_path / "runs"), Notes())
    folders = [path for path in (tmp_path / "runs").iterdir() if path.is_dir()]
    assert sorted(open_run(str(path)).record.status for path in folders) == ["done", "failed"]


def test_resume_runs_only_what_is_not_done(tmp_path: Path) -> None:
    spec, store = spec_of(tmp_path, "raise"), str(tmp_path / "runs")
    (first,) = pipeline.run(spec, store, Notes())
    notes = Notes()
    (second,) = pipeline.run(spec, store, notes, resume=True)
    assert second.run_id == first.run_id and second.jobs[1] == first.jobs[1]
    assert notes.told[0] == ("run", "raise", 1, True)
    assert [each for each in notes.told if each[0] == "start"] == [("start", "latency/deadly")]


def test_resume_takes_the_new_time_limit_and_the_new_word_on_the_cache(tmp_path: Path) -> None:
    spec, store = spec_of(tmp_path, "raise", tasks=("deadly",)), str(tmp_path / "runs")
    (first,) = pipeline.run(spec, store, Notes())
    changed = {"time_limit_s": 99.0, "cache": False}
    (second,) = pipeline.run(spec.model_copy(update=changed), store, Notes(), resume=True)
    assert second.run_id == first.run_id
    assert second.spec == first.spec.model_copy(update=changed)


def test_a_traceback_is_journalled_and_shown_nowhere(tmp_path: Path) -> None:
    (record,), _ = run(tmp_path, "raise", tasks=("deadly",))
    journal = (tmp_path / "runs" / record.run_id / "journal.jsonl").read_text("utf-8")
    (trace,) = [
        event["trace"] for event in map(json.loads, journal.splitlines()) if "trace" in event
    ]
    assert "Traceback" in trace and "Traceback" not in record.model_dump_json()


def is_running(process_id: int) -> bool:
    """Say whether a process runs; one that nobody reaps any more does not."""
    try:
        text = Path(f"/proc/{process_id}/stat").read_text("utf-8")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in ("Z", "X")


def wait_for(what: Any, timeout_s: float) -> bool:
    """Wait until ``what()`` holds; say whether it did."""
    end = clock() + timeout_s
    while not what():
        if clock() > end:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux ties it to its parent")
def test_a_worker_dies_with_its_parent(tmp_path: Path) -> None:
    """Also while it is busy, so that it does not notice that the pipe was closed."""
    mark = tmp_path / "worker.pid"
    spec = spec_of(tmp_path, f"load-hangs:{mark}", tasks=("fine",))
    code = (
        "import sys\nfrom slmbench import pipeline\nfrom slmbench.cli.progress import Bars\n"
        "from slmbench.schema.spec import RunSpec\n"
        "pipeline.run(RunSpec.model_validate_json(sys.argv[1]), sys.argv[2], Bars(quiet=True))\n"
    )
    command = [sys.executable, "-c", code, spec.model_dump_json(), str(tmp_path / "runs")]
    parent = subprocess.Popen(command)
    try:
        assert wait_for(lambda: mark.exists() and mark.read_text(), timeout_s=60.0)
        worker = int(mark.read_text())
        assert is_running(worker)
    finally:
        parent.kill()
        parent.wait()
    assert wait_for(lambda: not is_running(worker), timeout_s=10.0)
