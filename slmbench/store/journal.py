"""Read a run's journal, and mend the one damage a crash can do: a torn last line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slmbench.errors import RecordError


def repair(path: Path) -> None:
    """Cut everything after the last complete line; a journal that is not there is fine."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            step = min(end, 65536)
            file.seek(end - step)
            cut = file.read(step).rfind(b"\n")
            if cut >= 0:
                file.truncate(end - step + cut + 1)
                return
            end -= step
        file.truncate(0)


def read_events(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the events of a journal in order; a torn last line is left out.

    Raises:
        RecordError: a line that was complete is not JSON, so the file was damaged afterwards.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                event = json.loads(line)
            except ValueError as error:
                raise RecordError(
                    f"{path} is damaged at line {number}. Run again without --resume."
                ) from error
            yield event


def checkpoints(path: Path, job_id: str) -> dict[str, Any]:
    """Return key -> value of every checkpoint that was journalled for a job."""
    found: dict[str, Any] = {}
    for event in read_events(path):
        if event.get("event") == "checkpoint" and event.get("job") == job_id:
            found[event["key"]] = event["value"]
    return found
