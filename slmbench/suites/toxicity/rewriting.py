"""The black-box form of detoxification: another model rewrites what the model wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from slmbench.errors import InputError
from slmbench.ports import Backend, Context, SecondModel
from slmbench.schema.base import Absent
from slmbench.suites.prompts import RENDER_ERRORS
from slmbench.suites.taskfile import RewriteSpec, TextTask
from slmbench.suites.toxicity.writing import Text, Writer


@dataclass(frozen=True)
class Rewriter:
    """The request's detoxifier, and how a task has it rewrite a text."""

    model: SecondModel
    how: RewriteSpec
    context: Context

    @property
    def form(self) -> str:
        """Return what is added to a scorer's provenance, so that the two forms stay apart."""
        return f";rewritten by {self.model.provenance}"

    def rewrite(self, texts: Sequence[Sequence[Text]]) -> tuple[list[list[str]], float]:
        """Return (each text rewritten, the seconds that took)."""
        asked = [self._prompt(each.text) for row in texts for each in row]
        writer = Writer(
            "rewritten", self.model.backend, self.how.generation, self.context, report=False
        )
        written = writer.write(asked)
        flat = iter(written.texts)
        return [[next(flat)[0].text.strip() for _ in row] for row in texts], written.seconds

    def _prompt(self, text: str) -> list[int]:
        try:
            made = SandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=False)
            prompt = made.from_string(self.how.prompt).render(text=text)
        except RENDER_ERRORS as error:
            raise InputError(
                f"The task's rewrite.prompt can't be filled in: {error}. It knows 'text' alone."
            ) from error
        return _tokens(self.model.backend, prompt)


def _tokens(backend: Backend, prompt: str) -> list[int]:
    try:
        chat = backend.apply_chat_template([{"role": "user", "content": prompt}], True)
    except InputError:
        return backend.encode(prompt)
    return backend.encode(chat)


def rewriter_of(task: TextTask, context: Context) -> Rewriter | None:
    """Return who rewrites the continuations, or None where they are scored as they are.

    Raises:
        InputError: the request names a detoxifier and the task doesn't say how to ask it.
    """
    if context.spec.detoxifier is None:
        return None
    model = context.second("detoxifier")
    if isinstance(model, Absent):
        raise InputError(model.reason)
    if task.rewrite is None:
        if task.protocol == "detoxification":
            raise InputError(
                f"The request names a detoxifier, and the task '{task.task}' has no rewrite.prompt "
                "to ask it with. Add one to the task, or leave the detoxifier out."
            )
        return None
    if task.rewrite.generation.samples != 1:
        raise InputError(f"'{task.task}': rewrite.generation.samples must be 1.")
    return Rewriter(model, task.rewrite, context)
