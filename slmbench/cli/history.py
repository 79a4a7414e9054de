"""``slmbench history``: a metric over the runs of a store, and where its level changed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from slmbench.analyse.history import history
from slmbench.cli.output import print_json, stdout
from slmbench.errors import InputError
from slmbench.render.history_text import render_history_markdown, render_history_text
from slmbench.store.pages import save_page
from slmbench.store.reader import list_runs


def command(
    store: Annotated[str, typer.Argument(help="A store: a folder of runs, or its URL.")],
    metric: Annotated[
        str, typer.Option(help="suite/task/metric; * stands for any name: accuracy/*/acc.")
    ],
    model: Annotated[
        str | None, typer.Option(help="Only this model's runs; otherwise each has its series.")
    ] = None,
    alpha: Annotated[
        float, typer.Option(help="Chance of a false alarm in a series without a change.")
    ] = 0.05,
    output: Annotated[
        str | None, typer.Option("-o", "--output", help="Also write it as Markdown (FILE.md).")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show a metric over time: values with intervals, breaks of comparability, changes of level.

    Runs are ordered by the time they were made. Tag them where they are run: slmbench run
    --label commit=abc123. A change says what the store shows; whether a model may ship is for
    slmbench gate.

    Examples:

      slmbench history runs --metric accuracy/customer_intent/acc

      slmbench history runs --metric 'latency/chat/tpot_s@*' --model mine -o history.md
    """
    if output is not None and Path(output).suffix != ".md":
        raise InputError(f"'{output}': the history is written as Markdown; name a .md file.")
    found = history(list_runs(store), metric, store=store, model=model, alpha=alpha)
    if output is not None:
        save_page(Path(output), render_history_markdown(found))
    if json:
        print_json(found.model_dump(mode="json"))
    else:
        stdout.print(render_history_text(found), markup=False, soft_wrap=True)
