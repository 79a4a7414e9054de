"""``slmbench export``: a run's metrics in the words of another tool."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from slmbench.cli.output import stderr
from slmbench.errors import InputError, did_you_mean
from slmbench.schema.base import Absent
from slmbench.schema.record import RunRecord
from slmbench.store.pages import save_bytes
from slmbench.store.reader import StoredRun, find_run

#: name for ``--format`` -> "module:function" that takes a RunRecord and returns one file's text
#: (or bytes, which are written to ``-o FILE`` only).
FORMATS = {
    "bmf": "slmbench.interchange.benchmark_json:render_bmf",
    "github-action-benchmark": "slmbench.interchange.benchmark_json:render_action_benchmark",
    "csv": "slmbench.interchange.metrics_csv:render_csv",
    "parquet": "slmbench.interchange.metrics_parquet:render_parquet",
    "markdown": "slmbench.interchange.metrics_markdown:render_markdown",
    "model-index": "slmbench.interchange.model_index:render_model_index",
}
#: name -> "module:function" that takes a StoredRun and returns {file name: text}, written to the
#: folder ``-o FOLDER``.
FOLDER_FORMATS = {"lm-eval": "slmbench.interchange.lm_eval_layout:render_lm_eval"}
#: Formats that can say that a metric is absent, and why.
_SAY_ABSENT = ("csv", "parquet", "markdown")
_ONE_WAY = "github-action-benchmark"
_HELP = f"{', '.join([*FORMATS, *FOLDER_FORMATS])}."


def command(
    run: Annotated[str, typer.Argument(help="A run folder, a run id or a model's name.")],
    form: Annotated[str, typer.Option("--format", help=_HELP)],
    store: Annotated[str, typer.Option(help="Where ids and names are looked up.")] = "runs",
    better: Annotated[
        str | None,
        typer.Option(
            help="For github-action-benchmark, which takes one direction a file: "
            "smaller (customSmallerIsBetter) or bigger (customBiggerIsBetter)."
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", help="Write to this file (lm-eval: folder), not to stdout."),
    ] = None,
) -> None:
    """Write a run's metrics for lm-eval's tools, bencher, github-action-benchmark or a spreadsheet.

    Nothing is sent anywhere. What was not measured is left out where the format can't say so, and
    stderr tells how much that is.

    Examples:

      slmbench export RUN --format lm-eval -o results

      slmbench export RUN --format bmf -o results.json

      slmbench export RUN --format github-action-benchmark --better smaller
    """
    known = [*FORMATS, *FOLDER_FORMATS]
    if form not in known:
        near = did_you_mean(form, known)
        raise InputError(f"No format '{form}'.{near} Known: {', '.join(known)}.")
    _check_direction(form, better)
    if form in FOLDER_FORMATS and output is None:
        raise InputError(f"--format {form} writes a folder of files: name it with -o FOLDER.")
    found = find_run(run, store)
    if form in FOLDER_FORMATS:
        _write_folder(form, found, Path(str(output)))
    else:
        _write_file(form, found.record, better, output)
    _tell_what_is_missing(found.record, form)


def _write_file(form: str, record: RunRecord, better: str | None, output: str | None) -> None:
    written = _function(FORMATS[form])(record, *([] if better is None else [better]))
    if output is None and isinstance(written, bytes):
        raise InputError(f"--format {form} is no text: name a file with -o FILE.")
    if output is None:
        sys.stdout.write(written)
        return
    save_bytes(Path(output), written if isinstance(written, bytes) else written.encode())
    stderr.print(f"Written: {output}", markup=False, soft_wrap=True)


def _write_folder(form: str, run: StoredRun, folder: Path) -> None:
    for name, text in _function(FOLDER_FORMATS[form])(run).items():
        path = save_bytes(folder / name, text.encode())
        stderr.print(f"Written: {path}", markup=False, soft_wrap=True)


def _function(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def _check_direction(form: str, better: str | None) -> None:
    if form != _ONE_WAY and better is not None:
        raise InputError(f"--better goes with --format {_ONE_WAY} only.")
    if form == _ONE_WAY and better not in ("smaller", "bigger"):
        raise InputError(
            f"{_ONE_WAY} takes one direction a file: --better smaller or --better bigger."
        )


def _tell_what_is_missing(record: RunRecord, form: str) -> None:
    absent = sum(isinstance(metric.value, Absent) for metric in record.metrics)
    failed = [job.job_id for job in record.jobs if job.status != "done"]
    if absent and form not in _SAY_ABSENT:
        text = f"{absent} metrics were not measured, and the format can't say why."
        stderr.print(text, markup=False)
    if failed:
        text = f"Jobs that did not end well have no metrics here: {', '.join(failed)}."
        stderr.print(text, markup=False, soft_wrap=True)
