"""JSON of other tools kept in a record, which holds no NaN, and written again as it was."""

from __future__ import annotations

import json
import math
import re
from typing import Any

_STRANGE = "$float"
_WORDS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
_KEPT = re.compile(r'\{\s*"\$float":\s*"(nan|inf|-inf)"\s*\}')


def keep_json(value: Any) -> Any:
    """Return a parsed JSON value with NaN and infinities spelled out: ``{"$float": "nan"}``."""
    if isinstance(value, float) and not math.isfinite(value):
        return {_STRANGE: str(value)}
    if isinstance(value, dict):
        return {key: keep_json(each) for key, each in value.items()}
    return [keep_json(each) for each in value] if isinstance(value, list) else value


def json_as_it_was(kept: Any, indent: int | None = 2) -> str:
    """Return the text of what `keep_json` made, with NaN as Python writes it.

    It is indented by so many spaces; on one line without a number of them.
    """
    text = json.dumps(kept, allow_nan=False, ensure_ascii=False, indent=indent)
    return _KEPT.sub(lambda match: _WORDS[match[1]], text)
