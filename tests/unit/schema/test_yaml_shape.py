"""YAML that would crash or fill the interpreter is an error, and ordinary anchors are not."""

from __future__ import annotations

import pytest

from slmbench.errors import InputError
from slmbench.schema.strict import read_yaml

BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 10)}]\n" for i in range(9)
)
HARMFUL = {
    "brackets": "[" * 100_000,
    "closed brackets": "a: " + "[" * 50_000 + "]" * 50_000,
    "maps": "{a: " * 50_000,
    "dashes": "- " * 50_000,
    "blocks": "\n".join(" " * level + "a:" for level in range(600)),
    "a bomb of aliases": BOMB,
    "itself": "rules: &r\n  - *r\n",
}


@pytest.mark.parametrize("name", HARMFUL)
def test_what_cannot_be_built_is_an_error(tmp_path, name):
    path = tmp_path / "policy.yaml"
    path.write_text(HARMFUL[name])
    with pytest.raises(InputError, match=r"levels deep|stand for more|lies in what"):
        read_yaml(path)


def test_anchors_and_long_files_are_read(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text("base: &base {a: 1}\nmore: {<<: *base, b: 2}\n" + "x: y\n" * 1000)
    assert read_yaml(path) == {"base": {"a": 1}, "more": {"a": 1, "b": 2}, "x": "y"}
