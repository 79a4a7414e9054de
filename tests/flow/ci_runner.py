"""Runs the ``run:`` steps of a CI job with bash, as its runner would, on this machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import ROOT, Finished, environment

ACTION = ROOT / "action.yml"
JOBS = ROOT / "reports" / "ci"
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


@dataclass
class Runner:
    """One job's workspace, with what a GitHub runner gives a step: variables, files, programs.

    Attributes:
        contexts: what expressions such as ``github.token`` stand for.
    """

    folder: Path
    contexts: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.workspace = self.folder / "workspace"
        self.programs = self.folder / "programs"
        for each in (self.workspace, self.programs, self.folder / "temp"):
            each.mkdir(parents=True)
        self.program("slmbench", f'exec "{sys.executable}" -m slmbench.cli.app "$@"')
        self.summary, self.output = self.folder / "summary", self.folder / "output"

    def program(self, name: str, script: str) -> None:
        """Put a program on the job's path."""
        path = self.programs / name
        path.write_text(f"#!/usr/bin/env bash\n{script}\n")
        path.chmod(0o755)

    def step(self, step: Mapping[str, Any], inputs: Mapping[str, str] | None = None) -> Finished:
        """Run one ``run:`` step of a job or of a composite action."""
        values = {**self.contexts, **{f"inputs.{k}": v for k, v in (inputs or {}).items()}}
        env = {name: evaluated(str(text), values) for name, text in step.get("env", {}).items()}
        assert "${{" not in step["run"], "an expression in a script is a way to run code"
        return self.bash(step["run"], {**self._github(), **env})

    def bash(self, script: str, env: Mapping[str, str]) -> Finished:
        """Run a script with GitHub's own flags in the workspace."""
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.workspace,
            env=environment(**{"PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}", **env}),
            capture_output=True,
            text=True,
            timeout=300,
            stdin=subprocess.DEVNULL,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    def outputs(self) -> dict[str, str]:
        """Return what the steps put into ``$GITHUB_OUTPUT``."""
        return dict(line.split("=", 1) for line in self.output.read_text().splitlines())

    def _github(self) -> dict[str, str]:
        return {
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_OUTPUT": str(self.output),
            "GITHUB_ACTION_PATH": str(ROOT),
            "RUNNER_TEMP": str(self.folder / "temp"),
        }


def evaluated(text: str, values: Mapping[str, str]) -> str:
    """Return a text with every ``${{ name }}`` put in; an unknown name is a KeyError."""
    return _EXPRESSION.sub(lambda match: values[match.group(1)], text)


def action_inputs(**given: str) -> dict[str, str]:
    """Return the action's inputs: those given, and the defaults of the others."""
    declared = yaml.safe_load(ACTION.read_text())["inputs"]
    assert set(given) <= set(declared)
    assert all(name in given for name, each in declared.items() if each.get("required"))
    return {name: given.get(name, each.get("default", "")) for name, each in declared.items()}


def action_step(name: str) -> dict[str, Any]:
    """Return a step of the action by its name."""
    steps = yaml.safe_load(ACTION.read_text())["runs"]["steps"]
    (found,) = [step for step in steps if step["name"] == name]
    return dict(found)
