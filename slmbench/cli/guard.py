"""Run one typer command and turn what it raises into a line on stderr and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import typer

from slmbench.execute.isolate import Failed, attempt

#: What typer ends with after Ctrl-C, as a shell does: 128 + SIGINT.
_INTERRUPTED = 130


def run(command: Callable[..., Any], name: str, arguments: list[str], debug: bool) -> int:
    """Run ``command`` with the arguments and return the exit code."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(name, context_settings={"help_option_names": ["-h", "--help"]})(command)
    return pass_on(lambda: app(args=arguments, prog_name=f"slmbench {name}"), name, debug)


def pass_on(call: Callable[[], object], name: str, debug: bool) -> int:
    """Run another program's command line, imports included, and return the exit code."""
    outcome = attempt(lambda: _call(call, name))
    if not isinstance(outcome, Failed):
        return outcome.value
    if debug:
        sys.stderr.write(outcome.trace)
    sys.stderr.write(f"slmbench {name}: {outcome.reason}\n")
    if outcome.exit_code == 70 and not debug:
        sys.stderr.write("This is a fault of slmbench. Run it again with --debug and report it.\n")
    return outcome.exit_code


def _call(call: Callable[[], object], name: str) -> int:
    try:
        call()
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 0
        if code == _INTERRUPTED:
            sys.stderr.write(f"slmbench {name}: interrupted. What was recorded is intact.\n")
        return code
    return 0
