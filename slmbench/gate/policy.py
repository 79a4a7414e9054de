"""Read a gate policy from its YAML file."""

from __future__ import annotations

from pathlib import Path

import yaml

from slmbench.errors import InputError
from slmbench.schema.policy import Policy, parse_policy


def load_policy(path: str | Path) -> Policy:
    """Return the policy a file holds.

    Raises:
        InputError: the file is missing, is not YAML, has no rules, or has a key that isn't known.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise InputError(f"The policy '{path}' cannot be read: {reason}.") from error
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "wrong syntax"
        raise InputError(f"The policy '{path}' is not YAML{place}: {problem}.") from error
    return parse_policy(document, str(path))
