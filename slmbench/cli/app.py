"""The entry point: find the command, run it, turn errors into one line and an exit code."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from slmbench import __version__
from slmbench.errors import did_you_mean

#: command -> (module with its ``command`` function, what it is for).
COMMANDS = {
    "run": ("slmbench.cli.run", "Run a preset, a spec file or flags; record every result."),
    "demo": ("slmbench.cli.demo", "The whole flow on the reference models, offline."),
    "compare": ("slmbench.cli.compare", "Compare two runs, metric by metric, with error bars."),
    "ab": ("slmbench.cli.ab", "Measure two models in turns: paired ratios, and A against itself."),
    "fits": ("slmbench.cli.fits", "Will a model fit a device? Before it is downloaded or loaded."),
    "gate": ("slmbench.cli.gate", "May this model ship? PASS, FAIL, INCONCLUSIVE."),
    "baseline": ("slmbench.cli.baseline", "Write a run as one small file, to gate against."),
    "tag": ("slmbench.cli.tag", "Name a run of a store; a tag names a baseline too."),
    "report": ("slmbench.cli.report", "Write the page of one run: numbers, curves, samples."),
    "leaderboard": ("slmbench.cli.leaderboard", "Write the HTML leaderboard of stored runs."),
    "published": ("slmbench.cli.published", "Build the boards of published figures."),
    "recommend": ("slmbench.cli.recommend", "Which model keeps your budgets, and who is tied."),
    "route": ("slmbench.cli.route", "What asking a weak model first, a strong one next, saves."),
    "history": ("slmbench.cli.history", "A metric over the runs of a store; where it changed."),
    "show": ("slmbench.cli.show", "Print one stored run, or the runs of a store."),
    "import": ("slmbench.cli.import_", "Read lm-eval's and other tools' results into a store."),
    "export": ("slmbench.cli.export", "Write a run for bencher, GitHub's action or a spreadsheet."),
    "doctor": ("slmbench.cli.doctor", "What this host has, what disturbs it, what it can resolve."),
    "list": (
        "slmbench.cli.list",
        "List models, backends, suites, tasks, scorers, meters, presets.",
    ),
    "lm-eval": ("slmbench.cli.lm_eval", "lm-eval's own command line, with --model slmbench."),
}
#: Commands of another program: every argument, ``--help`` and ``--debug`` too, is for it.
PASSED_ON = {"lm-eval"}
_EXIT_CODES = (
    "Exit codes: 0 done or PASS; 1 FAIL; 2 wrong input; 3 INCONCLUSIVE; 4 NOT_COMPARABLE;\n"
    "5 failed jobs or a store that can't be written; 70 our own fault."
)


def usage() -> str:
    """Return what ``slmbench --help`` prints."""
    width = max(map(len, COMMANDS))
    rows = "\n".join(f"  {name:<{width}}  {about}" for name, (_, about) in COMMANDS.items())
    return (
        "Usage: slmbench COMMAND [ARGS]...\n\n"
        "Which model, for which device and budget? Runs language models over accuracy,\n"
        "toxicity, similarity, judge, rag, bias, latency, energy and memory suites, and says\n"
        "what it costs.\n\n"
        f"Commands:\n{rows}\n\n"
        "Options:\n"
        "  --help     This page; 'slmbench COMMAND --help' tells a command's own.\n"
        "  --version  The version.\n"
        "  --debug    Show the traceback of an error.\n\n"
        f"{_EXIT_CODES}\n"
    )


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(dispatch(sys.argv[1:]))


def dispatch(arguments: list[str]) -> int:
    """Run one command and return its exit code.

    Only the module of the chosen command is imported, so that ``--help`` answers at once and no
    command pays for another's libraries.
    """
    debug, arguments = _without_debug(arguments)
    if not arguments or arguments[0] in ("--help", "-h", "help"):
        sys.stdout.write(usage())
        return 0
    if arguments[0] == "--version":
        sys.stdout.write(f"slmbench {__version__}\n")
        return 0
    name, *rest = arguments
    if name not in COMMANDS:
        near = did_you_mean(name, COMMANDS)
        sys.stderr.write(f"slmbench: no command '{name}'.{near} See 'slmbench --help'.\n")
        return 2
    guard = importlib.import_module("slmbench.cli.guard")
    if name in PASSED_ON:
        return int(guard.pass_on(lambda: _command(name)(rest), name, debug))
    return int(guard.run(_command(name), name, rest, debug))


def _command(name: str) -> Any:
    return importlib.import_module(COMMANDS[name][0]).command


def _without_debug(arguments: list[str]) -> tuple[bool, list[str]]:
    """Say whether ``--debug`` is among our own arguments, and return the others."""
    names = [place for place, each in enumerate(arguments) if each in PASSED_ON]
    end = names[0] if names and set(arguments[: names[0]]) <= {"--debug"} else len(arguments)
    ours = [argument for argument in arguments[:end] if argument != "--debug"]
    return "--debug" in arguments[:end], ours + arguments[end:]


if __name__ == "__main__":
    main()
