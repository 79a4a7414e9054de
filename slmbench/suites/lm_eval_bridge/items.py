"""A task that is loaded, and its requests built, once, and asked a few items at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from slmbench.schema.plan import TaskRef
from slmbench.schema.spec import RunSpec
from slmbench.suites.lm_eval_bridge.model import BridgeLM
from slmbench.suites.lm_eval_bridge.tasks import ask, inside, load
from slmbench.suites.taskfile import apply_limit


class TaskInParts:
    """One lm-eval task whose items can be asked by their places.

    The requests of all items are built at once and in order, because few-shot examples may be drawn
    anew for each of them: an item's prompt is then the same whichever others are asked.

    Args:
        task: what to load; a group of several tasks can't be asked in parts.
        spec: few-shot count, limit, chat template, system instruction and seed.

    Raises:
        InputError: the task's definition or data can't be used.
    """

    def __init__(self, task: TaskRef, spec: RunSpec) -> None:
        """Load the task."""
        self._task, self._spec = task, spec
        self._loaded = load(task, spec)
        self._requests: list[Any] = []
        self._asked: tuple[int, ...] = ()
        tasks = list(self._loaded["tasks"].values())
        self._only = tasks[0] if len(tasks) == 1 else None
        if self._only is not None:
            self._build = self._only.build_all_requests
            self._only.build_all_requests = self._serve

    def count(self) -> int | None:
        """Return how many items there are within the limit; None for a group of tasks."""
        if self._only is None:
            return None
        with inside(self._task):
            return apply_limit(len(self._only.eval_docs), self._spec.limit)

    def evaluate(self, lm: BridgeLM, items: Sequence[int]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Ask the items at some places, ascending; see `slmbench.suites.lm_eval_bridge.evaluate`.

        The numbers are lm-eval's own over these items.
        """
        assert self._only is not None and items, "without a place lm-eval would ask all"
        self._asked = tuple(items)
        name = next(iter(self._loaded["tasks"]))
        with inside(self._task):
            results = ask(self._loaded, lm, self._spec, {name: list(items)})
        return results, self._loaded["tasks"]

    def _serve(self, **given: Any) -> None:
        """Take the place of lm-eval's building: hand out the requests of the items asked."""
        assert self._only is not None
        if not self._requests:
            self._build(**{**given, "samples": None, "limit": self.count()})
            self._requests = list(self._only.instances)
        # lm-eval numbers the items it is asked for anew, from 0.
        places = {item: place for place, item in enumerate(self._asked)}
        self._only._instances = [
            _unanswered(request, places[request.doc_id])
            for request in self._requests
            if request.doc_id in places
        ]


def _unanswered(request: Any, place: int) -> Any:
    task_name, _, repeats = request.metadata
    return replace(request, metadata=(task_name, place, repeats), resps=[], filtered_resps={})
