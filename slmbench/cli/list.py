"""``slmbench list``: what is at hand."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from slmbench import catalog
from slmbench.cli.output import print_json, stdout
from slmbench.errors import InputError, did_you_mean
from slmbench.gate.policy import load_policy, policy_names
from slmbench.plan.model_text import REFERENCE
from slmbench.plan.spec_file import preset_names
from slmbench.plan.tasks import local_tasks

_KINDS = ("models", "backends", "suites", "tasks", "scorers", "meters", "presets", "policies")


def command(
    kind: Annotated[str, typer.Argument(help=" | ".join(_KINDS))],
    include_path: Annotated[str | None, typer.Option(help="A further folder of tasks.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List models, backends, suites, tasks, scorers, meters, presets or policies."""
    if kind not in _KINDS:
        raise InputError(f"'{kind}'?{did_you_mean(kind, _KINDS)} Known: {', '.join(_KINDS)}.")
    rows = _rows(kind, include_path)
    if json:
        print_json(rows)
        return
    table = Table(*(name for name in rows[0]))
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    stdout.print(table)


def _rows(kind: str, include_path: str | None) -> list[dict[str, str | int | None]]:
    if kind == "models":
        return [{"name": f"ref:{name}", "about": "reference model"} for name in REFERENCE]
    if kind == "presets":
        return [{"name": name, "about": "slmbench run " + name} for name in preset_names()]
    if kind == "policies":
        return [{"name": name, "about": load_policy(name).description} for name in policy_names()]
    if kind == "tasks":
        tasks = local_tasks(include_path).values()
        return [{"name": task.name, "kind": task.kind, "items": task.item_count} for task in tasks]
    return [{"name": name, "about": entry.about} for name, entry in catalog.names(kind).items()]
