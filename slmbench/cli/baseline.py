"""``slmbench baseline``: write a run as a small file that can be committed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from slmbench.cli.output import stdout
from slmbench.store.baseline_file import find_named, save_baseline


def command(
    run: Annotated[str, typer.Argument(help="Run folder, run id, tag or model's name.")],
    output: Annotated[
        str, typer.Option("-o", "--output", help="The file to write.")
    ] = "baseline.json",
    store: Annotated[str, typer.Option(help="Where ids and names are looked up.")] = "runs",
) -> None:
    """Write a run's record and scores as one file, for ``slmbench gate --baseline FILE``.

    It holds no prompt and no answer, and its hash shows whether it was changed since.
    """
    path = save_baseline(find_named(run, store), Path(output))
    stdout.print(f"Written: {path}", markup=False, soft_wrap=True)
