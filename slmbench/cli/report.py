"""``slmbench report``: one run as a page, with a browser of its samples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from slmbench.analyse.run_marks import marked_jobs
from slmbench.analyse.run_report import run_report
from slmbench.cli.output import print_json, stderr
from slmbench.errors import InputError, SaveError
from slmbench.render.run_page import render_run_page
from slmbench.render.sample_pages import BrowserGroup, browser_data
from slmbench.render.sample_view import SAMPLES, sample_group
from slmbench.store.baseline_file import find_named, tags_of
from slmbench.store.pages import save_page
from slmbench.store.reader import StoredRun


def command(
    run: Annotated[str, typer.Argument(help="A run folder, a run id, a tag or a model's name.")],
    output: Annotated[str, typer.Option("-o", "--output", help="The page: FILE.html.")],
    store: Annotated[str, typer.Option(help="Where ids and names are looked up.")] = "runs",
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document that names what was written.")
    ] = False,
) -> None:
    """Write the report of one run: numbers, curves, failures, environment, every sample.

    Up to 500 samples are in the page itself. More are in a folder beside it, FILE_samples, which
    has to stay there; the page loads of it what is looked at.

    Examples:

      slmbench report RUN -o report.html
    """
    page = Path(output)
    if page.suffix != ".html":
        raise InputError(f"'{output}': the report is a page; name a FILE.html.")
    found = find_named(run, store)
    folder = page.with_name(f"{page.stem}_samples")
    written = _write(found, page, folder)
    if json:
        print_json({"run_id": found.record.run_id, "page": str(page),
                    "samples_folder": str(folder) if written else None})  # fmt: skip
        return
    stderr.print(f"Written: {page}", markup=False, soft_wrap=True)
    if written:
        told = f"Its samples: {written} files in {folder}; keep the folder beside the page."
        stderr.print(told, markup=False, soft_wrap=True)


def _write(run: StoredRun, page: Path, folder: Path) -> int:
    """Write the page and the files of its samples, and return how many files these are."""
    report = run_report(run, tags_of(run))
    _clear(folder)
    files = 0

    def save(name: str, text: str) -> None:
        nonlocal files
        save_page(folder / name, text)
        files += 1

    data = browser_data(SAMPLES, _groups(run), save, quote(folder.name))
    save_page(page, render_run_page(report, data, files > 0))
    return files


def _groups(run: StoredRun) -> Iterator[BrowserGroup]:
    for each in marked_jobs(run):
        texts = (each.texts.get(sample.sample_id, []) for sample in each.samples)
        yield sample_group(each.job, each.rules, zip(each.samples, each.marks, texts, strict=True))


def _clear(folder: Path) -> None:
    """Remove an earlier report's files of samples; nothing else is ever touched."""
    try:
        for path in folder.glob("*.js"):
            if path.stem.isdigit() or path.stem == "index":
                path.unlink()
    except OSError as error:
        raise SaveError(f"Cannot write {folder}: {error.strerror or error}.") from error
