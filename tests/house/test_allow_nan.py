"""NaN is no JSON and no measurement: every dump refuses it."""

from __future__ import annotations

import ast

import pytest

from tests.house.package_source import calls, modules

#: Dumps that hold no float, with what they hold instead.
NO_FLOATS = {
    "slmbench.plan.build": "a request, to be hashed",
    "slmbench.plan.checkpoint": "a model's own configuration, to be hashed",
    "slmbench.reference.textgen.lists": "words",
    "slmbench.reference.textgen.extraction": "words and whole numbers of an item's answer",
}


def lax_dumps(tree: ast.Module) -> list[int]:
    """Return the lines of JSON dumps that would let NaN through."""
    lines = []
    for name, call in calls(tree):
        if name in ("json.dump", "json.dumps", "dump", "dumps"):
            given = {each.arg: getattr(each.value, "value", None) for each in call.keywords}
            if given.get("allow_nan") is not False:
                lines.append(call.lineno)
    return lines


def test_every_dump_refuses_nan() -> None:
    found = {name: lax_dumps(tree) for name, tree in modules().items()}
    lax = {name: lines for name, lines in found.items() if lines}
    assert {name: lines for name, lines in lax.items() if name not in NO_FLOATS} == {}
    assert set(NO_FLOATS) <= set(lax), "an exception is no longer needed"


@pytest.mark.parametrize("module", ["slmbench.plan.build", "slmbench.plan.checkpoint"])
def test_what_is_hashed_is_sorted(module: str) -> None:
    for name, call in calls(modules()[module]):
        if name == "json.dumps":
            assert "sort_keys" in {each.arg for each in call.keywords}, call.lineno


@pytest.mark.parametrize("source", ["json.dumps(x)", "json.dump(x, f, allow_nan=True)"])
def test_a_planted_lax_dump_is_caught(source: str) -> None:
    assert lax_dumps(ast.parse(source)) and not lax_dumps(
        ast.parse("json.dumps(x, allow_nan=False)")
    )
