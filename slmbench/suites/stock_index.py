"""The names of lm-eval's own tasks and their files, cached: lm-eval parses 14,000 files for them.

Imports nothing of lm-eval, so that a plan can read it; ``lm_eval_bridge.index`` writes it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from slmbench.resources import cache_dir

_FORMAT = 1


class StockEntry(NamedTuple):
    """A task, group or tag: lm-eval's name of its kind, its file inside the folder, its tags."""

    kind: str
    path: str | None
    tags: tuple[str, ...]


def lm_eval_tasks_dir() -> Path | None:
    """Return the folder of lm-eval's tasks, or None where it isn't installed. Imports nothing."""
    spec = importlib.util.find_spec("lm_eval")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(next(iter(spec.submodule_search_locations))) / "tasks"
    return folder if folder.is_dir() else None


def read() -> dict[str, StockEntry] | None:
    """Return the index of the installed lm-eval, or None where none is cached or it is outdated."""
    folder = lm_eval_tasks_dir()
    if folder is None:
        return None
    try:
        held = json.loads(_place(folder).read_text("utf-8"))
        if held["made_for"] != _made_for(folder):
            return None
        return {name: _entry(*row) for name, row in held["entries"].items()}
    except (OSError, RuntimeError, ValueError, TypeError, KeyError, AttributeError):
        return None  # a damaged file is as good as none: it is made again


def write(entries: Mapping[str, StockEntry]) -> None:
    """Keep an index, whole or not at all; a folder that can't be written is no error."""
    folder = lm_eval_tasks_dir()
    if folder is None:
        return
    held = {"made_for": _made_for(folder), "entries": entries}
    text = json.dumps(held, allow_nan=False, separators=(",", ":"))
    with suppress(OSError, RuntimeError):  # the latter: a user without a home folder
        place = _place(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=f"{place.stem}.", suffix=".part")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
            Path(name).replace(place)
        finally:
            Path(name).unlink(missing_ok=True)


def _place(folder: Path) -> Path:
    # Two installations side by side keep an index each.
    name = hashlib.sha256(f"{version('lm_eval')} {folder}".encode()).hexdigest()[:16]
    return cache_dir() / f"lm-eval-tasks-{name}.json"


def _made_for(folder: Path) -> dict[str, Any]:
    """Return what must be the same for an index to hold.

    Counting the files takes 40 ms and tells that a task came or went in a checkout of lm-eval;
    a folder's own time tells nothing of the folders below it.
    """
    count = sum(name.endswith(".yaml") for _, _, names in os.walk(folder) for name in names)
    return {
        "format": _FORMAT,
        "lm_eval": version("lm_eval"),
        "folder": str(folder),
        "changed_ns": folder.stat().st_mtime_ns,
        "files": count,
    }


def _entry(kind: Any, path: Any, tags: Any) -> StockEntry:
    if not isinstance(kind, str) or not isinstance(path, str | None) or not isinstance(tags, list):
        raise ValueError("not an entry")
    return StockEntry(kind, path, tuple(map(str, tags)))
