"""Find the tasks that a spec names, and the ones a suite takes when none is named."""

from __future__ import annotations

from pathlib import Path

from slmbench.errors import InputError, did_you_mean
from slmbench.plan.stock_tasks import stock_task_names
from slmbench.resources import tasks_dir
from slmbench.schema.plan import TaskKind, TaskRef
from slmbench.schema.spec import RunSpec
from slmbench.suites.stock_index import lm_eval_tasks_dir
from slmbench.suites.taskfile import count_items, kind_of, tags_of
from slmbench.suites.workload_file import workload_names

#: suite -> the kind of task it asks.
KIND_OF_SUITE: dict[str, TaskKind] = {
    "accuracy": "accuracy",
    "toxicity": "toxicity",
    "similarity": "similarity",
    "judge": "judge",
    "rag": "rag",
    "bias": "bias",
    "fidelity": "fidelity",
    "latency": "workload",
    "load": "workload",
    "energy": "workload",
    "memory": "workload",
}
_DEFAULT_WORKLOAD = "chat"
_NOT_TASKS = {"presets", "devices"}


def local_tasks(include_path: str | None = None) -> dict[str, TaskRef]:
    """Return every task of the shipped folder and of a folder of the user's, by name.

    Raises:
        InputError: the user's folder is missing, or a YAML in it can't be read.
    """
    found: dict[str, TaskRef] = {}
    for path in sorted(tasks_dir().glob("*/*.yaml")):
        if path.parent.name not in _NOT_TASKS:
            found.update(_references(path))
    if include_path is None:
        return found
    folder = Path(include_path)
    if not folder.is_dir():
        raise InputError(f"include_path '{include_path}' is no folder. Name a folder of tasks.")
    for path in sorted(folder.rglob("*.yaml")):
        # A template that others include starts with an underscore by lm-eval's custom.
        if not path.stem.startswith("_"):
            found.update(_references(path))
    return found


def resolve(spec: RunSpec) -> dict[str, list[TaskRef]]:
    """Return the tasks of each suite of a spec.

    Names in ``spec.tasks`` narrow the suites they fit; a suite none of them fits takes its
    default: every shipped task of its kind, or the ``chat`` workload.

    Raises:
        InputError: an unknown name, or one that fits no chosen suite.
    """
    known = local_tasks(spec.include_path)
    tags = _tags(known)
    named = list(
        dict.fromkeys(
            task
            for name in spec.tasks
            for task in (
                _cells(name, known) or [known.get(name) or tags.get(name) or _stock(name, known)]
            )
        )
    )
    chosen: dict[str, list[TaskRef]] = {}
    for suite in spec.suites:
        kind = KIND_OF_SUITE[suite]
        fitting = [task for task in named if task.kind == kind]
        chosen[suite] = fitting or _defaults(kind, known)
    for task in named:
        if not any(task in tasks for tasks in chosen.values()):
            suites = " or ".join(s for s, kind in KIND_OF_SUITE.items() if kind == task.kind)
            raise InputError(
                f"Task '{task.name}' is for the suite {suites}, which is not chosen. "
                f"Add it: --suite {','.join(spec.suites)},{suites.split(' or ')[0]}"
            )
    return chosen


def _references(path: Path) -> dict[str, TaskRef]:
    """Return the tasks of a file by name: one, or every cell of a grid of workloads."""
    kind = kind_of(path)
    names = workload_names(path) if kind == "workload" else [path.stem]
    items = count_items(path)
    return {name: TaskRef(name=name, kind=kind, path=str(path), item_count=items) for name in names}


def _cells(name: str, known: dict[str, TaskRef]) -> list[TaskRef]:
    """Return the workloads of the grid with a name; none where it is no grid's."""
    cells = [task for task in known.values() if task.kind == "workload" and task.name != name]
    return [task for task in cells if task.path is not None and Path(task.path).stem == name]


def _tags(known: dict[str, TaskRef]) -> dict[str, TaskRef]:
    """Return the tags of local lm-eval tasks; each points at the first task that has it."""
    found: dict[str, TaskRef] = {}
    for task in known.values():
        if task.kind == "accuracy" and task.path is not None:
            for tag in tags_of(Path(task.path)):
                found.setdefault(tag, TaskRef(name=tag, kind="accuracy", path=task.path))
    return found


def _defaults(kind: TaskKind, known: dict[str, TaskRef]) -> list[TaskRef]:
    shipped = [task for task in known.values() if task.kind == kind]
    if kind == "workload":
        return [task for task in shipped if task.name == _DEFAULT_WORKLOAD]
    return shipped


def _stock(name: str, known: dict[str, TaskRef]) -> TaskRef:
    if name in stock_task_names():
        return TaskRef(name=name, kind="accuracy")
    near = did_you_mean(name, [*known, *stock_task_names()])
    where = "" if lm_eval_tasks_dir() else " (lm-eval isn't installed, so its tasks are not known)"
    raise InputError(
        f"Unknown task '{name}'{where}.{near} See 'slmbench list tasks', or name a folder of "
        "yours with --include-path."
    )
