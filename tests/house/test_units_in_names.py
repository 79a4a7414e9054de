"""A number's unit stands in its name, and durations come from one clock."""

from __future__ import annotations

import ast
import inspect
import types
import typing

import pytest

from slmbench.schema import base, record
from slmbench.schema.base import Frozen
from slmbench.units import SUFFIXES
from tests.house.package_source import modules

#: Numbers without a unit in their name, and why they have none.
UNITLESS = {
    ("Measured", "value"): "its unit stands beside it",
    ("Measured", "n"): "a count by custom",
    ("Interval", "low"): "in the unit of its value",
    ("Interval", "high"): "in the unit of its value",
    ("Interval", "level"): "a probability",
    ("Aggregation", "q"): "a probability",
    ("RunRecord", "schema_version"): "a name of a format",
    ("Sample", "scores"): "in the unit of the metric",
    ("Sample", "loglikelihoods"): "natural-log likelihoods, as the name says",
    ("Environment", "noise"): "its keys carry the units",
    ("JobRecord", "limit_items"): "a count of items",
}


def models() -> list[type[Frozen]]:
    found = {
        each
        for module in (base, record)
        for _, each in inspect.getmembers(module, inspect.isclass)
        if issubclass(each, Frozen) and each is not Frozen and each.__module__ == module.__name__
    }
    return sorted(found, key=lambda each: each.__name__)


def is_numeric(annotation: object) -> bool:
    """Say whether int or float occurs in an annotation, at any depth; bool is no number."""
    if annotation in (int, float):
        return True
    if typing.get_origin(annotation) is typing.Literal or isinstance(annotation, str):
        return False
    return any(is_numeric(each) for each in typing.get_args(annotation))


@pytest.mark.parametrize("model", models(), ids=lambda model: model.__name__)
def test_numeric_fields_name_their_unit(model: type[Frozen]) -> None:
    nameless = {
        (model.__name__, name)
        for name, field in model.model_fields.items()
        if is_numeric(field.annotation)
        and not any(name.endswith(suffix) or name == suffix[1:] for suffix in SUFFIXES)
    }
    # ``raw`` holds a meter's rows, whose own keys carry units.
    assert nameless - set(UNITLESS) - {("JobResult", "raw")} == set()


def test_the_exceptions_are_needed() -> None:
    known = {
        (model.__name__, name)
        for model in models()
        for name, field in model.model_fields.items()
        if is_numeric(field.annotation)
    }
    assert set(UNITLESS) <= known


def test_numbers_are_recognised() -> None:
    assert is_numeric(float | None) and is_numeric(dict[str, tuple[int, ...]])
    assert not is_numeric(str | None) and not is_numeric(bool)
    assert isinstance(int | None, types.UnionType)


def wall_clock_uses(tree: ast.Module) -> list[int]:
    """Return the lines that use ``time.time``, however it was imported."""
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "time" and _name(node.value) == "time":
            lines.append(node.lineno)
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            lines.extend(node.lineno for alias in node.names if alias.name == "time")
    return lines


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def test_no_duration_is_taken_from_the_wall_clock() -> None:
    assert {
        name: wall_clock_uses(tree) for name, tree in modules().items() if wall_clock_uses(tree)
    } == {}


@pytest.mark.parametrize("source", ["import time\ntime.time()", "from time import time"])
def test_a_planted_wall_clock_is_caught(source: str) -> None:
    assert wall_clock_uses(ast.parse(source))
