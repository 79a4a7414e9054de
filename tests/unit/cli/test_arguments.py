"""From arguments to what is asked, and what of them belongs to another program."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from slmbench.cli import app, run
from slmbench.cli.app import dispatch
from slmbench.errors import InputError
from slmbench.schema.spec import RunSpec


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What the other program was handed; it ends with code 7, and refuses ``bad``."""
    got: list[list[str]] = []

    def command(arguments: list[str]) -> None:
        got.append(arguments)
        if "bad" in arguments:
            raise InputError("bad is wrong. Leave it out.")
        sys.exit(7)

    module = ModuleType("other_program")
    module.command = command  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "other_program", module)
    monkeypatch.setitem(app.COMMANDS, "lm-eval", ("other_program", ""))
    return got


@pytest.mark.parametrize(
    "arguments", [["run", "--help"], ["--debug", "--json"], [], ["--version"], ["ls", "lm-eval"]]
)
def test_every_argument_is_passed_on(arguments: list[str], passed: list[list[str]]) -> None:
    assert dispatch(["lm-eval", *arguments]) == 7
    assert passed == [arguments]


def test_debug_before_the_command_is_ours(
    passed: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert dispatch(["lm-eval", "bad", "--debug"]) == 2
    assert capsys.readouterr().err == "slmbench lm-eval: bad is wrong. Leave it out.\n"
    assert dispatch(["--debug", "lm-eval", "bad"]) == 2
    assert "Traceback" in capsys.readouterr().err
    assert passed == [["bad", "--debug"], ["bad"]]


def test_debug_anywhere_is_ours_in_our_own_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch(["list", "lm-eval", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def asked(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> RunSpec:
    """Return the request that ``slmbench run`` makes of its arguments."""
    found: list[RunSpec] = []

    def plan(request: RunSpec) -> Any:
        found.append(request)
        raise InputError("seen")

    monkeypatch.setattr(run.pipeline, "plan", plan)
    assert dispatch(["run", "--model", "fake:a", "--dry-run", *arguments]) == 2
    return found[0]


def test_how_prompts_are_made_is_asked_by_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    flags = ("--apply-chat-template", "--system-instruction", "Be brief.", "--num-fewshot", "3")
    spec = asked(monkeypatch, *flags, "--no-fewshot-as-multiturn", "--seed", "7")
    assert (spec.apply_chat_template, spec.system_instruction) == (True, "Be brief.")
    assert (spec.num_fewshot, spec.fewshot_as_multiturn, spec.seed) == (3, False, 7)


def test_zero_is_something_that_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that brings five examples is asked with none, as ``--num-fewshot 0`` says."""
    spec = asked(monkeypatch, "--num-fewshot", "0", "--seed", "0")
    assert (spec.num_fewshot, spec.seed) == (0, 0)


def test_what_is_not_asked_is_lm_evals_default(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = asked(monkeypatch)
    assert (spec.num_fewshot, spec.fewshot_as_multiturn, spec.seed) == (None, None, 1234)
    assert (spec.apply_chat_template, spec.system_instruction) == (False, None)


def test_turns_without_a_chat_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch(["run", "--model", "fake:a", "--fewshot-as-multiturn", "--dry-run"]) == 2
    assert "fewshot_as_multiturn needs apply_chat_template" in capsys.readouterr().err


def test_labels_are_what_the_user_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_SHA", "not asked for")
    assert asked(monkeypatch).labels == {}
    spec = asked(monkeypatch, "--label", "commit=0123", "--label", "branch=a=b")
    assert spec.labels == {"commit": "0123", "branch": "a=b"}


@pytest.mark.parametrize("label", ["commit", "=x", "a b=x", "also=x"])
def test_what_is_no_label_is_refused(label: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch(["run", "--model", "fake:a", "--label", label, "--dry-run"]) == 2
    assert "label" in capsys.readouterr().err
