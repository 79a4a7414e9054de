"""``slmbench compare``: two runs, metric by metric."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from slmbench.analyse.compare_curves import curves
from slmbench.analyse.compare_details import compare_in_detail
from slmbench.cli.output import print_json, stdout
from slmbench.errors import InputError, NotComparable
from slmbench.render.compare_text import render_compare_markdown, render_compare_text
from slmbench.schema.finding import Comparison
from slmbench.store.pages import save_page
from slmbench.store.reader import StoredRun, find_run

_SUFFIXES = (".md", ".html")


def command(
    baseline: Annotated[str, typer.Argument(help="A run folder, a run id or a model's name.")],
    candidate: Annotated[str, typer.Argument(help="The run held against it.")],
    store: Annotated[str, typer.Option(help="Where ids and names are looked up.")] = "runs",
    compression: Annotated[
        bool,
        typer.Option("--compression", help="Report what a smaller form of the baseline kept."),
    ] = False,
    output: Annotated[
        str | None, typer.Option("-o", "--output", help="Also write a page: FILE.html or FILE.md.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Compare two runs on the same items: paired differences with intervals and p-values.

    Items whose outcome changed are named, resources are told as ratios. The compression report
    also comes by itself where the candidate's run has the suite fidelity.

    Examples:

      slmbench compare BASE CANDIDATE -o report.html

      slmbench compare BASE QUANTIZED --compression
    """
    if output is not None and Path(output).suffix not in _SUFFIXES:
        raise InputError(
            f"'{output}': the comparison is written as a page (FILE.html) or as Markdown "
            "(FILE.md); name one of them."
        )
    old, new = find_run(baseline, store), find_run(candidate, store)
    comparison = compare_in_detail(old, new, compression)
    if output is not None:
        save_page(Path(output), _page(comparison, old, new, Path(output).suffix))
    if json:
        print_json(comparison.model_dump(mode="json"))
    else:
        stdout.print(render_compare_text(comparison), markup=False, soft_wrap=True)
    if not comparison.rows:
        raise NotComparable(
            "Not one metric of the two runs can be compared; the reasons are above."
        )


def _page(comparison: Comparison, old: StoredRun, new: StoredRun, suffix: str) -> str:
    if suffix == ".md":
        return render_compare_markdown(comparison)
    # Matplotlib takes longer to load than all else here, and only a page has pictures.
    from slmbench.render.compare_page import render_compare_page

    return render_compare_page(comparison, curves(old, new, comparison))
