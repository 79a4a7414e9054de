"""A second identical run computes nothing; a change of the weights or of the dtype is a miss."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from slmbench.resources import reference_dir
from slmbench.schema.record import JobRecord
from slmbench.store.reader import StoredRun, open_run
from tests.conftest import Finished, slmbench
from tests.shares import own_metrics, without_shares

torch = pytest.importorskip("torch")
pytest.importorskip("lm_eval")
safetensors = pytest.importorskip("safetensors.torch")

#: A task of each of lm-eval's output types, and our two generating suites.
_REQUEST = (
    "run", "--suite", "accuracy,toxicity,similarity",
    "--task", "agreement,customer_intent,field_extraction,heldout_perplexity,last_word,"
    "everyday,paraphrase", "--limit", 5,
)  # fmt: skip
_SHORT = ("run", "--suite", "accuracy", "--task", "agreement", "--limit", 3)


class Runs:
    """Runs requests with one cache and one store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache = folder / "cache"

    def command(self, *arguments: object) -> Finished:
        return slmbench(
            *arguments, "--store", "runs", "--json", cwd=self.folder,
            SLMBENCH_CACHE=str(self.cache),
        )  # fmt: skip

    def run(self, *arguments: object) -> StoredRun:
        done = self.command(*arguments)
        assert done.code == 0, done.err
        return open_run(str(self.folder / done.json()["runs"][0]["path"]))


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


def counts(job: JobRecord) -> tuple[int, int]:
    found: dict[str, Any] = job.details["cache"]
    return found["hits"], found["misses"]


@pytest.mark.slow
def test_a_second_run_computes_nothing_and_says_so(runs: Runs) -> None:
    first, second = (runs.run(*_REQUEST, "--model", "ref:pico") for _ in range(2))
    assert first.record.run_id != second.record.run_id
    assert first.record.plan_hash == second.record.plan_hash
    assert own_metrics(second.record) == own_metrics(first.record)
    assert len(first.record.jobs) == 7
    for cold, warm in zip(first.record.jobs, second.record.jobs, strict=True):
        hits, misses = counts(cold)
        assert hits == 0 < misses, cold.job_id
        assert counts(warm) == (misses, 0), warm.job_id
        assert f"{misses} of {misses} answers came from the request cache" in warm.notes[-1]
        assert warm.notes[:-1] == cold.notes
        assert without_shares(second.samples(warm.job_id)) == without_shares(
            first.samples(cold.job_id)
        )
        assert warm.fingerprints == cold.fingerprints
    assert second.raw("continuations", "toxicity/everyday") == first.raw(
        "continuations", "toxicity/everyday"
    )


@pytest.mark.slow
def test_other_weights_and_another_dtype_are_misses(runs: Runs) -> None:
    model = shutil.copytree(reference_dir() / "pico", runs.folder / "model")
    asked = ("--model", f"hf:{model}")
    (job,) = runs.run(*_SHORT, *asked).record.jobs
    assert counts(job) == (0, 6)
    (job,) = runs.run(*_SHORT, *asked).record.jobs
    assert counts(job) == (6, 0)
    (job,) = runs.run(*_SHORT, "--model", f"hf:{model},dtype=bfloat16").record.jobs
    assert counts(job) == (0, 6)

    tensors = safetensors.load_file(model / "model.safetensors")
    name = next(name for name in sorted(tensors) if name.endswith("mlp.down_proj.weight"))
    tensors[name] = tensors[name] + 0.01 * torch.ones_like(tensors[name])
    safetensors.save_file(tensors, model / "model.safetensors", metadata={"format": "pt"})
    changed = runs.run(*_SHORT, *asked)
    assert counts(changed.record.jobs[0]) == (0, 6)
    fresh = runs.run(*_SHORT, *asked, "--no-cache")
    assert "cache" not in fresh.record.jobs[0].details
    changed_samples, fresh_samples = (
        without_shares(run.samples("accuracy/agreement")) for run in (changed, fresh)
    )
    assert changed_samples == fresh_samples


def test_a_task_that_asks_the_same_shares_the_answers(runs: Runs) -> None:
    """The first items of a task are asked again by a run over more of it."""
    asked = ("run", "--model", "fake:x", "--suite", "toxicity", "--task", "everyday")
    runs.run(*asked, "--limit", 2)
    (job,) = runs.run(*asked, "--limit", 5).record.jobs
    assert counts(job) == (2, 3)


def test_what_measures_time_is_measured_again(runs: Runs) -> None:
    asked = ("run", "--model", "fake:x", "--suite", "latency,energy,memory")
    for _ in range(2):
        for job in runs.run(*asked).record.jobs:
            assert job.status == "done" and "cache" not in job.details
    assert not runs.cache.exists()


def test_no_cache_neither_reads_nor_writes_and_resume_takes_it_as_the_same_request(
    runs: Runs,
) -> None:
    asked = ("run", "--model", "fake:x", "--suite", "similarity", "--task", "summary",
             "--limit", 2)  # fmt: skip
    first = runs.run(*asked, "--no-cache")
    assert not runs.cache.exists() and "cache" not in first.record.jobs[0].details
    assert runs.run(*asked, "--resume").record == first.record
    assert first.record.spec.cache is False


def test_a_damaged_cache_fails_no_run(runs: Runs) -> None:
    asked = ("run", "--model", "fake:x", "--suite", "similarity", "--task", "summary",
             "--limit", 2)  # fmt: skip
    before = runs.run(*asked)
    (file,) = (runs.cache / "requests").glob("*.sqlite")
    file.write_bytes(b"rubbish" * 1000)
    after = runs.run(*asked)
    (job,) = after.record.jobs
    assert counts(job) == (0, 2) and after.record.metrics == before.record.metrics
    assert "the request cache failed" in job.notes[-1]
    assert str(runs.folder) not in after.record.model_dump_json()


def test_a_record_tells_how_the_engine_ran(runs: Runs) -> None:
    stored = runs.run(*_SHORT, "--model", "ref:pico")
    (job,) = stored.record.jobs
    assert job.details["engine"] == ["engine: prefix trees are packed into rows"]
