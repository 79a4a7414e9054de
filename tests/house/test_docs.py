"""The README can't drift: its help and its task table are what the program says."""

from __future__ import annotations

import importlib
import inspect

import pytest

from slmbench.cli.app import COMMANDS, usage
from tests.house.readme import BLOCKS, README, block_in, rewritten

CURE = "Run: python -m tests.house.readme"


@pytest.mark.parametrize("name", BLOCKS)
def test_the_readme_holds_what_is_generated(name: str) -> None:
    block = block_in(README.read_text("utf-8"), name)
    assert block is not None, f"README.md has no <!-- {name}:start --> ... <!-- {name}:end -->"
    assert block == BLOCKS[name](), CURE


def test_rewriting_changes_the_blocks_and_nothing_else() -> None:
    blocks = (
        "<!-- help:start -->\nold\n<!-- help:end -->",
        "<!-- tasks:start --><!-- tasks:end -->",
        "<!-- bench:start --><!-- bench:end -->",
    )
    page = f"# a\n{blocks[0]}\nb\n{blocks[1]}\n{blocks[2]}\n"
    new = rewritten(page)
    assert {name: block_in(new, name) for name in BLOCKS} == {
        n: make() for n, make in BLOCKS.items()
    }
    assert new.startswith("# a\n<!-- help:start -->\n```text") and "\nb\n" in new
    assert "old" not in new and rewritten(new) == new
    assert block_in("no markers", "help") is None


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_and_says_what_it_does(name: str) -> None:
    module, about = COMMANDS[name]
    command = importlib.import_module(module).command
    assert inspect.isfunction(command) and (inspect.getdoc(command) or "").strip()
    assert about.strip().endswith(".") and f"  {name}" in usage() and about in usage()
