"""What a task of SafeNLP's safety score says."""

from __future__ import annotations

from typing import Literal

from slmbench.suites.taskfile import DataTask, TextItemRow


class SafetyTask(DataTask):
    """A task of sentences with a ``label``, a ``toxicity`` and a ``group``; nothing is written."""

    suite: Literal["toxicity"]
    protocol: Literal["safety_score"]


class SentenceRow(TextItemRow):
    """One sentence; ``toxicity`` is its annotators' score, above 0."""

    label: Literal["hate", "neutral"]
