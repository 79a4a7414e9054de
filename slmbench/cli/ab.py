"""``slmbench ab``: two models measured in turns, or such a pair shown again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from slmbench import catalog
from slmbench.analyse.pair import result_of
from slmbench.cli.output import print_json, stderr, stdout
from slmbench.cli.progress import Bars
from slmbench.errors import InputError
from slmbench.execute.ab import measure_pair
from slmbench.plan.build import build, require_ready
from slmbench.plan.model_text import parse_model
from slmbench.render.ab_text import render_ab_markdown, render_ab_text
from slmbench.schema.finding import AbResult
from slmbench.schema.pair import PairRecord, PairSpec
from slmbench.schema.spec import RunSpec
from slmbench.schema.strict import parse
from slmbench.store.pages import save_page
from slmbench.store.pairs import find_pair, open_pair
from slmbench.store.remote import open_for_writing
from slmbench.units import parse_quantity


def command(
    first: Annotated[
        str, typer.Argument(help="Model A, the baseline, as for run; or a pair to show again.")
    ],
    second: Annotated[str | None, typer.Argument(help="Model B, the candidate.")] = None,
    task: Annotated[
        str, typer.Option("--task", "--tasks", help="Workloads, separated by commas.")
    ] = "chat",
    repeats: Annotated[
        int, typer.Option(help="Blocks; each model has two turns in one. 'doctor' says how many.")
    ] = 20,
    alpha: Annotated[
        float, typer.Option(help="Chance of a false alarm over all metrics together.")
    ] = 0.05,
    seed: Annotated[int, typer.Option(help="Seed of the order of the turns.")] = 1234,
    no_check: Annotated[
        bool, typer.Option("--no-check", help="Don't measure A against itself beside it.")
    ] = False,
    time_limit: Annotated[str, typer.Option(help="Bound of one turn, as 90s or 2h.")] = "2h",
    include_path: Annotated[str | None, typer.Option(help="A further folder of tasks.")] = None,
    store: Annotated[str, typer.Option(help="Folder that gets the pair's.")] = "runs",
    output: Annotated[
        str | None, typer.Option("-o", "--output", help="Also write it as Markdown (FILE.md).")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Measure two models in turns on this host and say whether they differ.

    Each model is loaded once, in a process of its own. They work in blocks such as A B B A, so
    that a drift of the host cancels, and A is measured against itself beside it: where that alarms,
    the verdict is INCONCLUSIVE (exit code 3). A worker that dies gives exit code 5.

    Examples:

      slmbench ab ref:pico ref:micro --task chat,batch

      slmbench ab hf:OLD hf:NEW --repeats 40

      slmbench ab runs/PAIR_ID
    """
    if output is not None and Path(output).suffix != ".md":
        raise InputError(f"'{output}': the result is written as Markdown; name a .md file.")
    if second is None:
        found = find_pair(first, store)
        record, location = found.record, found.location
        result = result_of(record, found.turns)
    else:
        models = [parse_model(each, tuple(catalog.names("backends"))) for each in (first, second)]
        asked = {
            "baseline": models[0].model_dump(), "candidate": models[1].model_dump(),
            "tasks": tuple(name.strip() for name in task.split(",") if name.strip()),
            "repeats": repeats, "alpha": alpha, "seed": seed, "check": not no_check,
            "time_limit_s": parse_quantity(time_limit),
        }  # fmt: skip
        pair = parse(PairSpec, asked, "the command line")
        record, location = measured(pair, store, include_path)
        result = result_of(record, open_pair(location).turns)
    _report(result, location, json)
    if output is not None:
        save_page(Path(output), render_ab_markdown(result))
    raise typer.Exit(_code(result))


def measured(asked: PairSpec, store: str, include_path: str | None) -> tuple[PairRecord, str]:
    """Plan and measure a pair; return its record and the local folder it was made in."""
    spec = RunSpec(
        name="ab", models=(asked.baseline, asked.candidate), suites=("latency",),
        tasks=asked.tasks, seed=asked.seed, time_limit_s=asked.time_limit_s,
        include_path=include_path,
    )  # fmt: skip
    plan = require_ready(build(spec))
    place, saved = open_for_writing(store, resume=False)
    label = f"{plan.runs[0].model.label} / {plan.runs[1].model.label}"
    with Bars() as bars:

        def tell(task: str, done: int, total: int) -> None:
            if done == 0:
                bars.job_started(label, task)
            bars.job_progress(label, task, done, total)

        record = measure_pair(asked, plan, place, tell, saved)
    return record, str(place / record.pair_id)


def _report(result: AbResult, location: str, json: bool) -> None:
    if json:
        document: dict[str, Any] = {"path": location, **result.model_dump(mode="json")}
        print_json(document)
        return
    stdout.print(render_ab_text(result), markup=False, soft_wrap=True)
    stderr.print(f"Recorded: {location}", markup=False, soft_wrap=True)


def _code(result: AbResult) -> int:
    if result.status != "done":
        return 5
    return 3 if result.verdict == "INCONCLUSIVE" else 0
