"""Calibration of lm-eval tasks: which tasks have it, and that it follows from the samples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("lm_eval")

from slmbench.backends.fake import Fake
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.plan import Job, TaskRef
from slmbench.schema.record import JobResult
from slmbench.suites.accuracy import Accuracy
from tests.contract.memory_context import MemoryContext

NAMES = {"brier", "ece", "ece_equal_mass", "aurc", "selective_acc@50", "selective_acc@80"}
CHOICE = """dataset_path: json
dataset_kwargs: {data_files: {test: items.jsonl}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{question}}"
doc_to_choice: "{{choices}}"
doc_to_target: "{{answer}}"
metric_list:
  - {metric: acc, aggregation: mean, higher_is_better: true}
"""
CHOICES = ["red", "green", "blue"]
ITEMS = "".join(
    json.dumps({"question": f"q{i}", "choices": CHOICES, "answer": i % 3, "cluster": f"c{i % 4}"})
    + "\n"
    for i in range(24)
)


def run(folder: Path, definition: str, name: str = "mine", items: str = ITEMS) -> JobResult:
    (folder / "items.jsonl").write_text(items)
    path = folder / f"{name}.yaml"
    head = "" if definition.startswith("group") else f"task: {name}\n"
    path.write_text(head + definition)
    task = TaskRef(name=name, kind="accuracy", path=str(path))
    backend = Fake(ModelSpec(backend="fake", target="calibrated"), "calibrated")
    return Accuracy().run(
        Job(job_id="accuracy/x", suite="accuracy", task=task), backend, MemoryContext()
    )


def values(result: JobResult) -> dict[str, Any]:
    return {metric.metric: metric.value for metric in result.metrics}


def test_it_follows_from_the_samples_log_likelihoods(tmp_path: Path) -> None:
    result = run(tmp_path, CHOICE)
    found = values(result)
    assert set(found) == {"acc", *NAMES}
    table = np.array([sample.loglikelihoods for sample in result.samples])
    shares = np.exp(table) / np.exp(table).sum(axis=1, keepdims=True)
    truth = np.eye(3)[[i % 3 for i in range(24)]]
    brier = ((shares - truth) ** 2).sum(axis=1)
    assert found["brier"].value == pytest.approx(brier.mean())
    assert [s.scores["brier"] for s in result.samples] == pytest.approx(brier.tolist())
    right = shares.argmax(axis=1) == truth.argmax(axis=1)
    assert right.mean() == found["acc"].value
    curve = result.raw["reliability"]
    assert sum(row["n"] for row in curve) == 24
    gaps = [row["n"] * abs(row["accuracy"] - row["mean_confidence"]) for row in curve]
    assert found["ece"].value == pytest.approx(sum(gaps) / 24)
    assert "clusters" in found["ece"].interval.method
    for value in found.values():
        assert value.interval.low <= value.value <= value.interval.high


@pytest.mark.parametrize(
    "definition",
    [
        CHOICE.replace('"{{answer}}"', "!function rules.several"),
        CHOICE + "process_results: !function rules.own\n",
        CHOICE.replace("multiple_choice", "loglikelihood").replace(
            'doc_to_choice: "{{choices}}"\n', ""
        ),
    ],
    ids=["several right answers", "a scoring of its own", "no choices"],
)
def test_a_task_without_one_right_choice_has_none(definition: str, tmp_path: Path) -> None:
    (tmp_path / "rules.py").write_text(
        "def several(doc):\n    return [doc['answer'], (doc['answer'] + 1) % 3]\n\n\n"
        "def own(doc, results):\n    return {'acc': 1.0}\n"
    )
    result = run(tmp_path, definition)
    assert set(values(result)) == {"acc"} and result.raw == {}


def test_contexts_as_choices_and_answers_as_texts(tmp_path: Path) -> None:
    definition = CHOICE.replace(
        'doc_to_target: "{{answer}}"', 'doc_to_target: "{{choices[answer]}}"'
    )
    assert set(values(run(tmp_path, definition))) == {"acc", *NAMES}
    # As WinoGrande: the choices stand in the context, and the same ending is scored after each.
    turned = CHOICE.replace('doc_to_text: "{{question}}"', 'doc_to_text: "{{answer}}"').replace(
        'doc_to_target: "{{answer}}"', 'doc_to_target: "came home"'
    )
    result = run(tmp_path, turned, name="turned")
    found = values(result)
    assert set(found) == {"acc", *NAMES}
    curve = result.raw["reliability"]
    assert sum(row["n"] * row["accuracy"] for row in curve) == pytest.approx(
        24 * found["acc"].value
    )


def test_the_unconditional_log_likelihoods_are_no_choices(tmp_path: Path) -> None:
    definition = CHOICE + "  - {metric: acc_mutual_info, aggregation: mean}\n"
    result = run(tmp_path, definition)
    assert {len(sample.loglikelihoods) for sample in result.samples} == {6}
    curve = result.raw["reliability"]
    right = sum(row["n"] * row["accuracy"] for row in curve)
    assert right == pytest.approx(24 * values(result)["acc"].value)


def test_every_member_of_a_group_has_its_own_curve(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(f"task: {name}\n{CHOICE}")
    result = run(tmp_path, "group: both\ntask: [one, two]\n", name="both")
    assert {row["task"] for row in result.raw["reliability"]} == {"one", "two"}
    assert {m.task for m in result.metrics if m.metric == "ece"} == {"one", "two"}


def test_an_item_without_a_right_choice_is_left_out_and_told(tmp_path: Path) -> None:
    items = ITEMS + '{"question": "q", "choices": ["red", "green"], "answer": 7, "cluster": "c"}\n'
    result = run(tmp_path, CHOICE, items=items)
    assert values(result)["ece"].n == 24 and values(result)["brier"].n == 24
    (odd,) = [sample for sample in result.samples if "brier" not in sample.scores]
    assert odd.unscored["brier"] == "the item names no right choice"
