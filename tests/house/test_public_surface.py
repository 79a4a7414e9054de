"""What outsiders may rely on: the public API, the error tree, and a docstring on all of it."""

from __future__ import annotations

import ast
import inspect
import re

import pytest

import slmbench
from slmbench import errors
from tests.house.package_source import modules

PUBLIC = ("check", "compare", "dry_run", "load", "rank", "run")


def test_all_is_the_sorted_public_api() -> None:
    assert slmbench.__all__ == sorted(slmbench.__all__)
    assert slmbench.__all__ == ["__version__", *PUBLIC]


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_resolves_and_is_told_of(name: str) -> None:
    function = getattr(slmbench, name)
    assert callable(function) and inspect.getdoc(function)
    assert f"``{name}(" in (slmbench.__doc__ or "")


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'rnu'"):
        _ = slmbench.rnu


def drawn_tree() -> dict[str, tuple[int, str | None]]:
    """Return class -> (exit code, parent) as the docstring of errors.py draws them."""
    found: dict[str, tuple[int, str | None]] = {}
    above: dict[int, str] = {}
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"^([ |`-]*)([A-Z]\w+) +(\d+)  ", line)
        if match:
            depth = len(match.group(1))
            parents = [column for column in above if column < depth]
            parent = above[max(parents)] if parents else None
            above = {column: name for column, name in above.items() if column < depth}
            above[depth] = match.group(2)
            found[match.group(2)] = (int(match.group(3)), parent)
    return found


def test_the_error_tree_is_as_drawn() -> None:
    classes = {
        name: (each.exit_code, None if each is errors.SlmbenchError else each.__base__.__name__)
        for name, each in inspect.getmembers(errors, inspect.isclass)
        if issubclass(each, errors.SlmbenchError)
    }
    assert len(classes) >= 7
    assert drawn_tree() == classes


@pytest.mark.parametrize("name", sorted(modules()))
def test_a_module_opens_with_a_sentence(name: str) -> None:
    text = ast.get_docstring(modules()[name])
    assert text, f"{name} has no docstring"
    opening = text.split("\n\n")[0]
    assert opening[0].isupper() or opening[0] == "`", opening
    assert opening[-1] in ".?:" and len(opening) > 12, opening


def undocumented(tree: ast.Module) -> list[str]:
    """Return the public functions, classes and methods without a docstring."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    missing = []
    for node in tree.body:
        if not isinstance(node, kinds) or node.name.startswith("_"):
            continue
        members = node.body if isinstance(node, ast.ClassDef) else []
        owned = [
            (f"{node.name}.{each.name}", each)
            for each in members
            if isinstance(each, kinds) and not each.name.startswith("_")
        ]
        named = [(node.name, node), *owned]
        missing.extend(name for name, each in named if not ast.get_docstring(each))
    return missing


def test_every_public_name_has_a_docstring() -> None:
    lacking = {name: undocumented(tree) for name, tree in modules().items()}
    assert {name: each for name, each in lacking.items() if each} == {}


def test_a_planted_bare_name_is_caught() -> None:
    source = "class A:\n    '''Doc.'''\n    def b(self): ...\n    def _c(self): ...\ndef d(): ..."
    assert undocumented(ast.parse(source)) == ["A.b", "d"]
