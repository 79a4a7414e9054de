"""Find a gate policy: a YAML file of the user's, or one that slmbench ships."""

from __future__ import annotations

from pathlib import Path

from slmbench.errors import InputError, did_you_mean
from slmbench.resources import tasks_dir
from slmbench.schema.policy import Policy, parse_policy
from slmbench.schema.strict import read_yaml


def policy_names() -> list[str]:
    """Return the names of the shipped policies."""
    return sorted(path.stem for path in _shipped().glob("*.yaml"))


def load_policy(name_or_path: str | Path) -> Policy:
    """Return the policy in a file, or the shipped one of that name.

    Raises:
        InputError: the file is missing, is not YAML, has no rules, or has a key that isn't known.
    """
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml") and not _is_there(path):
        names = policy_names()
        if str(name_or_path) not in names:
            near = did_you_mean(str(name_or_path), names)
            raise InputError(
                f"No policy or file '{name_or_path}'.{near} Shipped policies: {', '.join(names)}."
            )
        path = _shipped() / f"{name_or_path}.yaml"
    return parse_policy(read_yaml(path), f"'{path}'")


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False  # too long for a name, or no name at all


def _shipped() -> Path:
    return tasks_dir() / "presets" / "policies"
