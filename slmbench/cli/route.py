"""``slmbench route``: what asking a weak model first and a strong one next would be worth."""

from __future__ import annotations

from typing import Annotated, cast

import typer

from slmbench.analyse.routing import routing
from slmbench.analyse.routing_cost import CostKind
from slmbench.cli.output import print_json, stdout
from slmbench.errors import InputError, did_you_mean
from slmbench.render.route_text import render_routing
from slmbench.store.reader import find_run

_COSTS = ("auto", "time", "energy", "parameters")


def command(
    weak: Annotated[str, typer.Argument(help="The cheaper run: a folder, an id or a model.")],
    strong: Annotated[str, typer.Argument(help="The dearer run, on the same items.")],
    store: Annotated[str, typer.Option(help="Where ids and names are looked up.")] = "runs",
    metric: Annotated[
        str | None, typer.Option(help="suite/task/metric, * for any; else each accuracy task's.")
    ] = None,
    cost: Annotated[
        str, typer.Option(help="auto (time, else energy, else parameters) or one of these.")
    ] = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show the cost and quality of routing between two stored runs, from their items' outcomes.

    For each task: the weak model alone, the strong one alone, who knows both answers (oracle), as
    many calls by chance (random), and a cascade that asks again where the weak model's own
    log-likelihoods say that it isn't sure; with APGR, CPT(50 %), CPT(80 %) and AIQ.

    Examples:

      slmbench route pico micro

      slmbench route runs/WEAK_RUN runs/STRONG_RUN --cost parameters --json
    """
    if cost not in _COSTS:
        raise InputError(f"--cost {cost}: not known.{did_you_mean(cost, _COSTS)} Known: "
                         f"{', '.join(_COSTS)}.")  # fmt: skip
    found = routing(find_run(weak, store), find_run(strong, store), metric, cast(CostKind, cost))
    if json:
        print_json(found.model_dump(mode="json"))
    else:
        stdout.print(render_routing(found), markup=False, soft_wrap=True, end="")
