"""A task folder is read strictly, counted and fingerprinted."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmbench.errors import InputError
from slmbench.suites.taskfile import (
    apply_limit,
    count_items,
    definition_hash,
    kind_of,
    load_text_task,
    task_hash,
    text_hash,
)
from slmbench.suites.workload_file import load_workload

TEXT_TASK = (
    "suite: toxicity\ntask: mine\nversion: 1\ndata: mine.jsonl\n"
    "generation: {samples: 2, max_new_tokens: 4, temperature: 1.0}\n"
)
ROWS = '{"id": "a", "prompt": "p"}\n\n{"id": "b", "prompt": "q", "cluster": "c"}\n'
WORKLOAD = "{workload: w, version: 1, text: w.txt, prompt_tokens: 4, output_tokens: 2}\n"


@pytest.fixture
def task(tmp_path: Path) -> Path:
    (tmp_path / "mine.jsonl").write_text(ROWS)
    (tmp_path / "w.txt").write_text("some words")
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT_TASK)
    return path


@pytest.mark.parametrize(
    ("count", "limit", "left"),
    [
        (10, None, 10), (10, 3, 3), (10, 30, 10), (10, 10, 10), (10, 1, 1),
        (10, 0.5, 5), (10, 0.25, 3), (10, 0.01, 1), (3, 0.999, 3), (0, 5, 0), (0, 0.5, 0),
    ],
)  # fmt: skip
def test_a_limit_is_a_count_or_a_share_rounded_up(
    count: int, limit: float | None, left: int
) -> None:
    assert apply_limit(count, limit) == left


@given(count=st.integers(1, 10**6), share=st.floats(1e-9, 1, exclude_max=True))
def test_a_share_never_leaves_nothing_or_too_much(count: int, share: float) -> None:
    left = apply_limit(count, share)
    assert 1 <= left <= count
    assert left >= count * share - 1e-6 and left - 1 < count * share + 1e-6


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (TEXT_TASK, "toxicity"),
        (TEXT_TASK.replace("toxicity", "similarity"), "similarity"),
        (WORKLOAD, "workload"),
        ("task: t\noutput_type: multiple_choice\n", "accuracy"),
        ("dataset_path: json\n", "accuracy"),
        ("group: g\ntask: [a, b]\n", "accuracy"),
        ("include: _base.yaml\ntask: t\n", "accuracy"),
        ("output_type: x\ndoc_to_text: !function code.run\n", "accuracy"),
    ],
)
def test_the_kind_is_read_from_the_file(text: str, kind: str, tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(text)
    assert kind_of(tmp_path / "t.yaml") == kind


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\n", "is no task"), ("suite: biass\n", "Did you mean 'bias'"),
        ("suite: [toxicity]\n", "which there is not"),
    ],
)  # fmt: skip
def test_what_is_no_task_is_told(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(text)
    with pytest.raises(InputError, match=rf"t\.yaml' .*{said}"):
        kind_of(tmp_path / "t.yaml")


def test_a_text_task_is_read(task: Path) -> None:
    read, rows = load_text_task(task)
    assert (read.task, read.generation.samples, read.threshold) == ("mine", 2, 0.5)
    assert [(row.id, row.cluster) for row in rows] == [("a", None), ("b", "c")]


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ('{"id": "a", "prompt": "p"}\n{"id": "a", "prompt": "q"}\n', "holds an id twice"),
        ('{"id": "a", "prompt": "p"}\n{"id": \n', r"mine\.jsonl' line 2 is not JSON"),
        ('{"id": "a", "promt": "p"}\n', r"line 1: unknown key 'promt'\. Did you mean 'prompt'\?"),
        ('{"id": "a"}\n', "line 1: the key 'prompt' is missing"),
        ('{"id": 3, "prompt": "p"}\n', "line 1: 'id'"),
        ("\n\n", "holds no items"),
    ],
)
def test_damaged_items_are_told_by_their_line(rows: str, complaint: str, task: Path) -> None:
    (task.parent / "mine.jsonl").write_text(rows)
    with pytest.raises(InputError, match=complaint):
        load_text_task(task)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("version", "verison", "'verison'. Did you mean 'version'"),
        ("samples", "sample", "'generation.sample'. Did you mean 'samples'"),
        ("samples: 2", "samples: 0", "'generation.samples'"),
        ("mine.jsonl", "other.jsonl", "cannot be read"),
        ("temperature: 1.0", "temperature: .nan", "'generation.temperature'"),
    ],
)
def test_a_slip_in_the_definition_is_told(old: str, new: str, complaint: str, task: Path) -> None:
    task.write_text(TEXT_TASK.replace(old, new))
    with pytest.raises(InputError) as caught:
        load_text_task(task)
    assert complaint in str(caught.value)


def test_a_workload_is_read_with_its_text(task: Path) -> None:
    task.write_text(WORKLOAD)
    workload, text = load_workload(task)
    assert workload.repeats == 5 and text == "some words"
    task.write_text(WORKLOAD.replace("w.txt", "none.txt"))
    with pytest.raises(InputError, match=r"none\.txt', which cannot be read"):
        load_workload(task)


def test_items_are_counted_where_one_file_holds_them(task: Path) -> None:
    assert count_items(task) == 2
    task.write_text("dataset_kwargs: {data_files: {test: mine.jsonl}}\noutput_type: x\n")
    assert count_items(task) == 2
    task.write_text("dataset_kwargs: {data_files: {test: mine.jsonl, train: w.txt}}\n")
    assert count_items(task) is None
    task.write_text("dataset_path: hub/dataset\n")
    assert count_items(task) is None


@pytest.mark.parametrize("name", ["mine.yaml", "mine.jsonl"])
def test_the_hash_covers_definition_and_items(name: str, task: Path) -> None:
    before = task_hash(task)
    assert before == task_hash(task)
    with (task.parent / name).open("a") as file:
        file.write("# more\n")
    assert task_hash(task) != before


def test_the_hash_covers_a_workloads_text_and_lists_of_files(task: Path) -> None:
    for text in (WORKLOAD, "dataset_kwargs: {data_files: [mine.jsonl, w.txt]}\noutput_type: x\n"):
        task.write_text(text)
        before = task_hash(task)
        (task.parent / "w.txt").write_text(f"other words {before}")
        assert task_hash(task) != before


@given(st.lists(st.text(alphabet="ab\x00", max_size=3), max_size=3))
def test_a_text_hash_is_short_and_stable(parts: list[str]) -> None:
    assert text_hash(*parts) == text_hash(*parts) and len(text_hash(*parts)) == 32
    assert text_hash(*parts, "more") != text_hash(*parts)


def test_a_groups_hash_is_that_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text("group: all\ntask: [one]\n")
    one = tmp_path / "one.yaml"
    one.write_text("task: one\noutput_type: multiple_choice\ntag: easy\n")
    names = [("all", tmp_path / "all.yaml"), ("easy", one), ("one", one)]
    before = {name: definition_hash(path, name) for name, path in names}
    assert before["one"] == task_hash(one)
    (tmp_path / "two.yaml").write_text("task: two\noutput_type: multiple_choice\ntag: easy\n")
    after = {name: definition_hash(path, name) for name, path in names}
    assert [name for name in before if before[name] != after[name]] == ["all", "easy"]
