"""Imports go down the floors, without cycles, and only where they may be late."""

from __future__ import annotations

import ast

import pytest

from tests.house.floors import BESIDE, FLOORS, room, violations
from tests.house.package_source import modules

#: Folder names that only ``resources.py`` may put into a path, and who else means another folder.
FOLDERS = {"tasks", "leaderboards", "reports", "_resources"}
OTHER_FOLDERS = {("slmbench.suites.stock_index", "tasks"): "the folder inside lm-eval's package"}


def planted(**sources: str) -> list[str]:
    trees = {name.replace("__", "."): ast.parse(text) for name, text in sources.items()}
    return violations(trees)


def test_every_import_goes_down() -> None:
    assert violations(modules()) == []


def test_every_module_stands_on_a_floor() -> None:
    rooms = {floor_room for floor in FLOORS for floor_room in floor} | {"", "reference"}
    assert {name for name in modules() if room(name) not in rooms} == set()
    assert {each for pair in BESIDE for each in pair} <= rooms


@pytest.mark.parametrize(
    ("module", "source", "complaint"),
    [
        ("slmbench__plan__a", "from slmbench.execute.b import c", "not below"),
        ("slmbench__schema__a", "import slmbench.ports", "not below"),
        ("slmbench__stats__a", "from slmbench.store import reader", "not below"),
        ("slmbench__engine__a", "import slmbench.backends.fake", "not below"),
        ("slmbench__pipeline", "from slmbench.cli import app", "not below"),
        ("slmbench__suites__a", "from slmbench import catalog", "not below"),
        ("slmbench__plan__a", "from slmbench.reference.items import b", "not below"),
        ("slmbench__reference__a", "from slmbench.plan.b import c", "not below"),
        ("slmbench__newroom__a", "from slmbench.errors import b", "not below"),
        ("slmbench__plan__a", "from .b import c", "relatively"),
        ("slmbench__plan__a", "def f():\n    import torch", "inside a function"),
        ("slmbench__plan__a", "def f():\n    from slmbench.errors import b", "inside a function"),
        ("slmbench__suites__accuracy", "import lm_eval.tasks", "only the bridge"),
        ("slmbench__plan__a", "import importlib\nimportlib.import_module('x')", "by name"),
    ],
)
def test_a_planted_violation_is_caught(module: str, source: str, complaint: str) -> None:
    others = {"slmbench__catalog": "", "slmbench__store__reader": "", "slmbench__cli__app": ""}
    found = planted(**{**others, module: source})
    assert any(complaint in each for each in found), found


def test_what_is_allowed_is_not_caught() -> None:
    assert (
        planted(
            slmbench__pipeline="from slmbench.plan import build",
            slmbench__plan__build="from slmbench import __version__\nimport slmbench.errors",
            slmbench__errors="",
            slmbench__backends__a="def f():\n    import torch\nfrom slmbench.engine import b",
            slmbench__suites__lm_eval_bridge="import lm_eval",
            slmbench__reference__a="from slmbench.stats.interval import wilson",
        )
        == []
    )


def test_a_cycle_is_caught_even_inside_a_function() -> None:
    found = planted(
        slmbench__meters__a="from slmbench.meters.b import x",
        slmbench__meters__b="def f():\n    from slmbench.meters.c import y",
        slmbench__meters__c="import slmbench.meters.a",
    )
    assert len([each for each in found if "again" in each]) == 3


def path_parts(tree: ast.Module) -> set[str]:
    """Return the words a module joins to a path, and the folder names its texts spell out."""
    words = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            words |= {each.value for each in (node.left, node.right) if _is_text(each)}
        elif isinstance(node, ast.Call) and _callee(node) in ("Path", "joinpath", "_folder"):
            words |= {each.value for each in node.args if _is_text(each)}
    return {part for word in words for part in str(word).split("/")} & FOLDERS


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _callee(node: ast.Call) -> str:
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def test_only_resources_knows_where_the_folders_lie() -> None:
    spelled = {(name, part) for name, tree in modules().items() for part in path_parts(tree)}
    outside = {each for each in spelled if each[0] != "slmbench.resources"}
    assert outside == set(OTHER_FOLDERS)
    assert {part for name, part in spelled if name == "slmbench.resources"} == FOLDERS


@pytest.mark.parametrize("source", ["ROOT / 'tasks'", "Path('reports/x')", "a.joinpath('tasks')"])
def test_a_planted_folder_is_caught(source: str) -> None:
    assert path_parts(ast.parse(source))
