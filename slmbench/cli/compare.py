"""``slmbench compare``: two runs, metric by metric."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from slmbench import pipeline
from slmbench.cli.output import print_json, stdout
from slmbench.errors import InputError, NotComparable
from slmbench.render.compare_text import render_compare_markdown, render_compare_text
from slmbench.store.pages import save_page


def command(
    baseline: Annotated[str, typer.Argument(help="A run folder, a run id or a model's name.")],
    candidate: Annotated[str, typer.Argument(help="The run held against it.")],
    store: Annotated[str, typer.Option(help="Where ids and names are looked up.")] = "runs",
    output: Annotated[
        str | None, typer.Option("-o", "--output", help="Also write it as Markdown (FILE.md).")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Compare two runs on the same items: paired differences with intervals and p-values."""
    if output is not None and Path(output).suffix != ".md":
        raise InputError(f"'{output}': the comparison is written as Markdown; name a .md file.")
    comparison = pipeline.compare(baseline, candidate, store)
    if output is not None:
        save_page(Path(output), render_compare_markdown(comparison))
    if json:
        print_json(comparison.model_dump(mode="json"))
    else:
        stdout.print(render_compare_text(comparison), markup=False, soft_wrap=True)
    if not comparison.rows:
        raise NotComparable(
            "Not one metric of the two runs can be compared; the reasons are above."
        )
