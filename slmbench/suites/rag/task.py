"""What a rag task says: passages, questions with their answers, and how they are retrieved."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, Self

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment
from pydantic import Field, model_validator

from slmbench.errors import InputError
from slmbench.schema.base import Frozen
from slmbench.schema.strict import parse
from slmbench.suites.prompts import RENDER_ERRORS, shipped
from slmbench.suites.taskdata import read_rows
from slmbench.suites.taskfile import DataTask, GenerationSpec, ItemRow, load_task, text_hash

Condition = Literal["no_context", "retrieved", "gold"]
Means = Literal["bm25", "embedding", "query_likelihood"]


class Retrieval(Frozen):
    """How passages are ranked for a question, and how many of them the reader is given.

    Attributes:
        by: ``bm25``; ``embedding``, the cosine of the request's sentence encoder; or
            ``query_likelihood``, the model under test itself: log P(question | passage).
        k: passages the reader is given, and the cut-off of recall, precision and nDCG.
        candidates: with ``query_likelihood``, how many of BM25's best the model ranks again; None
            has it read every passage for every question.
        also: further ways to rank, scored beside ``by``; the reader is given nothing of theirs.
    """

    by: Means = "bm25"
    k: int = Field(default=3, ge=1)
    candidates: int | None = Field(default=None, ge=1)
    also: tuple[Means, ...] = ()

    @model_validator(mode="after")
    def _ranks_enough(self) -> Self:
        ways = (self.by, *self.also)
        if len(set(ways)) != len(ways):
            raise ValueError("also: name further ways to rank, each of them once")
        if self.candidates is not None and "query_likelihood" not in ways:
            raise ValueError("candidates are for query_likelihood: the others rank all passages")
        if self.candidates is not None and self.candidates < self.k:
            raise ValueError(f"{self.candidates} candidates cannot fill k={self.k} places")
        return self


class RagTask(DataTask):
    """A task of the rag suite.

    Attributes:
        passages: a ``.jsonl``, ``.json`` or ``.csv`` file beside the YAML with ``id`` and ``text``
            of each passage; None where every item brings its own ``context``.
        passage_fields: a passage's key -> the file's column, as ``fields`` does for items.
        prompt: jinja2 template of the reader's prompt, from ``question`` and the list ``passages``
            (empty without context); the shipped one is plain, as the reference models know it.
        conditions: with which passages each question is answered.
        generation: how the reader continues its prompt; one greedy answer a question.
        judged_items: how many questions a judge rates, from the first; None rates them all.
        checked_items: how many of those it rates twice more, to tell how far it holds.
        judge_max_new_tokens: tokens a judge may write for one reply.
    """

    suite: Literal["rag"]
    passages: str | None = None
    passage_fields: dict[str, str] = Field(default_factory=dict)
    prompt: str = Field(default_factory=partial(shipped, "reader"))
    retrieval: Retrieval = Retrieval()
    conditions: tuple[Condition, ...] = ("no_context", "retrieved", "gold")
    generation: GenerationSpec
    judged_items: int | None = Field(default=None, ge=1)
    checked_items: int = Field(default=20, ge=0)
    judge_max_new_tokens: int = Field(default=512, ge=1)

    @model_validator(mode="after")
    def _one_greedy_answer(self) -> Self:
        if self.generation.samples != 1 or self.generation.temperature != 0:
            raise ValueError("generation: a reader answers once and greedily (samples 1, no heat)")
        if not self.conditions or len(set(self.conditions)) != len(self.conditions):
            raise ValueError("conditions: name at least one, and each of them once")
        return self


class RagRow(ItemRow):
    """One question.

    Attributes:
        answer: the reference; ``aliases`` are further answers as good (the best match counts).
        relevant: ids of the passages that help to answer it, or id -> grade of relevance.
        context: a passage of the item's own, which then is the relevant one; all items' contexts
            together are the passages to search (the form of SQuAD and of HotpotQA tables).
    """

    question: str = Field(min_length=1)
    answer: str = Field(min_length=1)
    aliases: tuple[str, ...] = ()
    relevant: tuple[str, ...] | dict[str, float] | None = None
    context: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.relevant is None) == (self.context is None):
            raise ValueError("give either 'relevant' passage ids or a 'context' of its own")
        grades = self.relevant.values() if isinstance(self.relevant, dict) else ()
        if any(grade < 0 for grade in grades):
            raise ValueError("relevant: a grade is not negative")
        return self

    @property
    def grades(self) -> dict[str, float]:
        """Return id -> grade above 0 of its relevant passages."""
        if self.context is not None:
            return {context_id(self.context): 1.0}
        if isinstance(self.relevant, dict):
            return {key: grade for key, grade in self.relevant.items() if grade > 0}
        return dict.fromkeys(self.relevant or (), 1.0)


class Passage(Frozen):
    """One text that can be retrieved."""

    id: str
    text: str = Field(min_length=1)


@dataclass(frozen=True)
class Loaded:
    """A task as it was read: every passage by its id, and every question."""

    task: RagTask
    rows: list[RagRow]
    passages: dict[str, str]
    passages_hash: str


def context_id(text: str) -> str:
    """Return the id of a passage that an item brings: equal texts are one passage."""
    return f"context-{text_hash(text)[:12]}"


def load_rag(path: Path) -> Loaded:
    """Return a task with its passages and questions.

    Raises:
        InputError: a file is missing or damaged, an id comes twice, or a question names a passage
            that is not there.
    """
    task, rows = load_task(path, RagTask, RagRow)
    passages: dict[str, str] = {}
    if task.passages is not None:
        passages = _read_passages(path.parent / task.passages, task.passage_fields)
    passages |= {context_id(row.context): row.context for row in rows if row.context is not None}
    for row in rows:
        lost = sorted(row.grades.keys() - passages.keys())
        if lost:
            raise InputError(
                f"'{path}': item '{row.id}' names the passage '{lost[0]}', which is not there. "
                "Add it to the passages, or take it out of 'relevant'."
            )
    digest = text_hash(*(part for pair in passages.items() for part in pair))
    return Loaded(task, rows, passages, digest)


def _read_passages(path: Path, fields: dict[str, str]) -> dict[str, str]:
    found = [parse(Passage, raw, place) for place, raw in read_rows(path, fields, {})]
    passages = {each.id: each.text for each in found}
    if len(passages) != len(found):
        raise InputError(f"'{path}' holds an id twice. Give every passage an id of its own.")
    return passages


class Template:
    """A prompt's template; texts are values in it and never run.

    Raises:
        InputError: it is not jinja2.
    """

    def __init__(self, source: str, where: str) -> None:
        self._where = where
        environment = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
        try:
            self._template = environment.from_string(source)
        except TemplateError as error:
            raise InputError(f"{where}: the prompt is not a template: {error}.") from error

    def render(self, question: str, passages: list[str]) -> str:
        """Return the prompt of a question.

        Raises:
            InputError: the template wants what it is not given.
        """
        try:
            return self._template.render(question=question, passages=passages)
        except RENDER_ERRORS as error:
            raise InputError(f"{self._where}: the prompt can't be made: {error}.") from error
