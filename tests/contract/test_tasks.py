"""What every folder of tasks/ must hold."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from slmbench.plan.tasks import local_tasks
from slmbench.reference.items import SOURCES, examples
from slmbench.reference.make_tasks import write
from slmbench.resources import tasks_dir
from slmbench.schema.plan import TaskRef

TASKS = tasks_dir()
FOLDERS = sorted(
    p.name
    for p in TASKS.iterdir()
    if p.is_dir() and p.name not in ("presets", "prompts", "devices")
)
#: Those whose items the reference models' generator draws; the others' suites read what they hold.
NAMED = sorted(SOURCES)
OTHERS = [
    task for task in local_tasks().values() if Path(task.path or "").parent.name not in SOURCES
]
README_WORDS = (
    "use case",
    "items",
    "chance level",
    "metric",
    "generated",
    "synthetic: yes",
    "Apache-2.0",
    "version",
)
LEAST, MOST = 200, 500


def _definition(name: str) -> dict[str, Any]:
    loaded = yaml.safe_load((TASKS / name / f"{name}.yaml").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def _rows(name: str) -> list[dict[str, Any]]:
    text = (TASKS / name / f"{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


ACCURACY = [name for name in NAMED if "output_type" in _definition(name)]
CHOICES = [name for name in ACCURACY if _definition(name)["output_type"] == "multiple_choice"]


def test_there_are_enough_accuracy_tasks() -> None:
    assert len(ACCURACY) >= 9
    assert set(NAMED) < set(FOLDERS)


@pytest.mark.parametrize("name", FOLDERS)
def test_readme_tells_what_one_must_know(name: str) -> None:
    text = (TASKS / name / "README.md").read_text(encoding="utf-8")
    assert [word for word in README_WORDS if word not in text] == []


@pytest.mark.parametrize("name", NAMED)
def test_readme_tells_the_number_of_items(name: str) -> None:
    text = (TASKS / name / "README.md").read_text(encoding="utf-8")
    assert f"| items | {len(_rows(name))} |" in text


@pytest.mark.parametrize("task", OTHERS, ids=lambda task: task.name)
def test_a_task_of_another_suite_is_whole(task: TaskRef) -> None:
    path = Path(task.path or "")
    definition = yaml.safe_load(path.read_text("utf-8"))
    if task.kind == "workload":
        return
    assert definition["task"] == task.name and definition["version"] == 1
    assert definition["suite"] == task.kind and definition["synthetic"] is True
    rows = [json.loads(line) for line in (path.parent / definition["data"]).open("rb")]
    if "where" not in definition:
        assert len(rows) == task.item_count
    assert (task.item_count or 0) >= 40 and len(rows) >= 40
    ids = [row["id"] for row in rows]
    assert len(set(ids)) == len(ids)
    assert task.name in (path.parent / "README.md").read_text("utf-8")


@pytest.mark.parametrize("name", ACCURACY)
def test_accuracy_definition(name: str) -> None:
    task = _definition(name)
    assert task["task"] == name
    assert task["tag"] == "slmbench"
    assert task["dataset_path"] == "json"
    assert task["dataset_kwargs"] == {"data_files": {"test": f"{name}.jsonl"}}
    assert task["test_split"] == "test"
    assert task["metric_list"]
    assert task["metadata"] == {"version": 1.0, "synthetic": True}
    assert LEAST <= len(_rows(name)) <= MOST


@pytest.mark.parametrize("name", [n for n in NAMED if n not in ACCURACY])
def test_generation_definition(name: str) -> None:
    task = _definition(name)
    assert task["task"] == name
    assert task["suite"] in {"toxicity", "similarity"}
    assert task["data"] == f"{name}.jsonl"
    assert task["version"] == 1
    assert task["generation"]["max_new_tokens"] > 0
    wanted = {"id", "prompt", "cluster"}
    if task["suite"] == "similarity":
        wanted |= {"reference"}
    assert all(set(row) == wanted for row in _rows(name))


@pytest.mark.parametrize("name", NAMED)
def test_rows_are_distinct_and_clustered(name: str) -> None:
    rows = _rows(name)
    assert len({row["id"] for row in rows}) == len(rows)
    contents = [json.dumps({k: v for k, v in row.items() if k != "id"}) for row in rows]
    assert len(set(contents)) == len(rows)
    assert all(row["cluster"] for row in rows)
    assert len({row["cluster"] for row in rows}) > 1


@pytest.mark.parametrize("name", CHOICES)
def test_right_answers_are_balanced(name: str) -> None:
    rows = _rows(name)
    options = len(rows[0]["choices"])
    assert all(len(set(row["choices"])) == options for row in rows)
    places = Counter(row["answer"] for row in rows)
    assert set(places) == set(range(options))
    assert max(places.values()) - min(places.values()) <= 1


@pytest.mark.parametrize("name", ACCURACY)
def test_prompt_is_the_one_seen_in_training(name: str) -> None:
    """The YAML's prompt, filled from a row, is the text the generator trains with."""
    template = _definition(name)["doc_to_text"]
    for row, example in zip(_rows(name), examples(name), strict=True):
        prompt = template
        for key, value in row.items():
            prompt = prompt.replace("{{" + key + "}}", str(value))
        assert prompt == example.prompt


@pytest.mark.parametrize("name", ["chat", "summarize", "batch"])
def test_workload(name: str) -> None:
    path = TASKS / "workloads" / f"{name}.yaml"
    work = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert set(work) == {
        "workload",
        "version",
        "text",
        "prompt_tokens",
        "output_tokens",
        "batch_size",
        "warmup",
        "repeats",
    }
    assert work["workload"] == name
    assert len((path.parent / work["text"]).read_text(encoding="utf-8").split()) >= 2048


def test_data_is_written_again_byte_for_byte(tmp_path: Path) -> None:
    for path in write(tmp_path):
        shipped = TASKS / path.relative_to(tmp_path)
        assert path.read_bytes() == shipped.read_bytes(), shipped
