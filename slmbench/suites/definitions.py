"""Read a user's task before anything is loaded: what is wrong with it is wrong input, told at once.

Only what a task and its items say is looked at here, by the types that its suite reads them with.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slmbench.errors import InputError
from slmbench.resources import tasks_dir
from slmbench.schema.plan import TaskKind
from slmbench.schema.strict import read_yaml
from slmbench.suites.bias.task import (
    BbqRow,
    BbqTask,
    CrowsRow,
    CrowsTask,
    PrivacyRow,
    PrivacyTask,
    RefusalRow,
    RefusalTask,
)
from slmbench.suites.judge.task import JudgeRow, JudgeTask
from slmbench.suites.rag.task import load_rag
from slmbench.suites.safety_task import SafetyTask, SentenceRow
from slmbench.suites.similarity_task import SimilarityRow, SimilarityTask
from slmbench.suites.taskfile import TextItemRow, TextTask, load_task

#: (kind, protocol or None) -> the types of its definition and of an item.
_TYPES: dict[tuple[str, str | None], tuple[Any, Any]] = {
    ("toxicity", None): (TextTask, TextItemRow),
    ("toxicity", "realtoxicityprompts"): (TextTask, TextItemRow),
    ("toxicity", "detoxification"): (TextTask, TextItemRow),
    ("toxicity", "safety_score"): (SafetyTask, SentenceRow),
    ("similarity", None): (SimilarityTask, SimilarityRow),
    ("judge", None): (JudgeTask, JudgeRow),
    ("bias", "bbq"): (BbqTask, BbqRow),
    ("bias", "crows_pairs"): (CrowsTask, CrowsRow),
    ("bias", "privacy_leak"): (PrivacyTask, PrivacyRow),
    ("bias", "over_refusal"): (RefusalTask, RefusalRow),
}


def check(path: Path, kind: TaskKind) -> None:
    """Read a task of ours and its items, if it is a user's: those that are shipped are tested.

    Raises:
        InputError: what is wrong, by its file and place.
    """
    if path.is_relative_to(tasks_dir()):
        return
    raw = read_yaml(path)
    if raw.get("task") != path.stem:
        # Jobs go by the file and metrics by this name; a gate would not find one by the other.
        raise InputError(
            f"'{path}' says task: {raw.get('task')}, and a task is named like its file: "
            f"write task: {path.stem}, or rename the file."
        )
    if kind == "rag":
        load_rag(path)
    elif (types := _TYPES.get((kind, raw.get("protocol")))) is not None:
        load_task(path, *types)
