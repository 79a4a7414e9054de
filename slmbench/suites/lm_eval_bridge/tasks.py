"""Load lm-eval tasks and groups, and evaluate a model on them by lm-eval's own rules."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from lm_eval import evaluator
from lm_eval.tasks import TaskManager
from lm_eval.tasks._index import Kind

from slmbench.errors import InputError
from slmbench.schema.plan import TaskRef
from slmbench.schema.spec import RunSpec
from slmbench.suites.lm_eval_bridge.index import cached_index
from slmbench.suites.lm_eval_bridge.model import BridgeLM

#: lm-eval's own default seed of few-shot examples, numpy and torch; its ``random`` starts at 0.
_DEFAULT_SEED = 1234
_UNUSABLE = (KeyError, ValueError, TypeError, AttributeError, ImportError, OSError)
#: What an entry of a group has when it defines a task rather than naming one.
_DEFINES = {"dataset_path", "output_type", "class", "include"}


def evaluate(task: TaskRef, lm: BridgeLM, spec: RunSpec) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run one lm-eval task, group or tag.

    Args:
        task: a local one by its YAML, or a stock one by its name.
        lm: the bridge over the backend.
        spec: few-shot count, limit, chat template, system instruction and seed.

    Returns:
        lm-eval's results with every sample, and the loaded tasks by name.

    Raises:
        InputError: the task's definition or data can't be used.
    """
    loaded = load(task, spec)
    with inside(task):
        results = ask(loaded, lm, spec)
    return results, loaded["tasks"]


def load(task: TaskRef, spec: RunSpec) -> Any:
    """Return lm-eval's loaded tasks and groups, set to a spec's few-shot count and seed.

    Raises:
        InputError: the task's definition or data can't be used.
    """
    # lm-eval seeds these before it loads a task: a task may shuffle its items.
    random.seed(0 if spec.seed == _DEFAULT_SEED else spec.seed)
    np.random.seed(spec.seed % 2**32)
    path, folder = _absolute(task.path), _absolute(spec.include_path)
    with inside(task):
        try:
            loaded = _load(task.name, path, folder)
        except _UNUSABLE as error:
            raise InputError(f"Task '{task.name}' can't be loaded by lm-eval: {error}") from error
        for each in loaded["tasks"].values():
            fixed = each.get_config("num_fewshot")
            if fixed is None or (spec.num_fewshot is not None and fixed != 0):
                each.set_config(key="num_fewshot", value=spec.num_fewshot or 0)
            each.set_fewshot_seed(seed=spec.seed)
    return loaded


@contextlib.contextmanager
def inside(task: TaskRef) -> Iterator[None]:
    """Work in a local task's own folder, to which its data files' names are relative."""
    path = _absolute(task.path)
    with contextlib.chdir(path.parent if path else Path.cwd()), cached_index():
        yield


def ask(
    loaded: Any, lm: BridgeLM, spec: RunSpec, items: dict[str, list[int]] | None = None
) -> dict[str, Any]:
    """Return lm-eval's results of loaded tasks; ``items`` are places of each task, ascending."""
    multiturn = spec.fewshot_as_multiturn
    results: dict[str, Any] = evaluator.evaluate(
        lm=lm,
        task_dict=loaded,
        limit=_limit(spec.limit) if items is None else None,
        samples=items,
        bootstrap_iters=0,
        log_samples=True,
        system_instruction=spec.system_instruction,
        apply_chat_template=spec.apply_chat_template,
        fewshot_as_multiturn=spec.apply_chat_template if multiturn is None else multiturn,
    )
    return results


def _load(name: str, path: Path | None, folder: Path | None) -> Any:
    """Return lm-eval's loaded tasks and groups.

    A local task is looked for in its own folder; a group of others also in the user's folder, and
    in lm-eval's own only where it names what is in neither.
    """
    if path is None:
        return TaskManager().load([name])
    for paths, own in _places(path, folder):
        manager = TaskManager(include_path=paths, include_defaults=own)
        if not _lacks(name, manager.task_index):
            break
    return manager.load([name if name in manager.task_index else str(path)])


def _places(path: Path, folder: Path | None) -> Iterator[tuple[list[Path], bool]]:
    yield [path.parent], False
    folders = [path.parent]
    if folder is not None:
        # What lies in the task's own folder goes before what the whole folder holds.
        folders = [folder, path.parent]
        yield folders, False
    yield folders, True


def _lacks(name: str, index: dict[str, Any]) -> bool:
    """Say whether a group names a task that an index doesn't hold."""
    entry = index.get(name)
    if entry is None or entry.kind != Kind.GROUP:
        return False
    return any(_member_lacks(member, index) for member in (entry.cfg or {}).get("task") or ())


def _member_lacks(member: Any, index: dict[str, Any]) -> bool:
    if isinstance(member, dict) and "group" in member and member["group"] not in index:
        return any(_member_lacks(inner, index) for inner in member.get("task") or ())
    if isinstance(member, dict):
        if _DEFINES & member.keys():
            return False
        member = member.get("group") or member.get("task")
    return member not in index or _lacks(member, index)


def _absolute(path: str | None) -> Path | None:
    return None if path is None else Path(path).absolute()


def _limit(limit: float | None) -> float | int | None:
    return int(limit) if limit is not None and limit >= 1 else limit
