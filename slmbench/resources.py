"""Where shipped tasks, templates and models lie, and where a cache may; no other file knows."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _folder(name: str) -> Path:
    """Return the wheel's copy of a top-level folder, or the checkout's own."""
    packed = _PACKAGE / "_resources" / name
    return packed if packed.is_dir() else _PACKAGE.parent / name


def tasks_dir() -> Path:
    """Return the folder of shipped tasks, presets and workloads."""
    return _folder("tasks")


def reports_dir() -> Path:
    """Return the folder of templates for one run or a comparison."""
    return _folder("reports")


def leaderboards_dir() -> Path:
    """Return the folder of leaderboard templates."""
    return _folder("leaderboards")


def reference_dir() -> Path:
    """Return the folder that holds the reference models pico, nano and micro."""
    return _PACKAGE / "reference"


def cache_dir() -> Path:
    """Return the user's folder for what can be computed or fetched again; it need not exist.

    Raises:
        RuntimeError: the user has no home folder, and no variable names another one.
    """
    own, shared = os.environ.get("SLMBENCH_CACHE"), os.environ.get("XDG_CACHE_HOME")
    if own:
        return Path(own).absolute()
    return (Path(shared) if shared else Path.home() / ".cache").absolute() / "slmbench"
