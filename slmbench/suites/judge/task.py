"""What a judge task says: how a text is come by, what is rated and by which method."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from slmbench.schema.base import Frozen
from slmbench.suites.rated_row import RatedRow
from slmbench.suites.taskfile import DataTask, GenerationSpec

Method = Literal[
    "g_eval", "themis", "pairwise", "dag", "prompt_alignment", "hallucination", "biased_opinions",
    "summarization", "self_check", "qag",
]  # fmt: skip


class TreeNode(Frozen):
    """One question of a decision tree; each choice leads to another question or to a score."""

    question: str
    choices: dict[str, str | float] = Field(min_length=2)


class JudgeTask(DataTask):
    """A task of the judge suite: one criterion by one method.

    Attributes:
        method: how a judge is asked; see `slmbench.suites.judge.suite.METHODS`.
        generation: how the model under test answers each item's prompt. None: the items hold the
            texts, and the model under test is the judge, so the task measures how well it judges.
        introduction: what kind of text is rated, in a sentence or two.
        criterion: what is rated, and what makes a text good or bad at it.
        scale: lowest and highest rating, whole numbers.
        steps: how to go about rating, for ``g_eval``; None has the judge write them, once.
        draws: replies asked for where a server gives no probabilities, and analyses of ``themis``:
            half of them in either order, and at least one.
        min_mass: share of its probability that a judge must give to the replies on offer; below
            it the judge was saying something else, and the rating is Absent.
        ask: for ``qag``: closed question -> whether yes is the good answer to it.
        per: for ``qag``: each question is asked of the whole text, or of every sentence in it.
        tree: for ``dag``: name -> question; ``start`` is the first.
        questions: closed questions about a source, for ``summarization``: how many the judge
            writes where an item brings none.
        prompts: a folder beside the YAML with templates that replace the shipped ones by name.
    """

    suite: Literal["judge"]
    method: Method
    generation: GenerationSpec | None = None
    introduction: str = ""
    criterion: str = ""
    scale: tuple[int, int] = (1, 5)
    steps: tuple[str, ...] | None = None
    draws: int = Field(default=20, ge=1)
    min_mass: float = Field(default=0.01, ge=0, le=1)
    ask: dict[str, bool] = Field(default_factory=dict)
    per: Literal["text", "sentence"] = "text"
    tree: dict[str, TreeNode] = Field(default_factory=dict)
    questions: int = Field(default=5, ge=1)
    prompts: str | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        low, high = self.scale
        if not low < high:
            raise ValueError("scale: the lowest rating must lie below the highest")
        if self.method in ("g_eval", "themis", "pairwise") and not self.criterion:
            raise ValueError(f"the method {self.method} needs a criterion")
        if self.method == "self_check" and (
            self.generation is None
            or self.generation.samples < 2
            or self.generation.temperature == 0
        ):
            raise ValueError("self_check needs generation with samples >= 2 and a temperature")
        if self.method == "dag":
            check_tree(self.tree)
        return self


def check_tree(tree: dict[str, TreeNode]) -> None:
    """Refuse a tree without a start, with a missing question or one that leads back to itself.

    Raises:
        ValueError: as pydantic's validators do.
    """
    if "start" not in tree:
        raise ValueError("the method dag needs a tree with a question named 'start'")
    waiting: list[tuple[str, tuple[str, ...]]] = [("start", ())]
    while waiting:
        name, above = waiting.pop()
        if name in above:
            raise ValueError(f"tree: '{name}' leads back to itself")
        if name not in tree:
            raise ValueError(f"tree: '{above[-1]}' leads to '{name}', which is not there")
        below = [to for to in tree[name].choices.values() if isinstance(to, str)]
        waiting.extend((to, (*above, name)) for to in below)


class JudgeRow(RatedRow):
    """One item, and what people gave its text: for ``pairwise`` 1 where they prefer it, else 0.

    Attributes:
        prompt: what the model under test is asked, or the source that a given text is about.
        output: the text to rate, where the task does not generate it.
        reference: an ideal answer; for ``pairwise`` the rival text.
        contexts: what the text must not contradict, for ``hallucination``.
        instructions: what the text must do, for ``prompt_alignment``.
        questions: closed questions that the source answers with yes, for ``summarization``; for
            ``qag`` further ones to which yes is the good answer.
    """

    prompt: str
    output: str | None = None
    reference: str | None = None
    contexts: tuple[str, ...] = ()
    instructions: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
