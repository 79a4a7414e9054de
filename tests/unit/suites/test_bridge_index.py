"""lm-eval's own look-up of tasks, with its index from the cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("lm_eval")

from lm_eval.tasks import TaskManager
from lm_eval.tasks._index import TaskIndex

from slmbench.suites import stock_index
from slmbench.suites.lm_eval_bridge import index as bridge_index
from slmbench.suites.lm_eval_bridge.index import cached_index

_TASK = "task: {name}\noutput_type: multiple_choice\ntag: [{tag}]\n"


@pytest.fixture
def stock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small folder in the place of lm-eval's own, and an empty cache."""
    folder = tmp_path / "stock"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "one.yaml").write_text(_TASK.format(name="one", tag="both"))
    (folder / "two.yaml").write_text(_TASK.format(name="two", tag="both"))
    (folder / "all.yaml").write_text("group: all\ntask: [one, two]\n")
    monkeypatch.setenv("SLMBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(stock_index, "lm_eval_tasks_dir", lambda: folder)
    return folder


def plain(index: dict[str, Any]) -> dict[str, Any]:
    return {name: (each.kind, each.yaml_path, each.tags) for name, each in index.items()}


def test_the_cached_index_is_lm_evals(stock: Path) -> None:
    expected = plain(TaskIndex.build([stock]))
    for _ in ("built", "read"):
        with cached_index():
            assert plain(TaskIndex.build([stock])) == expected
        assert stock_index.read() is not None
    assert expected.keys() == {"one", "two", "all", "both"}


def test_it_is_built_once(stock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with cached_index():
        TaskIndex.build([stock])

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("read from the cache, not built")

    monkeypatch.setattr(bridge_index.TaskIndex, "build", staticmethod(never))
    with cached_index():
        assert TaskIndex.build([stock])["one"].yaml_path == stock / "deep" / "one.yaml"


def test_a_folder_of_the_users_goes_before_it_and_is_never_cached(
    stock: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "one.yaml").write_text(_TASK.format(name="one", tag="own"))
    with cached_index():
        found = TaskIndex.build([stock, mine])
        assert found["one"].yaml_path == mine / "one.yaml"
        (mine / "three.yaml").write_text(_TASK.format(name="three", tag="own"))
        assert "three" in TaskIndex.build([mine])
    assert {"one", "two"} <= found.keys() and "own" in found


def test_lm_eval_has_its_own_builder_back(stock: Path) -> None:
    before = TaskIndex.build
    with pytest.raises(RuntimeError), cached_index():
        assert TaskIndex.build is not before
        raise RuntimeError
    assert TaskIndex.build is before


@pytest.mark.slow
def test_all_of_lm_evals_tasks_are_found_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Held on the installed lm-eval: about 15 s, as its index is built in full."""
    monkeypatch.setenv("SLMBENCH_CACHE", str(tmp_path))
    with cached_index():
        built = plain(TaskManager().task_index)
        read = plain(TaskManager().task_index)
    assert len(built) > 10_000 and read == built
