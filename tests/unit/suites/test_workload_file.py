"""Workloads and grids of them, from their YAML."""

from __future__ import annotations

from pathlib import Path

import pytest

from slmbench.errors import InputError
from slmbench.plan.tasks import local_tasks, resolve
from slmbench.resources import tasks_dir
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.spec import RunSpec
from slmbench.suites.workload_file import load_workload, workload_names

GRID = tasks_dir() / "workloads" / "grid.yaml"


def test_every_cell_is_a_task_of_its_own() -> None:
    names = workload_names(GRID)
    assert len(names) == len(set(names)) == 8
    assert "grid-in32-out8-batch1" in names and "grid-in128-out32-batch4" in names
    known = local_tasks()
    assert set(names) <= set(known) and "grid" not in known
    for name in names:
        workload, _ = load_workload(GRID, name)
        numbers = f"in{workload.prompt_tokens}-out{workload.output_tokens}"
        assert workload.workload == name == f"grid-{numbers}-batch{workload.batch_size}"


def spec(*tasks: str) -> RunSpec:
    models = (ModelSpec(backend="fake", target="x"),)
    return RunSpec(models=models, suites=("latency",), tasks=tasks)


def test_a_grids_name_stands_for_all_its_cells() -> None:
    assert [task.name for task in resolve(spec("grid"))["latency"]] == workload_names(GRID)
    cell = "grid-in32-out8-batch1"
    assert [task.name for task in resolve(spec(cell))["latency"]] == [cell]
    both = resolve(spec("chat", "grid", cell))["latency"]
    assert [task.name for task in both] == ["chat", *workload_names(GRID)]


def test_an_unknown_cell_is_named_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="Did you mean 'grid-in32-out8-batch"):
        load_workload(GRID, "grid-in32-out8-batch2")
    with pytest.raises(InputError, match="is a grid of workloads"):
        load_workload(GRID)


@pytest.mark.parametrize(
    ("line", "said"),
    [("output_tokens: [1, 8]", "output_tokens"), ("output_token: [8]", "output_token")],
)
def test_a_wrong_grid_says_what_is_wrong(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "text.txt").write_text("words")
    path = tmp_path / "mine.yaml"
    path.write_text(f"workload: mine\nversion: 1\ntext: text.txt\nprompt_tokens: [4]\n{line}\n")
    assert workload_names(path) == ["mine"]
    with pytest.raises(InputError, match=said):
        load_workload(path, "mine")


def test_grids_fit_the_reference_models() -> None:
    for name in workload_names(GRID):
        workload, text = load_workload(GRID, name)
        assert workload.prompt_tokens + workload.output_tokens <= 512
        assert workload.prompt_tokens * workload.batch_size <= len(text.split())
