"""Every shipped prompt is a sandboxed template that says what it is given; texts are never run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jinja2 import meta
from jinja2.sandbox import SandboxedEnvironment

from slmbench.errors import InputError
from slmbench.resources import tasks_dir
from slmbench.suites.prompts import Prompts

FILES = sorted((tasks_dir() / "prompts").glob("*.jinja"))
HOSTILE = "{{ 7 * 7 }}{% for x in range(9) %}{{ x }}{% endfor %}{# gone #}"
#: What the form of closed questions is given by the templates that include it.
CLOSED = {"task", "parts", "question"}

#: What shipped templates have no use for, and one of a task's may.
SPARE = {"low", "high", "system"}


def told(path: Path) -> set[str]:
    """Return the names in a template's first comment."""
    comment = re.match(r"\{#(.*?)-?#\}", path.read_text("utf-8"), re.DOTALL)
    assert comment is not None, f"{path.name} doesn't say what it is given"
    return {
        name.strip() for name in re.sub(r"\([^()]*(\([^()]*\))?[^()]*\)", "", comment[1]).split(",")
    }


def used(path: Path) -> set[str]:
    tree = SandboxedEnvironment().parse(path.read_text("utf-8"))
    included = [used(path.with_name(name)) for name in meta.find_referenced_templates(tree) if name]
    return meta.find_undeclared_variables(tree) | {n for own in included for n in own - CLOSED}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_template_says_what_it_is_given(path: Path) -> None:
    assert used(path) | SPARE >= told(path) >= used(path)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_texts_are_values_and_nothing_may_be_missing(path: Path) -> None:
    lists = {"options": ["yes", "no"], "parts": [(HOSTILE, HOSTILE)], "ends": ["1", "5"],
             "passages": [HOSTILE]}  # fmt: skip
    values = {name: lists.get(name, HOSTILE) for name in told(path)}
    assert HOSTILE in Prompts().render(path.stem, **values)
    for name in used(path):
        with pytest.raises(InputError, match=f"'{name}' is undefined"):
            Prompts().render(path.stem, **{k: v for k, v in values.items() if k != name})


def test_a_template_that_another_includes_is_part_of_its_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "closed_question.jinja").write_text("{{ question }}")
    values = {"text": "t", "sentence": "s", "options": ["yes", "no"]}
    shipped, own = Prompts(), Prompts(tmp_path)
    assert shipped.render("self_check", **values) != own.render("self_check", **values)
    assert shipped.fingerprint != own.fingerprint
