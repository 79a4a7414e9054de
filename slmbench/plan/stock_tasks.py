"""Find a task among those that lm-eval ships, by reading its YAML files as text."""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from pathlib import Path

_NAMED = re.compile(
    rb"^[\"']?(?:task|group)[\"']?:[ \t]*[\"']?([\w.+-]+)[\"']?[ \t]*(?:#.*)?$", re.MULTILINE
)
_TAG = re.compile(rb"^tag:[ \t]*(?:\n[ \t]*-[ \t]*)?[\"']?([\w.+-]+)", re.MULTILINE)


def lm_eval_tasks_dir() -> Path | None:
    """Return the folder of lm-eval's tasks, or None where it isn't installed. Imports nothing."""
    spec = importlib.util.find_spec("lm_eval")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(next(iter(spec.submodule_search_locations))) / "tasks"
    return folder if folder.is_dir() else None


@cache
def stock_task_names() -> frozenset[str]:
    """Return the task, group and tag names of the installed lm-eval; empty without it."""
    folder = lm_eval_tasks_dir()
    names: set[bytes] = set()
    for path in folder.rglob("*.yaml") if folder is not None else ():
        text = path.read_bytes()
        names.update(_NAMED.findall(text))
        names.update(_TAG.findall(text))
    return frozenset(name.decode() for name in names)
