"""``slmbench import``: other tools' results as runs of a store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from slmbench.cli.output import print_json, run_json, stderr, stdout
from slmbench.errors import InputError
from slmbench.interchange.imported_record import renamed
from slmbench.interchange.importing import FORMATS, ImportedRun
from slmbench.interchange.read_files import read_files
from slmbench.schema.base import Absent
from slmbench.store.import_run import import_run

_MOST_NAMED = 10
#: Rows of the table; a published board is thousands of runs, and ``--json`` tells them all.
_MOST_SHOWN = 100


def command(
    files: Annotated[
        list[str], typer.Argument(help="Files of results, or folders that are searched for them.")
    ],
    store: Annotated[str, typer.Option(help="Folder of runs, or a URL.")] = "runs",
    form: Annotated[
        str | None,
        typer.Option("--format", help=f"Of all files; else each tells: {', '.join(FORMATS)}."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="The model's name, where a file has none or another.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Read other tools' results into a store, marked with their origin.

    Each file is recognised by what is in it. Nothing is written unless all can be read; a file
    that was imported before changes nothing. Of a folder, what is of no known format is passed
    over, and stderr names it.

    Examples:

      slmbench import results_2025-03-03T00-05-12.300060.json --store runs

      slmbench import lm_eval_output/ other.json --model my-model
    """
    read = read_files(files, form)
    runs = list(read.runs) if model is None else _named(read.runs, model)
    new = [import_run(store, run.record, run.samples, run.raw) for run in runs]
    if json:
        print_json(
            {
                "runs": [_as_json(run, store, was) for run, was in zip(runs, new, strict=True)],
                "passed_over": [str(path) for path in read.passed_over],
            }
        )
        return
    _print(runs, new, store)
    _tell_passed_over(read.passed_over)


def _named(runs: Sequence[ImportedRun], name: str) -> list[ImportedRun]:
    known = {run.record.model.name for run in runs}
    if len(known) > 1:
        raise InputError(
            f"--model gives one name, and the files hold {len(known)} models: "
            f"{', '.join(sorted(known)[:5])}. Import each model's files by themselves."
        )
    return [ImportedRun(renamed(run.record, name), run.samples, run.raw) for run in runs]


def _as_json(run: ImportedRun, store: str, is_new: bool) -> dict[str, object]:
    record = run.record
    path = f"{store.rstrip('/')}/{record.run_id}"
    origin = None if record.origin is None else record.origin.model_dump()
    return {
        **run_json(record, path),
        "new": is_new,
        "samples": sum(job.sample_count for job in record.jobs),
        "origin": origin,
    }


def _print(runs: Sequence[ImportedRun], new: Sequence[bool], store: str) -> None:
    table = Table()
    for name in ("run", "model", "from", "tasks", "metrics", "absent", "samples", ""):
        table.add_column(name, overflow="fold")
    for run, is_new in list(zip(runs, new, strict=True))[:_MOST_SHOWN]:
        record = run.record
        absent = sum(isinstance(metric.value, Absent) for metric in record.metrics)
        table.add_row(
            record.run_id,
            record.model.name,
            record.origin.tool if record.origin else "",
            str(len(record.jobs)),
            str(len(record.metrics)),
            str(absent),
            str(sum(job.sample_count for job in record.jobs)),
            "new" if is_new else "already there",
        )
    stdout.print(table)
    if len(runs) > _MOST_SHOWN:
        more = f"and {len(runs) - _MOST_SHOWN} more: slmbench show --store {store}"
        stdout.print(more, markup=False, soft_wrap=True)
    counts = f"{sum(new)} runs imported into {store}, {len(new) - sum(new)} already there."
    stdout.print(counts, markup=False, soft_wrap=True)


def _tell_passed_over(paths: Sequence[Path]) -> None:
    if paths:
        more = f" and {len(paths) - _MOST_NAMED} more" if len(paths) > _MOST_NAMED else ""
        named = ", ".join(map(str, paths[:_MOST_NAMED]))
        stderr.print(
            f"Passed over, of no known format: {named}{more}", markup=False, soft_wrap=True
        )
