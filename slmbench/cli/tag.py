"""``slmbench tag``: give a run of a store a name that stays when newer runs come."""

from __future__ import annotations

from typing import Annotated

import typer

from slmbench.cli.output import stdout
from slmbench.store.baseline_file import find_named, save_tag


def command(
    run: Annotated[str, typer.Argument(help="Run folder, run id, another tag or model's name.")],
    name: Annotated[str, typer.Argument(help="The tag: letters, digits and ._+-")],
    store: Annotated[str, typer.Option(help="The store that the run is in.")] = "runs",
) -> None:
    """Name a run, for ``slmbench gate --baseline NAME``; the name can be given to another later."""
    found = find_named(run, store)
    save_tag(found, name, store)
    stdout.print(f"{name}: {found.record.run_id}", markup=False, soft_wrap=True)
