"""Read a gate policy from its YAML file."""

from __future__ import annotations

from pathlib import Path

from slmbench.schema.policy import Policy, parse_policy
from slmbench.schema.strict import read_yaml


def load_policy(path: str | Path) -> Policy:
    """Return the policy a file holds.

    Raises:
        InputError: the file is missing, is not YAML, has no rules, or has a key that isn't known.
    """
    return parse_policy(read_yaml(Path(path)), f"'{path}'")
