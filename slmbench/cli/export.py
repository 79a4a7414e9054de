"""``slmbench export``: a run's metrics in the words of another tool."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from slmbench.cli.output import stderr
from slmbench.errors import InputError, did_you_mean
from slmbench.interchange.benchmark_json import render_action_benchmark, render_bmf
from slmbench.interchange.metrics_csv import render_csv
from slmbench.schema.base import Absent
from slmbench.schema.record import RunRecord
from slmbench.store.pages import save_page
from slmbench.store.reader import find_run

_FORMATS = ("bmf", "github-action-benchmark", "csv")


def command(
    run: Annotated[str, typer.Argument(help="A run folder, a run id or a model's name.")],
    form: Annotated[
        str, typer.Option("--format", help="bmf (bencher), github-action-benchmark or csv.")
    ],
    store: Annotated[str, typer.Option(help="Where ids and names are looked up.")] = "runs",
    better: Annotated[
        str | None,
        typer.Option(
            help="For github-action-benchmark, which takes one direction a file: "
            "smaller (customSmallerIsBetter) or bigger (customBiggerIsBetter)."
        ),
    ] = None,
    output: Annotated[
        str | None, typer.Option("-o", "--output", help="Write to this file, not to stdout.")
    ] = None,
) -> None:
    """Write a run's metrics for bencher, github-action-benchmark or a spreadsheet.

    Nothing is sent anywhere. What was not measured is left out where the format can't say so, and
    stderr tells how much that is.

    Examples:

      slmbench export RUN --format bmf -o results.json

      slmbench export RUN --format github-action-benchmark --better smaller
    """
    if form not in _FORMATS:
        near = did_you_mean(form, _FORMATS)
        raise InputError(f"No format '{form}'.{near} Known: {', '.join(_FORMATS)}.")
    direction = _direction(form, better)
    record = find_run(run, store).record
    if direction is not None:
        text = render_action_benchmark(record, direction)
    else:
        text = render_bmf(record) if form == "bmf" else render_csv(record)
    _tell_what_is_missing(record, form)
    if output is None:
        sys.stdout.write(text)
        return
    save_page(Path(output), text)
    stderr.print(f"Written: {output}", markup=False, soft_wrap=True)


def _direction(form: str, better: str | None) -> Literal["smaller", "bigger"] | None:
    if form != "github-action-benchmark":
        if better is not None:
            raise InputError("--better goes with --format github-action-benchmark only.")
        return None
    if better == "smaller":
        return "smaller"
    if better == "bigger":
        return "bigger"
    raise InputError(
        "github-action-benchmark takes one direction a file: --better smaller or --better bigger."
    )


def _tell_what_is_missing(record: RunRecord, form: str) -> None:
    absent = sum(isinstance(metric.value, Absent) for metric in record.metrics)
    failed = [job.job_id for job in record.jobs if job.status != "done"]
    if absent and form != "csv":
        stderr.print(f"{absent} metrics were not measured and are left out.", markup=False)
    if failed:
        text = f"Jobs that did not end well have no metrics here: {', '.join(failed)}."
        stderr.print(text, markup=False, soft_wrap=True)
