"""How many items lm-eval asked of a task or a group, and whether these were all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from slmbench.interchange.lm_eval_entry import is_number
from slmbench.schema.base import Measured
from slmbench.schema.record import Metric


def table_of(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return a table of tasks, empty where the document has none."""
    found = document.get(key)
    return found if isinstance(found, dict) else {}


def members(document: Mapping[str, Any], task: str) -> list[str]:
    """Return the tasks and groups right under a group; none for a task."""
    given = table_of(document, "group_subtasks").get(task)
    return [each for each in given if isinstance(each, str)] if isinstance(given, list) else []


def below(document: Mapping[str, Any], task: str, above: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield a task, or a group and all that it sums up; a group within itself only once."""
    yield task
    for member in members(document, task):
        if member not in (*above, task):
            yield from below(document, member, (*above, task))


def items(document: Mapping[str, Any], task: str, kind: str = "effective") -> int | None:
    """Return how many items were asked, of a group those of all its tasks.

    Args:
        document: the results file.
        task: a task or a group of it.
        kind: ``effective`` for those asked, ``original`` for all there are.
    """
    counts = table_of(document, "n-samples")
    names = _tasks(document, task)
    found = [
        counts[name].get(kind) if isinstance(counts.get(name), dict) else None for name in names
    ]
    known = [each for each in found if isinstance(each, int) and not isinstance(each, bool)]
    total = sum(known)
    return total if len(known) == len(names) and 0 < total < 2**53 else None


def cut_to(document: Mapping[str, Any], task: str, metrics: Sequence[Metric]) -> int | None:
    """Return how many items were asked where these were not all, of a group those of its tasks.

    A file without counts tells only the limit: it cut what is not known to be shorter.
    """
    asked = items(document, task)
    if asked is not None:
        return asked if asked != items(document, task, "original") else None
    limit = limit_of(document)
    if limit is None:
        return None
    values = (metric.value for metric in metrics)
    seen = next((each.n for each in values if isinstance(each, Measured) and each.n), None)
    if limit < 1.0:
        return seen
    most = int(limit) * len(_tasks(document, task))
    return most if seen is None or seen >= most else None


def limit_of(document: Mapping[str, Any]) -> float | None:
    """Return lm-eval's ``limit``, a count or a share of each task; None where all were asked."""
    config = document.get("config")
    limit = config.get("limit") if isinstance(config, dict) else None
    if not is_number(limit) or not 0 < limit < 2**53:
        return None
    return float(limit) if limit < 1 else float(int(limit))


def _tasks(document: Mapping[str, Any], task: str) -> list[str]:
    """Return the tasks under a group, each once; of a task itself."""
    return [name for name in dict.fromkeys(below(document, task)) if not members(document, name)]
