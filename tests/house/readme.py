"""Write the generated parts of README.md: ``python -m tests.house.readme``."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

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


def bench_block() -> str:
    """Return the table of the last committed ``python -m tests.bench``."""
    figures = json.loads((ROOT / "tests" / "bench" / "results.json").read_text("utf-8"))
    rows = [
        f"| {row['title']} ({row['items']}) | {row['dtype']} | "
        f"{row['ratio']} ({row['ratio_low']} to {row['ratio_high']}) | "
        f"{_percent(row['share_of_limit'])} | {row['lm_eval_batch']} |"
        for row in figures["rows"]
    ]
    head = [
        "| work (items) | dtype | times as fast as lm-eval `hf` | share of the limit "
        "| lm-eval's batch |",
        "|---|---|---|---|---|",
    ]
    resident = figures["rolling_resident_bytes"]
    lines = [*head, *rows, "", _measured_with(figures)]
    if resident:
        peaks = {side: f"{each['peak'] / 1e9:.2f} GB" for side, each in resident.items()}
        loaded = f"{resident['slmbench']['loaded'] / 1e9:.2f} GB"
        lines.append(
            "Peak resident memory of rolling perplexity over 2,048 tokens at a vocabulary of "
            f"151,936: {peaks['slmbench']} against {peaks['lm-eval hf']}, of which {loaded} is the "
            "process with its model loaded."
        )
    return "\n".join(lines)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def _measured_with(figures: dict[str, Any]) -> str:
    shape, versions = figures["shape"], figures["versions"]
    return (
        f"Median (lowest to highest) of at least {figures['rounds']} interleaved rounds in one "
        f"process on the same random weights: a {shape['architecture'].capitalize()} shape of "
        f"{shape['layers']} layers, hidden size {shape['hidden']} and a vocabulary of "
        f"{shape['vocabulary']:,}; {figures['threads']} threads of a {figures['device']}; lm-eval "
        f"{versions['lm_eval']} at its best batch size, transformers {versions['transformers']}, "
        f"torch {versions['torch']}. The limit is a plain forward pass over as many distinct "
        "tokens, in causal rows where a token looks at as many keys as it has to."
    )


BLOCKS = {"help": help_block, "tasks": tasks_block, "bench": bench_block}


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
