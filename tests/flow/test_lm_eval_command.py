"""``slmbench lm-eval``: a user of lm-eval swaps one word and gets the same files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from slmbench.resources import cache_dir, reference_dir
from tests.conftest import slmbench
from tests.flow.lm_eval_tasks import assert_same_results, assert_same_samples, write_tasks

pytest.importorskip("torch")
pytest.importorskip("lm_eval")

_PICO = f"pretrained={reference_dir() / 'pico'},dtype=float32"
_TASKS = ("quiz_all", "tell", "story")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tasks")
    write_tasks(path)
    return path


def results(folder: Path, model: str, output: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run lm-eval's command line; return its results file and its files of samples by task."""
    done = slmbench(
        "lm-eval", "run", "--model", model, "--model_args", _PICO, "--device", "cpu",
        "--tasks", ",".join(_TASKS), "--include_path", folder, "--limit", 20,
        "--output_path", output, "--log_samples", "--batch_size", 8, cwd=folder,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert f"{model} (" in done.out and "|quiz_all" in done.out
    (written,) = output.rglob("results_*.json")
    samples = {}
    for file in output.rglob("samples_*.jsonl"):
        rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
        samples[file.name.split("_2")[0].removeprefix("samples_")] = rows
    return json.loads(written.read_text("utf-8")), samples


@pytest.mark.slow
def test_one_word_swapped_gives_the_same_results(folder: Path, tmp_path: Path) -> None:
    ours, our_samples = results(folder, "slmbench", tmp_path / "ours")
    theirs, their_samples = results(folder, "hf", tmp_path / "theirs")
    assert assert_same_results(ours["results"], theirs["results"]) >= 8
    assert assert_same_results(ours["groups"], theirs["groups"]) >= 1
    for key in ("n-shot", "n-samples", "versions", "higher_is_better", "group_subtasks",
                "task_hashes", "max_length", "eot_token_id", "tokenizer_eos_token"):  # fmt: skip
        assert ours[key] == theirs[key], key
    info = ("model_num_parameters", "model_dtype", "model_revision", "random_seed", "fewshot_seed")
    for key in info:
        assert str(ours["config"][key]).removeprefix("torch.") == str(
            theirs["config"][key]
        ).removeprefix("torch."), key
    assert our_samples.keys() == their_samples.keys() == {"quiz_a", "quiz_b", "tell", "story"}
    for task, rows in their_samples.items():
        assert assert_same_samples(our_samples[task], rows) >= 20


@pytest.mark.slow
def test_a_second_start_builds_no_index(folder: Path, tmp_path: Path) -> None:
    """lm-eval alone spends about ten seconds on its index; with one cached, parts of a second."""
    arguments = ("lm-eval", "validate", "--tasks", "quiz_a", "--include_path", folder)
    first = slmbench(*arguments, cwd=tmp_path)
    assert first.code == 0, first.err
    (index,) = cache_dir().glob("lm-eval-tasks-*.json")
    made = index.stat()
    second = slmbench(*arguments, cwd=tmp_path)
    assert (second.code, second.out) == (0, first.out)
    assert (index.stat().st_mtime_ns, index.stat().st_ino) == (made.st_mtime_ns, made.st_ino)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "--model_args", "pretraned=x", "--tasks", "quiz_a"), "Did you mean 'pretrained'"),
        (("run", "--model_args", "dtype=float32", "--tasks", "quiz_a"), "lacks pretrained="),
        (("run", "--model_args", "pretrained=none/at/all", "--tasks", "quiz_a"), "No model folder"),
        (("run", "--model_args", _PICO, "--tasks", "quiz_z"), "Tasks not found: quiz_z"),
        (("run", "--model_args", _PICO), "No tasks specified"),
        (("run", "--model_args", _PICO, "--tasks", "quiz_a", "--no_such"), "unrecognized"),
        (("nonsense",), "invalid choice"),
    ],
)
def test_wrong_arguments_end_with_code_2_and_one_line(
    arguments: tuple[str, ...], said: str, folder: Path, tmp_path: Path
) -> None:
    if arguments[0] == "run":
        arguments = (*arguments, "--model", "slmbench", "--include_path", str(folder))
    done = slmbench("lm-eval", *arguments, cwd=tmp_path)
    assert done.code == 2, done.err
    assert said in done.err and "Traceback" not in done.err


def test_help_is_lm_evals(tmp_path: Path) -> None:
    done = slmbench("lm-eval", "run", "--help", cwd=tmp_path)
    assert done.code == 0 and "--log_samples" in done.out
    assert slmbench("lm-eval", "--help", cwd=tmp_path).out.startswith("usage: lm-eval")
