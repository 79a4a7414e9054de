"""``slmbench show``: one stored run, or what a store holds."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from slmbench.cli.output import print_json, run_json, stdout
from slmbench.render.terminal import failures, notes_table, summary_table
from slmbench.store.reader import find_run, list_runs


def command(
    run: Annotated[
        str | None, typer.Argument(help="A run folder, a run id or a model's name.")
    ] = None,
    store: Annotated[str, typer.Option(help="Folder of runs.")] = "runs",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Print a run's metrics; without a run, the runs of the store."""
    if run is not None:
        found = find_run(run, store)
        if json:
            print_json(run_json(found.record, found.location))
            return
        stdout.print(summary_table(found.record))
        for part in (failures(found.record), notes_table(found.record)):
            if part is not None:
                stdout.print(part)
        return
    runs = list_runs(store)
    if json:
        print_json({"runs": [run_json(each.record, each.location) for each in runs]})
        return
    table = Table("run", "model", "status", "jobs")
    for each in runs:
        done = sum(job.status == "done" for job in each.record.jobs)
        total = len(each.record.jobs)
        row = (each.record.run_id, each.record.model.name, each.record.status, f"{done}/{total}")
        table.add_row(*row)
    stdout.print(table)
