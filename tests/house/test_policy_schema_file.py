"""The schema that editors complete policies by is the one that policies are read with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slmbench.errors import InputError
from slmbench.schema.policy import Policy, Rule, Waiver, parse_policy, policy_schema
from slmbench.schema.strict import read_yaml
from tests.house.policy_schema import POLICIES, SCHEMA, schema_text

FILES = sorted(POLICIES.glob("*.yaml"))
RULE = {"metric": "a/b/c", "max": 1}


@pytest.fixture(scope="module")
def editor() -> Any:
    """What an editor does with the schema: jsonschema is its reference implementation."""
    jsonschema = pytest.importorskip("jsonschema")
    return jsonschema.Draft202012Validator(policy_schema())


def test_the_committed_schema_is_the_models_own() -> None:
    assert SCHEMA.read_text("utf-8") == schema_text(), "Run: python -m tests.house.policy_schema"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_shipped_policy_names_the_schema_and_is_one(path: Path) -> None:
    assert path.read_text("utf-8").startswith(f"# yaml-language-server: $schema={SCHEMA.name}\n")
    policy = parse_policy(read_yaml(path), path.name)
    assert policy.name == path.stem and policy.description


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_editor_marks_nothing_in_a_shipped_policy(path: Path, editor: Any) -> None:
    assert list(editor.iter_errors(read_yaml(path))) == []


def test_every_key_is_explained_to_the_editor() -> None:
    schema = policy_schema()
    for model, properties in (
        (Policy, schema["properties"]),
        (Rule, schema["$defs"]["Rule"]["properties"]),
        (Waiver, schema["$defs"]["Waiver"]["properties"]),
    ):
        assert set(properties) == set(model.model_fields)
        assert all(each.get("description") for each in properties.values())


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"rules": []},
        {"rules": [{"metric": "a/b/c"}]},
        {"rules": [RULE], "aplha": 0.1},
        {"rules": [{**RULE, "max": "six"}]},
        {"rules": [{**RULE, "severity": "stop"}]},
        {"rules": [RULE], "waivers": [{"rule": "a/b/c"}]},
    ],
)
def test_what_the_reader_refuses_the_editor_marks(document: dict[str, Any], editor: Any) -> None:
    with pytest.raises(InputError):
        parse_policy(document, "p")
    assert not editor.is_valid(document)


@pytest.mark.parametrize("limit", [0.01, 3, "5%", "6 GiB", "50ms", "0.2 J", "1e-3 s", " 7 "])
def test_what_the_reader_takes_the_editor_does_not_mark(limit: object, editor: Any) -> None:
    document = {"rules": [{"metric": "a/b/c", "max": limit, "how": "counter", "family": "f"}]}
    parse_policy(document, "p")
    assert editor.is_valid(document)
