"""``slmbench recommend``: which model keeps the budgets; the exit code says whether one does."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from slmbench.analyse.board import Assembled, assemble
from slmbench.analyse.board_items import MOST_SAMPLES, SamplesOf
from slmbench.analyse.board_runs import scores_of
from slmbench.analyse.recommend import recommend
from slmbench.analyse.recommend_checks import matching
from slmbench.analyse.recommend_score import find_score, samples_behind
from slmbench.cli.output import print_json, stdout
from slmbench.errors import InputError, did_you_mean
from slmbench.gate.quantities import in_metric_unit
from slmbench.render.recommend_text import render_recommendation
from slmbench.schema.base import Measured
from slmbench.schema.policy import read_quantity
from slmbench.schema.recommendation import Budget, Question
from slmbench.store.reader import StoredRun, list_runs
from slmbench.suites.memory.devices import DeviceProfile, load_devices

_EXIT_CODES = {"RECOMMENDED": 0, "NONE": 1, "INCONCLUSIVE": 3}
_COMPARISON = re.compile(r"^\s*(\S.*?)\s*(<=|>=)\s*(\S+(?: \S+)?)\s*$")
_DEVICE_PEAK, _HOST_PEAK = "memory/*/peak_device_bytes", "memory/*/peak_resident_bytes"
_WEIGHTS = ("memory/*/weight_bytes",)
#: flag -> the metrics it means, in the order in which they are taken.
_SHORTCUTS = {
    "--max-memory": (_DEVICE_PEAK, _HOST_PEAK),
    "--max-tpot": ("latency/*/tpot_s", "latency/*/tpot_s@p50"),
    "--max-ttft": ("latency/*/ttft_s", "latency/*/ttft_s@p50"),
    "--max-energy": ("energy/*/j_per_output_token",),
    "--max-cost": ("energy/*/cost_usd_per_1000_requests", "energy/*/price_usd_per_1000_requests"),
    "--max-toxicity": (
        "toxicity/*/toxicity_probability",
        "toxicity/*/toxic_fraction",
        "toxicity/*/expected_max_toxicity",
    ),
}
#: Flags whose bare numbers nobody can read, with an example.
_NEED_UNITS = {"--max-memory": "6GiB", "--max-tpot": "50ms", "--max-ttft": "1s"}


def command(
    stores: Annotated[list[str], typer.Argument(help="Stores, or single runs.")],
    max_memory: Annotated[str | None, typer.Option(help="Peak memory, as 6GiB.")] = None,
    max_tpot: Annotated[str | None, typer.Option(help="Time per output token, as 50ms.")] = None,
    max_ttft: Annotated[str | None, typer.Option(help="Time to first token, as 1s.")] = None,
    max_energy: Annotated[str | None, typer.Option(help="Per output token, as 0.5J.")] = None,
    max_cost: Annotated[str | None, typer.Option(help="USD for 1,000 requests, as 0.2.")] = None,
    max_toxicity: Annotated[
        str | None, typer.Option(help="Probability of a toxic answer, as 0.05.")
    ] = None,
    minimum: Annotated[
        list[str] | None, typer.Option("--min", help="NAME=VALUE, as accuracy=0.5; again for more.")
    ] = None,
    maximum: Annotated[
        list[str] | None, typer.Option("--max", help="NAME=VALUE, as expected_max_toxicity=0.3.")
    ] = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="'suite/task/metric<=x' or >=; * stands for any name.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="A device to fit, as phone-6gb; see 'slmbench fits'.")
    ] = None,
    device_profile: Annotated[
        list[str] | None, typer.Option(help="A further profile (YAML); may come again.")
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(help="What to rank by: METRIC, or METRIC=WEIGHT for each; else accuracy."),
    ] = None,
    workload: Annotated[
        str, typer.Option(help="The task that memory, time, energy and cost are taken of.")
    ] = "*",
    join: Annotated[
        bool, typer.Option(help="Take a model's numbers from all its runs; else from its newest.")
    ] = True,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say which model to take: 0 one is recommended, 1 none keeps the budgets, 3 it is open.

    A budget is kept where the whole interval of a number keeps it. What was not measured keeps
    none. Models that aren't shown to differ are named as tied. Runs of several machines are
    answered machine by machine.

    Examples:

      slmbench recommend runs --max-memory 6GiB --max-tpot 50ms --min accuracy=0.5

      slmbench recommend runs imported --device phone-6gb --metric 'toxicity/*/toxic_fraction<=0.1'
    """
    runs = [run for store in stores for run in list_runs(store)]
    made = assemble([run.record for run in runs], join=join)
    flags = {
        "--max-memory": max_memory, "--max-tpot": max_tpot, "--max-ttft": max_ttft,
        "--max-energy": max_energy, "--max-cost": max_cost, "--max-toxicity": max_toxicity,
    }  # fmt: skip
    budgets = [
        _shortcut(made, flag, text, workload) for flag, text in flags.items() if text is not None
    ]
    budgets += [_named(made, "--min", text) for text in minimum or []]
    budgets += [_named(made, "--max", text) for text in maximum or []]
    budgets += [_general(made, text) for text in metric or []]
    if device is not None:
        budgets.append(_device(device, load_devices(device_profile or []), workload))
    question = Question(budgets=tuple(budgets), capability=_capability(by or []))
    found = recommend(made, question, _samples(made, question, runs))
    if json:
        print_json(found.model_dump(mode="json"))
    else:
        stdout.print(render_recommendation(found), markup=False, soft_wrap=True, end="")
    raise typer.Exit(_EXIT_CODES[found.verdict])


def _shortcut(made: Assembled, flag: str, text: str, workload: str) -> Budget:
    metrics = _SHORTCUTS[flag]
    if flag != "--max-toxicity":
        metrics = tuple(each.replace("*", workload) for each in metrics)
    plain = text.strip().removeprefix("$").removesuffix("USD").strip()
    limit = _limit(made, flag, plain if flag == "--max-cost" else text, metrics)
    budget = Budget(name=f"{flag} {text}", metrics=metrics, op="<=", limit=limit)
    if flag != "--max-memory":
        return budget
    weights = tuple(each.replace("*", workload) for each in _WEIGHTS)
    floor = {"floor_metrics": weights, "floor_limit": limit, "on_gpu": metrics[:1]}
    return budget.model_copy(update=floor)


def _named(made: Assembled, flag: str, text: str) -> Budget:
    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not name or not value:
        raise InputError(f"{flag} {text}: write NAME=VALUE, as {flag} accuracy=0.5.")
    pattern = name if "/" in name else f"*/*/{name}"
    if name == "accuracy":
        pattern = "accuracy/mean of */accuracy mean"
    limit = _limit(made, flag, value, (pattern,))
    return Budget(
        name=f"{flag} {text}",
        metrics=(pattern,),
        op=">=" if flag == "--min" else "<=",
        limit=limit,
    )


def _general(made: Assembled, text: str) -> Budget:
    match = _COMPARISON.match(text)
    if match is None or match[1].count("/") != 2:
        raise InputError(
            f"--metric {text}: write 'suite/task/metric<=x' or 'suite/task/metric>=x'."
        )
    limit = _limit(made, "--metric", match[3], (match[1],))
    return Budget(
        name=text.strip(), metrics=(match[1],), op="<=" if match[2] == "<=" else ">=", limit=limit
    )


def _limit(made: Assembled, flag: str, text: str, metrics: tuple[str, ...]) -> float:
    """Return a limit in the unit of the metrics it is for."""
    try:
        quantity = read_quantity(text)
    except (ValueError, InputError) as error:
        raise InputError(f"{flag} {text}: {str(error).rstrip('.')}.") from error
    if flag in _NEED_UNITS and quantity.dimension == "none":
        raise InputError(f"{flag} {text}: write a unit too, as {_NEED_UNITS[flag]}.")
    columns = made.board.columns
    limits = {
        in_metric_unit(quantity, columns[at].unit, columns[at].path)
        for at in matching(columns, metrics)
        # A column that nobody measured has no unit.
        if any(isinstance(reading.value, Measured) for reading in made.readings[at])
        or columns[at].derived
    }
    if len(limits) > 1:
        raise InputError(f"{flag} {text}: '{metrics[0]}' means metrics of several units.")
    return next(iter(limits), quantity.value)


def _device(name: str, known: dict[str, DeviceProfile], workload: str) -> Budget:
    """Return the budget of a device: a peak in host memory holds the program's own memory too."""
    if name not in known:
        raise InputError(
            f"No device '{name}'.{did_you_mean(name, known)} Known: {', '.join(known)}. Give your "
            "own with --device-profile FILE."
        )
    profile = known[name]
    on_gpu = profile.memory == "gpu"
    peak = _DEVICE_PEAK if on_gpu else _HOST_PEAK
    limit = profile.budget_bytes if on_gpu else profile.total_bytes - profile.system_bytes
    return Budget(
        name=f"--device {name}",
        metrics=(peak.replace("*", workload),),
        op="<=",
        limit=max(0.0, limit),
        floor_metrics=tuple(each.replace("*", workload) for each in _WEIGHTS),
        floor_limit=profile.budget_bytes,
        on_gpu=None if on_gpu else ("memory/-/no_host_peak",),
    )


def _capability(texts: list[str]) -> dict[str, float]:
    found = {}
    for text in texts:
        name, equals, weight = text.partition("=")
        try:
            found[name.strip()] = float(weight) if equals else 1.0
        except ValueError as error:
            raise InputError(f"--by {text}: write METRIC or METRIC=WEIGHT.") from error
    return found


def _samples(made: Assembled, question: Question, runs: list[StoredRun]) -> SamplesOf | None:
    """Return a reader of samples where there are few enough to be read while somebody waits."""
    count = samples_behind(made, find_score(made, question))
    return scores_of(runs) if 0 < count <= MOST_SAMPLES else None
