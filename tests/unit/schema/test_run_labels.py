"""What a user tags a run with: short, printable, and taken as it was written."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.spec import RunSpec


def spec_of(labels: object) -> RunSpec:
    return RunSpec.model_validate({"models": [ModelSpec(target="m")], "labels": labels})


def test_a_label_is_kept_and_none_is_made_up() -> None:
    assert spec_of({"commit": "0123abcd", "build.no": "7, the last"}).labels == {
        "commit": "0123abcd", "build.no": "7, the last"
    }  # fmt: skip
    assert spec_of({}).labels == {}


@pytest.mark.parametrize(
    "labels",
    [{"": "x"}, {"a b": "x"}, {"a" * 41: "x"}, {"a": ""}, {"a": "x" * 201}, {"a": "x\ny"},
     {"a": "\x1b[31m"}, {"a": 7}],
    ids=str,
)  # fmt: skip
def test_what_is_no_label_is_refused(labels: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        spec_of(labels)
