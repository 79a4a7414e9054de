"""What a task of the similarity suite says."""

from __future__ import annotations

from typing import Literal

from slmbench.suites.rated_row import RatedRow
from slmbench.suites.taskfile import DataTask, GenerationSpec, TextItemRow


class SimilarityTask(DataTask):
    """A task of the similarity suite.

    Attributes:
        generation: how the model continues each item's prompt. None: the items hold the texts and
            people's ratings, and it is the scorers that are measured.
    """

    suite: Literal["similarity"]
    generation: GenerationSpec | None = None


class SimilarityRow(TextItemRow, RatedRow):
    """One item; ``output`` is its own text, where the task has none generated."""

    prompt: str = ""
    output: str | None = None
