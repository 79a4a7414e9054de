"""Write the generated parts of README.md: ``python -m tests.house.readme``."""

from __future__ import annotations

import re
import sys

from slmbench.cli.app import usage
from slmbench.plan.tasks import local_tasks
from tests.house.package_source import ROOT

README = ROOT / "README.md"


def help_block() -> str:
    """Return what ``slmbench --help`` prints, in a code fence."""
    return f"```text\n{usage().rstrip()}\n```"


def tasks_block() -> str:
    """Return the table of shipped tasks."""
    rows = [
        f"| {task.name} | {task.kind} | {'' if task.item_count is None else task.item_count} |"
        for task in sorted(local_tasks().values(), key=lambda task: (task.kind, task.name))
    ]
    return "\n".join(["| name | kind | items |", "|---|---|---|", *rows])


BLOCKS = {"help": help_block, "tasks": tasks_block}


def block_in(text: str, name: str) -> str | None:
    """Return what stands between a block's markers, or None where they are not both there."""
    found = re.search(_pattern(name), text, re.DOTALL)
    return found.group(2).strip("\n") if found else None


def rewritten(text: str) -> str:
    """Return the page with every block made new; a page without the markers is left alone."""
    for name, make in BLOCKS.items():
        content = make()
        text = re.sub(
            _pattern(name),
            lambda match, content=content: f"{match.group(1)}\n{content}\n{match.group(3)}",
            text,
            flags=re.DOTALL,
        )
    return text


def _pattern(name: str) -> str:
    return rf"(<!-- {name}:start -->)(.*?)(<!-- {name}:end -->)"


if __name__ == "__main__":
    before = README.read_text("utf-8")
    README.write_text(rewritten(before), "utf-8")
    missing = [name for name in BLOCKS if block_in(before, name) is None]
    sys.exit(f"README.md lacks the markers of: {', '.join(missing)}" if missing else 0)
