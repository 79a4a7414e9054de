"""Prompts of ours: sandboxed jinja2 templates, of which a judge task may replace any by name."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined, TemplateError, meta
from jinja2.sandbox import SandboxedEnvironment

from slmbench.errors import InputError
from slmbench.resources import tasks_dir

#: What a template may fail with: `{{ 1 / 0 }}` is a division as in any program.
RENDER_ERRORS = (
    TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError,
    RecursionError,
)  # fmt: skip


def shipped(name: str) -> str:
    """Return the source of a shipped template: what a task without one of its own is asked by."""
    return (tasks_dir() / "prompts" / f"{name}.jinja").read_text(encoding="utf-8")


class Prompts:
    """Renders prompts, and remembers which templates it used.

    Args:
        own: a folder of the task's whose templates come first, or None.
    """

    def __init__(self, own: Path | None = None) -> None:
        if own is not None and not own.is_dir():
            raise InputError(f"The task names the prompts '{own}', which is no folder.")
        folders = [tasks_dir() / "prompts"] if own is None else [own, tasks_dir() / "prompts"]
        # Nothing is escaped: a prompt is text for a model, not a page. An item's text is only ever
        # a value, so braces in it are never run.
        self._environment = SandboxedEnvironment(
            loader=FileSystemLoader(folders),
            undefined=StrictUndefined,
            autoescape=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._used: dict[str, str] = {}

    def render(self, name: str, **values: Any) -> str:
        """Return the prompt of a template, without white space at its ends.

        Raises:
            InputError: the template is missing, wrong, or wants what it is not given.
        """
        try:
            template = self._environment.get_template(f"{name}.jinja")
            self._note(f"{name}.jinja")
            return template.render(**values).strip()
        except RENDER_ERRORS as error:
            message = str(error) or type(error).__name__
            raise InputError(f"The prompt '{name}.jinja' can't be made: {message}.") from error

    def _note(self, file: str) -> None:
        """Remember a template and those that it includes."""
        assert self._environment.loader is not None
        waiting = [file]
        while waiting:
            found = waiting.pop()
            if found not in self._used:
                source, _, _ = self._environment.loader.get_source(self._environment, found)
                self._used[found] = hashlib.sha256(source.encode()).hexdigest()
                named = meta.find_referenced_templates(self._environment.parse(source))
                waiting.extend(each for each in named if each is not None)

    @property
    def fingerprint(self) -> str:
        """Return a short hash of every template used so far."""
        rows = sorted(self._used.items())
        return hashlib.sha256(repr(rows).encode()).hexdigest()[:12]
