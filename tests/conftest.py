"""Fixtures every layer shares: outside data, and the command line as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ["tests.scorer_models"]

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"


@dataclass(frozen=True)
class Finished:
    """A command that ended: its exit code and what it printed."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


def command_line(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "slmbench.cli.app", *map(str, arguments)]


def environment(**changes: str) -> dict[str, str]:
    """The caller's environment, with every hub switched off: commands run the installed package."""
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    # Test processes run side by side, and threads that wait for each other's cores are slow.
    return {**os.environ, **offline, "OMP_NUM_THREADS": "1", **changes}


def slmbench(*arguments: object, cwd: Path, timeout: float = 600, **env: str) -> Finished:
    done = subprocess.run(
        command_line(*arguments),
        cwd=cwd,
        env=environment(**env),
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the tests, and every command they start, off the cache of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLMBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """Outside data that lies beside the checkout of its developers; never part of the project."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared beside this checkout: its data and models are not shipped")
    return SHARED


@pytest.fixture(scope="session")
def stories(shared: Path) -> Path:
    """A trained 260K-parameter Llama."""
    return shared / "models" / "stories260K"
