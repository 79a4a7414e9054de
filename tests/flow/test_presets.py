"""Presets plan without network or torch, and say at once when a hub they need is out of reach."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from slmbench.plan.spec_file import preset_names
from tests.conftest import slmbench

_BLOCK = """\
import atexit, os, socket, sys

class Refused(socket.socket):
    def connect(self, *a): raise AssertionError("network used")
    def connect_ex(self, *a): raise AssertionError("network used")

socket.socket = Refused

@atexit.register
def check():
    for name in ("torch", "transformers", "lm_eval", "datasets"):
        if name in sys.modules:
            print("imported " + name, file=sys.stderr, flush=True)
            os._exit(99)
"""


@pytest.fixture
def sealed(tmp_path: Path) -> str:
    """A PYTHONPATH entry under which any connection and any import of torch is an error."""
    (tmp_path / "sitecustomize.py").write_text(_BLOCK)
    return str(tmp_path)


@pytest.mark.parametrize("preset", preset_names())
def test_dry_run_needs_neither_network_nor_torch(
    preset: str, sealed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", sealed)
    done = slmbench("run", preset, "--dry-run", "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    plan = done.json()
    assert all(run["jobs"] for run in plan["runs"])
    if preset in ("demo", "smoke"):
        assert all(not run["downloads"] and run["memory_bytes"] > 0 for run in plan["runs"])
    else:
        assert all(run["downloads"][0].startswith("model ") for run in plan["runs"])
        assert all(run["memory_bytes"] for run in plan["runs"])
    assert slmbench("run", preset, "--dry-run", cwd=tmp_path).out.count("Jobs for each") == 1


@pytest.mark.parametrize(
    "code", ["import datasets", "import socket; socket.create_connection(('::1', 9))"]
)
def test_the_seal_holds(code: str, sealed: str) -> None:
    """The check above can fail: whoever imports or connects under the seal is caught."""
    pytest.importorskip("datasets")
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": sealed},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "imported datasets" in done.stderr or "network used" in done.stderr


@pytest.mark.parametrize("preset", ["seed-7b", "sub-1b"])
def test_without_a_hub_a_run_says_so_at_once(preset: str, tmp_path: Path) -> None:
    for switch in (
        {"HF_HUB_OFFLINE": "1"},
        {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": "http://[::1]:9"},
    ):
        start = time.monotonic()
        done = slmbench("run", preset, "--store", "runs", cwd=tmp_path, HF_HOME="empty", **switch)
        assert done.code == 2
        assert "hub" in done.err or "HF_HUB_OFFLINE" in done.err
        assert "hf:PATH" in done.err
        assert time.monotonic() - start < 60
    assert not (tmp_path / "runs").exists()
