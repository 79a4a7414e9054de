"""A plan loads nothing, and its hash changes with what is asked and with nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tiny_checkpoint import tensors, write_checkpoint

from slmbench.errors import InputError, ModelError
from slmbench.plan.build import build
from slmbench.resources import tasks_dir
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.spec import RunSpec


def spec_of(folder: Path, model: dict[str, Any] | None = None, **changes: Any) -> RunSpec:
    settings = {"suites": ("similarity",), "tasks": ("paraphrase",), **changes}
    return RunSpec(models=(ModelSpec(target=str(folder), **(model or {})),), **settings)


def plan_hash(spec: RunSpec) -> str:
    (run,) = build(spec).runs
    return run.plan_hash


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_checkpoint(tmp_path / "model")


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"limit": 3},
        {"num_fewshot": 2},
        {"suites": ("similarity", "latency")},
        {"tasks": ("summary",)},
        {"apply_chat_template": True},
        {"system_instruction": "Be brief."},
        {"scorers": {"embedding": "x"}},
        {"energy": {"estimate": False}},
        {"model": {"dtype": "float32"}},
        {"model": {"batch_size": 2}},
        {"model": {"max_length": 64}},
    ],
    ids=str,
)
def test_the_hash_changes_with_what_is_asked(changes: dict[str, Any], folder: Path) -> None:
    assert plan_hash(spec_of(folder, **changes)) != plan_hash(spec_of(folder))


@pytest.mark.parametrize(
    "changes",
    [
        {"time_limit_s": 5.0},
        {"cache": False},
        {"name": "other"},
        {"description": "other"},
        {"labels": {"commit": "abc"}},
        {"model": {"name": "other"}},
    ],
    ids=str,
)
def test_the_hash_stays_with_what_changes_no_answer(changes: dict[str, Any], folder: Path) -> None:
    assert plan_hash(spec_of(folder, **changes)) == plan_hash(spec_of(folder))


def test_the_hash_changes_with_the_weights_and_not_with_their_place(tmp_path: Path) -> None:
    one = write_checkpoint(tmp_path / "one")
    same = write_checkpoint(tmp_path / "same")
    other = write_checkpoint(tmp_path / "other", model_safetensors=tensors(fill=b"\x02"))
    assert plan_hash(spec_of(one)) == plan_hash(spec_of(same))
    assert plan_hash(spec_of(one)) != plan_hash(spec_of(other))


def test_the_hash_changes_with_the_items_of_a_task(folder: Path, tmp_path: Path) -> None:
    found = []
    for number in range(3):
        copy = tmp_path / f"tasks-{number}"
        shutil.copytree(tasks_dir() / "paraphrase", copy / "paraphrase")
        if number == 2:
            with (copy / "paraphrase" / "paraphrase.jsonl").open("a") as data:
                data.write('{"id": "new", "prompt": "p", "reference": "r"}\n')
        found.append(plan_hash(spec_of(folder, include_path=str(copy))))
    assert found[0] == found[1] != found[2]


def test_a_model_without_files_is_its_name() -> None:
    def of(target: str) -> str:
        return plan_hash(spec_of(Path(target), {"backend": "fake"}))

    assert of("a") == of("a") != of("b")


def test_jobs_are_suites_times_tasks_and_memory_is_alone(folder: Path) -> None:
    (run,) = build(spec_of(folder, suites=("latency", "memory"), tasks=("chat", "batch"))).runs
    assert [job.job_id for job in run.jobs] == [
        "latency/chat", "latency/batch", "memory/chat", "memory/batch",
    ]  # fmt: skip
    assert [job.fresh_process for job in run.jobs] == [False, False, True, True]


def test_what_a_local_model_needs_is_known(folder: Path) -> None:
    (run,) = build(spec_of(folder)).runs
    assert run.local_path == str(folder) and run.downloads == () and run.fingerprint is not None
    assert run.memory_bytes == 32 + 500 * 2**20


def test_what_a_hub_model_would_need_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    (run,) = build(spec_of(Path("owner/falcon-7b"), {"dtype": "bfloat16"})).runs
    assert run.fingerprint is None and run.local_path is None
    assert run.downloads == ("model owner/falcon-7b",)
    assert run.memory_bytes == 14_000_000_000 + 500 * 2**20
    (unknown,) = build(spec_of(Path("owner/model"))).runs
    assert unknown.memory_bytes is None and "says no size" in unknown.memory_note


def test_a_model_that_does_not_fit_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    (run,) = build(spec_of(Path("owner/huge-9000b"))).runs
    assert any(each.startswith("memory: needs") for each in run.missing)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="No model folder"):
        build(spec_of(tmp_path / "none"))


def test_a_dry_run_loads_no_model_library() -> None:
    code = (
        "import sys\n"
        "from slmbench.cli.app import dispatch\n"
        "assert dispatch(['run', 'smoke', '--dry-run', '--json']) == 0\n"
        "heavy = {'torch', 'transformers', 'lm_eval', 'datasets'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert '"jobs"' in done.stdout


@pytest.mark.parametrize("scorers", [{"toxicity": "clasifier"}, {"also": ("exact_mach",)}])
def test_a_scorer_that_is_not_there_is_told_at_once(scorers: dict[str, Any], folder: Path) -> None:
    with pytest.raises(InputError, match=r"Did you mean '(classifier|exact_match)'"):
        build(spec_of(folder, scorers=scorers))
