"""How many of its items a job was asked, where a limit left some of them out."""

from __future__ import annotations

from typing import Any

from slmbench.schema.plan import Job
from slmbench.schema.spec import RunSpec
from slmbench.suites.taskfile import apply_limit


def planned_limit(job: Job, spec: RunSpec) -> int | None:
    """Return the items that a limit leaves of a task, or None where these are all, or not known."""
    count = job.task.item_count
    if count is None or job.task.kind == "workload":
        return None
    asked = apply_limit(count, spec.limit)
    return asked if asked < count else None


def told_limit(details: dict[str, Any]) -> int | None:
    """Return the items that were asked where a job's details say that these were not all.

    An lm-eval task, or each one of a group, counts its items as it is loaded: ``items`` is
    task -> {"original": all, "effective": asked}.
    """
    items = details.get("items")
    counts = list(items.values()) if isinstance(items, dict) else []
    pairs = [(each.get("effective"), each.get("original")) for each in counts]
    known = [(asked, of) for asked, of in pairs if isinstance(asked, int) and isinstance(of, int)]
    if len(known) < len(pairs) or all(asked == of for asked, of in known):
        return None
    return sum(asked for asked, _ in known)
