"""``slmbench demo``: the main job on the reference models, offline."""

from __future__ import annotations

from typing import Annotated

import typer

from slmbench import catalog, pipeline
from slmbench.cli.output import stdout
from slmbench.cli.progress import Bars
from slmbench.cli.run import report
from slmbench.plan.spec_file import load_spec


def command(
    store: Annotated[str, typer.Option(help="Folder of runs.")] = "demo-runs",
    output: Annotated[str, typer.Option("-o", "--output", help="Folder of the page.")] = (
        "leaderboard"
    ),
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a killed demo.")] = False,
) -> None:
    """Run every suite on the three reference models and write their leaderboard."""
    spec = load_spec("demo", {}, tuple(catalog.names("backends")))
    with Bars(can_resume=True) as bars:
        records = pipeline.run(spec, store, bars, resume)
    report(records, store, json=False)
    page = pipeline.rank([store], output, "Reference models")
    stdout.print(f"Leaderboard: {page}", markup=False, soft_wrap=True)
    raise typer.Exit(5 if any(record.status == "failed" for record in records) else 0)
