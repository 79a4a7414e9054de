"""Published data is read as it lies: JSON lines, a JSON list or CSV, columns renamed and chosen."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slmbench.errors import InputError
from slmbench.suites.taskdata import count_rows, read_rows
from slmbench.suites.taskfile import count_items, load_text_task, task_hash

ROWS: list[dict[str, Any]] = [
    {"id": 7, "text": "one", "about": ["cats", "dogs"], "kind": "bad", "more": {"x": [1.5, 2]}},
    {"id": 9, "text": "two", "about": ["cats"], "kind": "good", "more": {"x": [2.5, 3]}},
    {"id": None, "text": "three", "about": ["dogs"], "kind": "bad", "more": {"x": [3.5, 4]}},
]
YAML = (
    "suite: toxicity\ntask: t\nversion: 1\ndata: {name}\n"
    "generation: {{samples: 1, max_new_tokens: 4}}\n"
    "fields: {{prompt: text, group: about, toxicity: more.x.0}}\nwhere: {{kind: bad}}\n"
)


def written(folder: Path, name: str, rows: list[dict[str, Any]] = ROWS) -> Path:
    path = folder / name
    if name.endswith(".json"):
        path.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    elif name.endswith(".csv"):
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def items(path: Path, fields: dict[str, str], where: dict[str, Any] | None = None) -> list[Any]:
    return [item for _, item in read_rows(path, fields, where or {})]


@pytest.mark.parametrize("name", ["d.json", "d.jsonl"])
def test_columns_are_renamed_and_ids_made_from_the_place(name: str, tmp_path: Path) -> None:
    fields = {"prompt": "text", "second": "more.x.1"}
    assert items(written(tmp_path, name), fields, {"kind": "bad"}) == [
        {"prompt": "one", "second": 2, "id": "7"},
        {"prompt": "three", "second": 4, "id": "row-3"},
    ]


def test_a_task_of_published_data_is_one_yaml(tmp_path: Path) -> None:
    written(tmp_path, "d.json")
    task = tmp_path / "t.yaml"
    task.write_text(YAML.format(name="d.json"))
    _, rows = load_text_task(task)
    assert [(row.id, row.prompt, row.groups, row.toxicity) for row in rows] == [
        ("7", "one", ("cats", "dogs"), 1.5),
        ("row-3", "three", ("dogs",), 3.5),
    ]
    assert count_items(task) == 2
    before = task_hash(task)
    written(tmp_path, "d.json", ROWS[::-1])
    assert task_hash(task) != before


def test_the_path_may_lead_elsewhere(tmp_path: Path) -> None:
    written(tmp_path, "d.jsonl")
    (tmp_path / "inner").mkdir()
    for name in ("../d.jsonl", str(tmp_path / "d.jsonl")):
        task = tmp_path / "inner" / "t.yaml"
        task.write_text(YAML.format(name=name))
        assert len(load_text_task(task)[1]) == 2


def test_a_table_has_texts_and_blank_cells(tmp_path: Path) -> None:
    rows = [{"a": "x, y", "b": "1"}, {"a": "line\nbreak", "b": ""}, {"a": "z", "b": "2"}]
    path = written(tmp_path, "d.csv", rows)
    assert items(path, {}) == [
        {"a": "x, y", "b": "1", "id": "row-1"},
        {"a": "line\nbreak", "id": "row-2"},
        {"a": "z", "b": "2", "id": "row-3"},
    ]
    assert [each["id"] for each in items(path, {"p": "a"}, {"b": (1, 2)})] == ["row-1", "row-3"]


def test_a_table_without_a_header_gets_its_columns_from_the_task(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text('"one, two",3\nfour,5\n', encoding="utf-8")
    found = [item for _, item in read_rows(path, {"p": "text"}, {"n": (3, 5)}, ("text", "n"))]
    assert found == [{"p": "one, two", "id": "row-1"}, {"p": "four", "id": "row-2"}]
    assert count_rows(path, {}, ("text", "n")) == 2 and count_rows(path, {}) == 1
    with pytest.raises(InputError, match="line 1 has not as many cells as the columns of the task"):
        read_rows(path, {}, {}, ("text",))
    with pytest.raises(InputError, match="'columns' out of the task"):
        read_rows(written(tmp_path, "d.jsonl"), {}, {}, ("text",))


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ({"about": "cats"}, ["7", "9"]),
        ({"about": ("dogs",), "kind": "bad"}, ["7", "row-3"]),
        ({"more.x.0": 2.5}, ["9"]),
        ({"kind": ["good", "bad"]}, ["7", "9", "row-3"]),
    ],
)
def test_items_are_chosen_by_value(where: dict[str, Any], ids: list[str], tmp_path: Path) -> None:
    path = written(tmp_path, "d.json")
    assert [each["id"] for each in items(path, {"prompt": "text"}, where)] == ids
    assert count_rows(path, where) == len(ids)


@pytest.mark.parametrize(
    ("name", "text", "fields", "where", "complaint"),
    [
        ("d.json", '{"a": 1}', {}, {}, "must hold a list"),
        ("d.json", "[1]", {}, {}, "item 1 must be an object"),
        ("d.json", "[{]", {}, {}, "is not JSON"),
        ("d.json", "[]", {}, {}, "holds no items"),
        ("d.jsonl", "[1]\n", {}, {}, "line 1 must be an object"),
        ("d.csv", "a,b\n1\n", {}, {}, "line 2 has not as many cells"),
        ("d.csv", "a,b\n1,2,3\n", {}, {}, "line 2 has not as many cells"),
        ("d.csv", 'a,b\n1,"2\n', {}, {}, "is not CSV"),
        ("d.csv", "", {}, {}, "holds no items"),
        ("d.csv", "text\nx\n", {"prompt": "txt"}, {}, "no column 'txt'. Did you mean 'text'"),
        ("d.json", '[{"a": [1]}]', {"p": "a.1"}, {}, "no column 'a.1'"),
        ("d.json", '[{"a": "x"}]', {}, {"a": "y"}, "holds no items with a = y"),
        ("d.json", '[{"a": "x"}]', {}, {"b": "y"}, "no column 'b'"),
    ],
)
def test_what_is_wrong_is_told_by_its_place(
    name: str, text: str, fields: dict[str, str], where: dict[str, str], complaint: str,
    tmp_path: Path,
) -> None:  # fmt: skip
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_rows(path, fields, where)
    assert complaint in str(caught.value) and name in str(caught.value)


def test_data_that_cannot_be_read_has_no_count_and_fails_no_plan(tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text("{}")
    task = tmp_path / "t.yaml"
    task.write_text(YAML.format(name="d.json"))
    assert count_items(task) is None


_TEXT = st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda text: text.strip())


@pytest.mark.parametrize("name", ["h.json", "h.jsonl", "h.csv"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(texts=st.lists(_TEXT, min_size=1, max_size=5))
def test_any_text_comes_back_as_it_was_written(name: str, texts: list[str], tmp_path: Path) -> None:
    rows = [{"text": text.replace("\0", "")} for text in texts]
    rows = [row for row in rows if row["text"].strip()] or [{"text": "x"}]
    path = tmp_path / name
    if name.endswith("l"):
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
        path.write_text("".join(lines), encoding="utf-8", newline="")
    else:
        written(tmp_path, name, rows)
    assert [item["prompt"] for item in items(path, {"prompt": "text"})] == [
        row["text"] for row in rows
    ]
