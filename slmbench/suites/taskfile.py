"""Read a task folder: which suite it is for, its definition, its items and their fingerprint."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from pydantic import Field

from slmbench.errors import InputError, did_you_mean
from slmbench.ports import Backend
from slmbench.schema.base import Frozen
from slmbench.schema.plan import TaskKind
from slmbench.schema.strict import parse, read_yaml
from slmbench.suites.taskdata import Cell, count_rows, read_rows

_Task = TypeVar("_Task", bound="DataTask")
_Row = TypeVar("_Row", bound="ItemRow")


class DataTask(Frozen):
    """What every task of ours says, and where its items are.

    Attributes:
        data: a ``.jsonl``, ``.json`` (a list) or ``.csv`` file; its path is from the YAML's folder.
        fields: an item's key -> the file's column, or several for a list, for data that has other
            names than ours; see `slmbench.suites.taskdata.read_rows`.
        where: a column of the file -> the value, or values, that the items asked must have there.
        columns: the names of a CSV file's columns, where its first line holds none.
    """

    suite: str
    task: str
    version: float
    data: str
    fields: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)
    where: dict[str, Cell | tuple[Cell, ...]] = Field(default_factory=dict)
    columns: tuple[str, ...] = ()
    synthetic: bool = False
    description: str = ""


class ItemRow(Frozen):
    """What every item has: an id of its own, and where items share a template a ``cluster``."""

    id: str
    cluster: str | None = None


class GenerationSpec(Frozen):
    """How a task has a prompt continued; ``samples`` is k, the continuations of each prompt."""

    samples: int = Field(default=1, ge=1)
    max_new_tokens: int = Field(ge=1)
    temperature: float = Field(default=0.0, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    top_k: int = Field(default=0, ge=0)
    until: tuple[str, ...] = ()


class RewriteSpec(Frozen):
    """How a detoxifier is asked for a milder text: a jinja2 ``prompt`` over ``text``, and a length.

    ``prompt`` is one user turn where the detoxifier has a chat template, and plain text elsewhere.
    """

    prompt: str
    generation: GenerationSpec


class TextTask(DataTask):
    """A task of the toxicity suite whose prompts are continued.

    Attributes:
        protocol: which numbers the toxicity suite makes of the continuations.
        threshold: the score above which a text is toxic.
        rewrite: how the request's detoxifier, where it names one, rewrites the continuations.
    """

    suite: Literal["toxicity"]
    protocol: Literal["realtoxicityprompts", "detoxification"] = "realtoxicityprompts"
    generation: GenerationSpec
    threshold: float = Field(default=0.5, gt=0, lt=1)
    rewrite: RewriteSpec | None = None


class TextItemRow(ItemRow):
    """One line of a text task's data.

    Attributes:
        group: whom the text is about, for results of each group; a text may be about several.
        label: ``hate`` or ``neutral``, for SafeNLP's safety score.
        toxicity: the text's own toxicity, as its annotators or a classifier gave it.
    """

    prompt: str
    reference: str | None = None
    group: str | tuple[str, ...] = ()
    label: Literal["hate", "neutral"] | None = None
    toxicity: float | None = Field(default=None, ge=0)

    @property
    def groups(self) -> tuple[str, ...]:
        """Return the groups, each once."""
        named = (self.group,) if isinstance(self.group, str) else self.group
        return tuple(dict.fromkeys(named))


def prompt_of(text: str, backend: Backend) -> list[int]:
    """Return a prompt's tokens; an empty one is the token that begins a text."""
    return backend.encode(text) or [backend.info.prefix_token_id]


def kind_of(path: Path) -> TaskKind:
    """Return what kind of task a YAML file defines.

    Raises:
        InputError: not a task file.
    """
    raw = _read_loosely(path)
    if "workload" in raw:
        return "workload"
    suite = raw.get("suite")
    for kind in get_args(TaskKind):
        if suite == kind and kind not in ("accuracy", "workload"):
            found: TaskKind = kind
            return found
    if any(key in raw for key in ("output_type", "dataset_path", "group", "include", "class")):
        return "accuracy"
    if suite is not None:
        kinds = [kind for kind in get_args(TaskKind) if kind != "workload"]
        raise InputError(
            f"'{path}' is for the suite '{suite}', which there is not."
            f"{did_you_mean(str(suite), kinds)} Tasks are for: {', '.join(kinds)}."
        )
    raise InputError(
        f"'{path}' is no task: it has neither 'suite', 'workload' nor lm-eval's 'output_type'."
    )


def load_text_task(path: Path) -> tuple[TextTask, list[TextItemRow]]:
    """Return a text task and its items; see `load_task`."""
    return load_task(path, TextTask, TextItemRow)


def load_task(path: Path, task_type: type[_Task], row_type: type[_Row]) -> tuple[_Task, list[_Row]]:
    """Return a task of ours, as its suite defines it, and its items.

    Raises:
        InputError: a misspelt key, missing data, a damaged line or an id that comes twice.
    """
    task = parse(task_type, read_yaml(path), f"'{path}'")
    data = path.parent / task.data
    found = read_rows(data, task.fields, task.where, task.columns)
    rows = [parse(row_type, raw, place) for place, raw in found]
    if len({row.id for row in rows}) != len(rows):
        raise InputError(f"'{data}' holds an id twice. Give every item an id of its own.")
    return task, rows


def count_items(path: Path) -> int | None:
    """Return how many items a task has, or None where only running it tells."""
    raw = _read_loosely(path)
    files = [raw["data"]] if "data" in raw else _data_files(raw)
    existing = [path.parent / name for name in files if (path.parent / name).is_file()]
    if len(existing) != 1:
        return None
    try:
        return count_rows(existing[0], raw.get("where") or {}, raw.get("columns") or ())
    except InputError:
        return None


def task_hash(path: Path) -> str:
    """Return SHA-256 over the definition and every data file it names beside itself."""
    digest = hashlib.sha256(path.read_bytes())
    raw = _read_loosely(path)
    names = [str(raw[key]) for key in ("data", "text", "passages") if key in raw] + _data_files(raw)
    for name in names:
        data = path.parent / name
        if data.is_file():
            digest.update(b"\0" + data.read_bytes())
    return digest.hexdigest()


def tags_of(path: Path) -> list[str]:
    """Return lm-eval's tags of a task: names that stand for every task that has them."""
    tags = _read_loosely(path).get("tag") or []
    return [str(tag) for tag in (tags if isinstance(tags, list) else [tags])]


def definition_hash(path: Path, name: str) -> str:
    """Return SHA-256 over a task; over its whole folder, where ``name`` is a group or a tag."""
    raw = _read_loosely(path)
    if "group" not in raw and name not in tags_of(path):
        return task_hash(path)
    files = sorted(path.parent.rglob("*.yaml"))
    return hashlib.sha256("".join(map(task_hash, files)).encode()).hexdigest()


def text_hash(*parts: str) -> str:
    """Return a short stable hash of texts, for content hashes and checkpoint keys."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]


def apply_limit(count: int, limit: float | None) -> int:
    """Return how many of ``count`` items a limit leaves: a count, or a share rounded up."""
    if limit is None:
        return count
    return min(count, int(limit) if limit >= 1 else -int(-count * limit // 1))


def _data_files(raw: dict[str, Any]) -> list[str]:
    files = (raw.get("dataset_kwargs") or {}).get("data_files") or {}
    values = files.values() if isinstance(files, dict) else [files]
    flat: list[str] = []
    for value in values:
        flat.extend(map(str, value) if isinstance(value, list) else [str(value)])
    return flat


def _read_loosely(path: Path) -> dict[str, Any]:
    """Read a YAML that may carry lm-eval's ``!function`` tags, without running any code."""
    return read_yaml(path, ignore_tags=True)
