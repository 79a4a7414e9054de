"""The cached index of lm-eval's tasks: kept, checked, and never a reason to fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slmbench.plan import stock_tasks
from slmbench.suites import stock_index
from slmbench.suites.stock_index import StockEntry

_ENTRIES = {
    "arc_easy": StockEntry("TASK", "arc/arc_easy.yaml", ("ai2_arc",)),
    "ai2_arc": StockEntry("TAG", None, ("arc_challenge", "arc_easy")),
    "mmlu": StockEntry("GROUP", "mmlu/mmlu.yaml", ()),
}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache and an installed lm-eval of one task."""
    tasks = tmp_path / "lm_eval" / "tasks"
    (tasks / "arc").mkdir(parents=True)
    (tasks / "arc" / "arc_easy.yaml").write_text("task: arc_easy\ntag:\n  - ai2_arc\n  - easy\n")
    (tasks / "arc" / "_template_yaml").write_text("tag: all_arc # every one\n")
    monkeypatch.setenv("SLMBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(stock_index, "lm_eval_tasks_dir", lambda: tasks)
    monkeypatch.setattr(stock_index, "version", lambda name: "0.4.13")
    return tmp_path / "cache"


def only_file(cache: Path) -> Path:
    (file,) = cache.iterdir()
    return file


def test_what_is_written_is_read(cache: Path) -> None:
    assert stock_index.read() is None
    stock_index.write(_ENTRIES)
    assert stock_index.read() == _ENTRIES


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "[]",
        lambda text: "{}",
        lambda text: text.replace('"TASK"', "5"),
        lambda text: text.replace('["ai2_arc"]', '"ai2_arc"'),
        lambda text: text.replace('["TASK",', "["),
    ],
)
def test_a_damaged_file_is_as_good_as_none(damage: Callable[[str], str], cache: Path) -> None:
    stock_index.write(_ENTRIES)
    file = only_file(cache)
    file.write_text(damage(file.read_text()))
    assert stock_index.read() is None
    stock_index.write(_ENTRIES)
    assert stock_index.read() == _ENTRIES


def test_bytes_that_are_no_text_are_as_good_as_none(cache: Path) -> None:
    stock_index.write(_ENTRIES)
    only_file(cache).write_bytes(b"\xff\xfe\x00")
    assert stock_index.read() is None


def test_another_version_has_an_index_of_its_own(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock_index.write(_ENTRIES)
    monkeypatch.setattr(stock_index, "version", lambda name: "0.4.14")
    assert stock_index.read() is None
    stock_index.write({})
    assert stock_index.read() == {}
    monkeypatch.setattr(stock_index, "version", lambda name: "0.4.13")
    assert stock_index.read() == _ENTRIES


def test_a_task_that_comes_or_goes_makes_it_outdated(cache: Path) -> None:
    stock_index.write(_ENTRIES)
    folder = stock_index.lm_eval_tasks_dir()
    assert folder is not None
    (folder / "arc" / "arc_hard.yaml").write_text("task: arc_hard\n")
    assert stock_index.read() is None


def test_a_cache_that_cannot_be_written_is_no_error(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("SLMBENCH_CACHE", str(file / "below"))
    stock_index.write(_ENTRIES)
    assert stock_index.read() is None

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("SLMBENCH_CACHE", str(cache))
    monkeypatch.setattr(Path, "replace", full)
    stock_index.write(_ENTRIES)
    assert list(cache.iterdir()) == []


def test_the_file_is_plain_json_and_small_entries(cache: Path) -> None:
    stock_index.write(_ENTRIES)
    held = json.loads(only_file(cache).read_text())
    assert held["entries"]["arc_easy"] == ["TASK", "arc/arc_easy.yaml", ["ai2_arc"]]
    assert held["made_for"]["lm_eval"] == "0.4.13"


def test_a_plan_takes_names_from_the_index_or_from_the_text(cache: Path) -> None:
    stock_tasks.stock_task_names.cache_clear()
    assert stock_tasks.stock_task_names() == {"arc_easy", "ai2_arc", "easy", "all_arc"}
    stock_index.write(_ENTRIES)
    stock_tasks.stock_task_names.cache_clear()
    assert stock_tasks.stock_task_names() == set(_ENTRIES)
    stock_tasks.stock_task_names.cache_clear()


def test_without_lm_eval_there_is_no_index(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stock_index, "lm_eval_tasks_dir", lambda: None)
    stock_index.write(_ENTRIES)
    assert stock_index.read() is None and not cache.exists()
