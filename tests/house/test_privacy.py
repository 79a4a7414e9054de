"""No pickle, no code from a checkpoint, and no trace of the machine this was written on."""

from __future__ import annotations

import ast
import re

import pytest

from tests.house.package_source import calls, modules, repository_texts

#: Put together here, so that this file does not hold what it looks for.
FOLDERS = ("work", "root", "home")
HOSTS = ("pypi", "pythonhosted", "registry.npmjs", "deb.debian")
MACHINE = re.compile(rf"(?<![\w.~/-])/(?:{'|'.join(FOLDERS)})/\w")
REGISTRIES = re.compile(rf"(?:{'|'.join(map(re.escape, HOSTS))})\.org")
UNPICKLERS = {"pickle.load", "pickle.loads", "pickle.Unpickler", "dill.load", "joblib.load"}


def unsafe(tree: ast.Module) -> list[str]:
    """Return the calls that may run what lies in a file."""
    found = []
    for name, call in calls(tree):
        given = {each.arg: getattr(each.value, "value", None) for each in call.keywords}
        if given.get("trust_remote_code") is True:
            found.append(f"line {call.lineno}: trust_remote_code=True")
        if name == "torch.load" and given.get("weights_only") is not True:
            found.append(f"line {call.lineno}: torch.load without weights_only=True")
        if name in UNPICKLERS:
            found.append(f"line {call.lineno}: {name}")
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in ("pickle", "dill", "joblib"):
            found.append(f"line {node.lineno}: from {node.module} import ...")
    return found


def test_nothing_in_the_package_runs_what_lies_in_a_file() -> None:
    found = {name: unsafe(tree) for name, tree in modules().items()}
    assert {name: each for name, each in found.items() if each} == {}


def test_no_default_of_the_package_trusts_remote_code() -> None:
    trusting = [
        name
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign)
        and getattr(node.target, "id", "") == "trust_remote_code"
        and getattr(node.value, "value", None) is not False
    ]
    assert trusting == []


@pytest.mark.parametrize(
    "source",
    [
        "m.from_pretrained(x, trust_remote_code=True)",
        "torch.load(x)",
        "torch.load(x, weights_only=False)",
        "pickle.loads(x)",
        "from pickle import load",
    ],
)
def test_a_planted_danger_is_caught(source: str) -> None:
    assert unsafe(ast.parse(source))


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:120]}"
        for name, text in repository_texts().items()
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]


def test_no_path_of_a_machine_is_in_the_repository() -> None:
    assert lines_with(MACHINE) == []


def test_no_package_registry_is_in_the_repository() -> None:
    assert lines_with(REGISTRIES) == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_machines_path_is_found(folder: str) -> None:
    assert MACHINE.search(f'see "/{folder}/someone/models"')
    assert not MACHINE.search(f"a/{folder}/x") and not MACHINE.search(f"~/{folder}/x")


@pytest.mark.parametrize("host", HOSTS)
def test_a_registry_is_found(host: str) -> None:
    assert REGISTRIES.search(f"https://{host}.org/simple")


def test_the_repository_is_looked_at() -> None:
    assert "pyproject.toml" in repository_texts() and len(repository_texts()) > 100
