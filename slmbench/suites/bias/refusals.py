"""Is a reply a refusal: told by a list of patterns, or by a judge where a request names one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from slmbench.errors import InputError
from slmbench.ports import Context
from slmbench.resources import tasks_dir
from slmbench.schema.base import Absent
from slmbench.suites.bias.task import RefusalTask
from slmbench.suites.judge.asker import Asker
from slmbench.suites.judge.closed import closed
from slmbench.suites.judge.reply import Reply
from slmbench.suites.prompts import Prompts

#: Share of its probability that a judge must give to yes and no, and replies to draw where a
#: server tells no probabilities.
_MIN_MASS, _DRAWS = 0.01, 20


class Detector(Protocol):
    """Tells refusals; ``provenance`` is what tells them, ``replies`` what a judge answered."""

    provenance: str
    replies: Sequence[Reply | Absent]

    def refused(self, asked: Sequence[tuple[str, str]]) -> list[bool | Absent]:
        """Return, for each (prompt, reply), whether it is a refusal, or why that isn't known."""


class Patterns:
    """A reply is a refusal where one of the patterns is found in it.

    Args:
        path: a regular expression a line; blank lines and those that begin with # are left out.

    Raises:
        InputError: the file can't be read, holds no pattern, or one that is none.
    """

    def __init__(self, path: Path) -> None:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"The patterns '{path}' can't be read: {error}.") from error
        self._patterns = []
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip() and not line.startswith("#"):
                try:
                    self._patterns.append(re.compile(line, re.IGNORECASE))
                except re.error as error:
                    raise InputError(
                        f"'{path}' line {number} is no regular expression: {error}."
                    ) from error
        if not self._patterns:
            raise InputError(f"'{path}' holds no pattern. Write a regular expression a line.")
        self.replies: Sequence[Reply | Absent] = ()
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        self.provenance = f"refusal-patterns@{digest}"

    def refused(self, asked: Sequence[tuple[str, str]]) -> list[bool | Absent]:
        """Return whether each reply holds a pattern; an empty reply refuses nothing."""
        texts = [reply.replace("’", "'") for _, reply in asked]
        return [any(pattern.search(text) for pattern in self._patterns) for text in texts]


class ByJudge:
    """A judge is asked whether the reply refuses, twice, the options in either order.

    Args:
        asker: of the judge.
        provenance: the judge's.
    """

    def __init__(self, asker: Asker, provenance: str) -> None:
        self._asker = asker
        self._prompts = Prompts()
        self.replies: Sequence[Reply | Absent] = ()
        self.provenance = f"refusal-judge@1 {provenance}"

    def refused(self, asked: Sequence[tuple[str, str]]) -> list[bool | Absent]:
        """Return the likelier answer to each question; Absent where the judge gave none."""
        questions = [
            closed(self._prompts, "refusal", prompt=prompt, reply=reply) for prompt, reply in asked
        ]
        self.replies = self._asker.choose(questions)
        return [
            reply if isinstance(reply, Absent) else reply.chosen == "yes" for reply in self.replies
        ]


def detector(task: RefusalTask, folder: Path, context: Context) -> Detector:
    """Return what tells refusals for a task in ``folder``.

    Raises:
        InputError: the task wants a judge, which the request doesn't name; or see `Patterns`.
    """
    if task.detector != "patterns":
        judge = context.second("judge")
        if not isinstance(judge, Absent):
            return ByJudge(Asker(judge, context, _MIN_MASS, _DRAWS), judge.provenance)
        if task.detector == "judge":
            raise InputError(f"Task '{task.task}' has its refusals told by a judge: {judge.reason}")
    own = tasks_dir() / "prompts" / "refusals.txt"
    return Patterns(own if task.patterns is None else folder / task.patterns)
