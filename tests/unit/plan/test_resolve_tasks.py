"""Which tasks a suite asks: those named, or its default."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slmbench.errors import InputError
from slmbench.plan import tasks
from slmbench.plan.tasks import local_tasks, resolve
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.spec import RunSpec


def chosen(**spec: Any) -> dict[str, list[str]]:
    found = resolve(RunSpec(models=(ModelSpec(backend="fake", target="a"),), **spec))
    return {suite: [task.name for task in each] for suite, each in found.items()}


@pytest.fixture
def stock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Know two of lm-eval's tasks, whether it is installed or not."""
    monkeypatch.setattr(tasks, "stock_task_names", lambda: frozenset({"hellaswag", "arc_easy"}))


@pytest.fixture
def mine(tmp_path: Path) -> str:
    """Hold a workload, an lm-eval task in a folder of its own, and a template that is no task."""
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "short.yaml").write_text(
        "{workload: short, version: 1, text: t.txt, prompt_tokens: 2, output_tokens: 2}"
    )
    (tmp_path / "deep" / "er" / "quiz.yaml").write_text(
        "task: quiz\noutput_type: multiple_choice\nprocess_docs: !function u.f\n"
    )
    (tmp_path / "deep" / "_template.yaml").write_text("nothing: here\n")
    return str(tmp_path)


def test_without_names_a_suite_asks_every_task_of_its_kind() -> None:
    found = chosen(suites=("accuracy", "toxicity", "similarity"))
    kinds = {name: task.kind for name, task in local_tasks().items()}
    for suite, names in found.items():
        assert names == [name for name, kind in kinds.items() if kind == suite] != []


def test_without_names_the_resource_suites_ask_one_workload() -> None:
    suites = ("latency", "energy", "memory")
    assert chosen(suites=suites) == {suite: ["chat"] for suite in suites}


def test_names_narrow_the_suites_they_fit() -> None:
    found = chosen(suites=("accuracy", "similarity", "latency"), tasks=("agreement", "batch"))
    assert found["accuracy"] == ["agreement"] and found["latency"] == ["batch"]
    assert len(found["similarity"]) > 1


def test_a_name_twice_is_one_task_in_the_order_given() -> None:
    names = ("last_word", "agreement", "last_word")
    assert chosen(tasks=names) == {"accuracy": ["last_word", "agreement"]}


def test_a_name_that_fits_no_suite_names_the_one_it_fits() -> None:
    with pytest.raises(InputError, match=r"'chat' is for the suite latency or .*--suite accuracy,"):
        chosen(tasks=("agreement", "chat"))
    with pytest.raises(InputError, match="suite toxicity, which is not chosen"):
        chosen(suites=("latency",), tasks=("everyday",))


def test_an_unknown_name_has_a_suggestion(stock: None) -> None:
    with pytest.raises(InputError, match=r"Unknown task 'agrement'.*Did you mean 'agreement'\?"):
        chosen(tasks=("agrement",))
    with pytest.raises(InputError, match=r"Did you mean 'hellaswag'\?"):
        chosen(tasks=("helaswag",))


def test_lm_evals_own_tasks_work_by_name(stock: None) -> None:
    assert chosen(tasks=("hellaswag", "agreement")) == {"accuracy": ["hellaswag", "agreement"]}
    spec = RunSpec(models=(ModelSpec(target="a"),), tasks=("arc_easy",))
    (task,) = resolve(spec)["accuracy"]
    assert task.path is None and task.item_count is None


def test_a_folder_of_tasks_is_searched(mine: str) -> None:
    found = chosen(suites=("accuracy", "latency"), tasks=("quiz", "short"), include_path=mine)
    assert found == {"accuracy": ["quiz"], "latency": ["short"]}
    assert "_template" not in local_tasks(mine)


def test_local_groups_and_tags_work_by_name(mine: str, stock: None) -> None:
    deep = Path(mine) / "deep"
    (deep / "all_quizzes.yaml").write_text("group: all_quizzes\ntask: [quiz, hellaswag]\n")
    (deep / "tagged.yaml").write_text("task: tagged\nclass: !function u.C\ntag: [easy, short]\n")
    found = chosen(tasks=("all_quizzes", "easy"), include_path=mine)
    assert found == {"accuracy": ["all_quizzes", "easy"]}
    # A task or workload of its own goes before a tag of that name.
    assert chosen(suites=("latency",), tasks=("short",), include_path=mine) == {
        "latency": ["short"]
    }
    assert "easy" not in local_tasks(mine)


def test_a_missing_folder_and_a_file_that_is_no_task_are_told(mine: str) -> None:
    with pytest.raises(InputError, match="is no folder"):
        local_tasks(f"{mine}/none")
    (Path(mine) / "odd.yaml").write_text("a: 1\n")
    with pytest.raises(InputError, match=r"odd\.yaml' is no task"):
        local_tasks(mine)


def test_presets_are_no_tasks() -> None:
    assert not {"demo", "smoke"} & set(local_tasks())
    assert all(task.item_count for task in local_tasks().values() if task.kind != "workload")
