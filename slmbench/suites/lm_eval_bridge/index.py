"""The index of lm-eval's own tasks, built once for each version instead of at every start."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lm_eval.tasks._index import Entry, Kind, TaskIndex

from slmbench.suites import stock_index
from slmbench.suites.stock_index import StockEntry

_log = logging.getLogger("lm_eval.tasks._index")


@contextmanager
def cached_index() -> Iterator[None]:
    """Let lm-eval take the index of its own tasks from the cache, within the block."""
    build = TaskIndex.build
    TaskIndex.build = staticmethod(_building(build))
    try:
        yield
    finally:
        TaskIndex.build = staticmethod(build)


def _building(build: Callable[..., dict[str, Entry]]) -> Callable[..., dict[str, Entry]]:
    """Return lm-eval's ``TaskIndex.build`` with a short cut for the folder of its own tasks."""

    def merged(paths: Iterable[Path], *, resolve_includes: bool = True) -> dict[str, Entry]:
        own = stock_index.lm_eval_tasks_dir()
        index: dict[str, Entry] = {}
        for root in paths:
            if resolve_includes and own is not None and Path(root) == own:
                found = _stock_entries(own, build)
            else:
                found = build([Path(root)], resolve_includes=resolve_includes)
            for name in found.keys() & index.keys():
                _log.warning("Task '%s' overrides lm-eval's own of that name", name)
            index.update(found)
        return index

    return merged


def _stock_entries(folder: Path, build: Callable[..., dict[str, Entry]]) -> dict[str, Entry]:
    stored = stock_index.read()
    if stored is None:
        built = build([folder])
        stock_index.write({name: _stored(entry, folder) for name, entry in built.items()})
        return built
    # An entry needs no configuration: lm-eval reads a task's file again when it builds the task.
    return {
        name: Entry(
            name=name,
            kind=Kind[each.kind],
            yaml_path=None if each.path is None else folder / each.path,
            tags=set(each.tags),
        )
        for name, each in stored.items()
    }


def _stored(entry: Any, folder: Path) -> StockEntry:
    path = None if entry.yaml_path is None else entry.yaml_path.relative_to(folder).as_posix()
    return StockEntry(entry.kind.name, path, tuple(sorted(entry.tags)))
