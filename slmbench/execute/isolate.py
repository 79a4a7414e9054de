"""The one place that catches everything: a job's failure becomes a reason, not a crash."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from slmbench.errors import InputError, SlmbenchError

Value = TypeVar("Value")


@dataclass(frozen=True)
class Done(Generic[Value]):
    """What the work returned."""

    value: Value


@dataclass(frozen=True)
class Failed:
    """Why the work did not return; ``is_input`` says that the user can mend it."""

    reason: str
    trace: str
    exit_code: int

    @property
    def is_input(self) -> bool:
        """Say whether what the user gave is wrong, rather than slmbench or the host."""
        return self.exit_code == InputError.exit_code


def attempt(work: Callable[[], Value]) -> Done[Value] | Failed:
    """Run ``work`` and return its value or its failure; only an exit request passes through."""
    try:
        return Done(work())
    except SlmbenchError as error:
        return Failed(str(error), traceback.format_exc(), error.exit_code)
    except Exception as error:
        text = str(error).strip()
        first = text.splitlines()[0] if text else ""
        reason = f"{type(error).__name__}: {first}" if first else type(error).__name__
        return Failed(reason, traceback.format_exc(), SlmbenchError.exit_code)
