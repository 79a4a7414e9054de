"""Files, functions and signatures stay small enough to be read at once."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.house.package_source import PACKAGE, ROOT, files, functions, module_name, modules

MOST_FILE_LINES = 300
MOST_FUNCTION_LINES = 50
MOST_PARAMETERS = 7
MOST_PIPELINE_LINES = 80
VAGUE = {"utils", "util", "common", "helpers", "helper", "misc"}
#: A command's parameters are its flags: typer reads them from the signature.
FLAGS = {f"slmbench.cli.{name}.command" for name in ("run", "ab", "gate", "recommend")}


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of a function from its first statement on; flags and docstring are text."""
    first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
    return (node.end_lineno or first.lineno) - first.lineno + 1


def whole_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return len([each for each in given if each.arg not in ("self", "cls")])


@pytest.mark.parametrize("path", files(), ids=module_name)
def test_no_file_is_too_long(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= MOST_FILE_LINES


def test_no_template_is_too_long() -> None:
    templates = [
        path
        for folder in ("leaderboards", "reports")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".j2", ".html", ".css", ".js")
    ]
    assert templates
    lengths = {path.name: len(path.read_text("utf-8").splitlines()) for path in templates}
    assert {name: n for name, n in lengths.items() if n > MOST_FILE_LINES} == {}


def test_no_function_is_too_long() -> None:
    long = {}
    for module, tree in modules().items():
        for node in functions(tree):
            name = f"{module}.{node.name}"
            lines = body_lines(node) if name in FLAGS else whole_lines(node)
            if lines > MOST_FUNCTION_LINES:
                long[name] = lines
    assert long == {}


def test_no_function_takes_too_much() -> None:
    many = {
        f"{module}.{node.name}": parameters(node)
        for module, tree in modules().items()
        for node in functions(tree)
        if parameters(node) > MOST_PARAMETERS
    }
    assert set(many) - FLAGS == set()
    assert set(many) >= FLAGS, "the exception is no longer needed"


def test_no_file_has_a_name_that_says_nothing() -> None:
    names = {path.stem for path in files()} | {path.parent.name for path in files()}
    assert names & VAGUE == set()


def test_the_pipeline_fits_one_screen() -> None:
    lines = (PACKAGE / "pipeline.py").read_text("utf-8").splitlines()
    assert len(lines) <= MOST_PIPELINE_LINES


def test_the_measures_measure() -> None:
    source = "def f(\n    self, a, *, b\n):\n    '''Doc.'''\n    x = 1\n    y = 2\n"
    (node,) = functions(ast.parse(source))
    assert (whole_lines(node), body_lines(node), parameters(node)) == (6, 2, 2)
