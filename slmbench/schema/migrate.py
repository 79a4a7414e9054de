"""Bring a record of any past schema version to today's: old records load for ever."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from slmbench.errors import RecordError
from slmbench.schema.record import SCHEMA_VERSION, RunRecord

#: version -> the function that turns a record of that version into one of the next.
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}


#: How the writer begins a record of today's version.
_TODAYS = re.compile(rb'\s*\{\s*"schema_version"\s*:\s*%d\s*,' % SCHEMA_VERSION)


def read_record(data: bytes, where: str) -> RunRecord:
    """Return the run record in the bytes of a file, migrated; see `load_record`.

    A record of today's version is checked while its JSON is read, in half of the time.

    Raises:
        ValueError: the bytes are no JSON.
        RecordError: not a record, of a newer slmbench, or damaged.
    """
    if _TODAYS.match(data):
        # What is wrong in it, or only Python's reader takes, is for the slower way to say.
        with suppress(ValidationError):
            return RunRecord.model_validate_json(data)
    return load_record(json.loads(data), where)


def load_record(raw: object, where: str) -> RunRecord:
    """Return the run record in ``raw``, migrated; ``where`` names it in an error.

    Raises:
        RecordError: not a record, of a newer slmbench, or damaged.
    """
    if not isinstance(raw, dict) or "schema_version" not in raw:
        raise RecordError(f"{where} is not a slmbench run record. Name a run folder or a store.")
    version = raw["schema_version"]
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise RecordError(
            f"{where} has schema version {version}, this slmbench reads up to {SCHEMA_VERSION}. "
            "Upgrade slmbench to read it."
        )
    while version < SCHEMA_VERSION:
        if version not in MIGRATIONS:
            raise RecordError(f"{where} has the unknown schema version {version}.")
        raw = MIGRATIONS[version](raw)
        version += 1
    try:
        return RunRecord.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RecordError(f"{where} is damaged at '{place}': {first['msg']}.") from error
