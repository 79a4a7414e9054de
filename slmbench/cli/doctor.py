"""``slmbench doctor``: what this host has, what disturbs it, and what it can resolve today."""

from __future__ import annotations

import math
import shutil
import statistics
import tempfile
from typing import Annotated

import psutil
import typer

from slmbench import catalog
from slmbench.analyse.pair import block_ratios
from slmbench.analyse.resolution import advice, resolution_of
from slmbench.cli.ab import measured
from slmbench.cli.output import print_json, stderr, stdout
from slmbench.errors import InputError, RunError
from slmbench.execute.calibration import FixedWork, calibrate
from slmbench.meters.extra_checks import extra_checks
from slmbench.meters.gpus import gpu_states
from slmbench.meters.host_checks import counters, held_back, host_checks
from slmbench.meters.noise import host_noise
from slmbench.meters.sensor_checks import gpu_checks, sensor_checks
from slmbench.plan.model_text import parse_model
from slmbench.render.checkup_text import render_checkup
from slmbench.schema.checkup import Checkup, Resolution
from slmbench.schema.pair import PairSpec
from slmbench.store.pairs import open_pair
from slmbench.units import parse_quantity

#: (blocks, seconds of a turn) of the fixed work, and blocks of a model.
_FULL, _QUICK = (60, 0.03), (30, 0.01)
_MODEL_BLOCKS, _QUICK_MODEL_BLOCKS = 30, 12
_TIMES = ("ttft_s", "tpot_s", "e2e_s")


def command(
    difference: Annotated[
        str, typer.Option(help="The relative difference that is to be found: 5%.")
    ] = "5%",
    model: Annotated[
        str | None, typer.Option(help="Calibrate with this model, as for run, against itself.")
    ] = None,
    task: Annotated[str, typer.Option(help="The workload that the model runs.")] = "chat",
    include_path: Annotated[str | None, typer.Option(help="A further folder of tasks.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer and shorter turns.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Look at sensors, extras and the host, and say which differences can be shown on it now.

    Nothing is changed, nothing needs root, and the exit code is 0 whatever is found: it is 2 only
    for wrong input. The noise is that of a small fixed piece of work, or with --model of a real
    model against itself, which is the better guide.
    """
    wanted = _relative(difference)
    gpus = gpu_states()
    checks = [*sensor_checks(gpus), *gpu_checks(gpus)]
    free_disk = shutil.disk_usage(".").free
    free_memory = psutil.virtual_memory().available
    checks += host_checks(host_noise(0.5), free_memory, free_disk)
    before = counters()
    stderr.print("Measuring how noisy this host is ...", markup=False)
    if model is None:
        blocks, turn_s = _QUICK if quick else _FULL
        ratios, median_s = calibrate(FixedWork(turn_s).run, blocks)
        resolutions = [resolution_of(ratios, median_s, "fixed work, one thread", wanted)]
    else:
        blocks = _QUICK_MODEL_BLOCKS if quick else _MODEL_BLOCKS
        resolutions = _of_model(model, (task, include_path), blocks, wanted)
    checks += [*held_back(before), *extra_checks()]
    found = Checkup(
        checks=tuple(checks), resolutions=tuple(resolutions), advice=advice(resolutions)
    )
    if json:
        print_json(found.model_dump(mode="json"))
    else:
        stdout.print(render_checkup(found), markup=False, soft_wrap=True, end="")


def _of_model(
    text: str, work: tuple[str, str | None], blocks: int, wanted: float
) -> list[Resolution]:
    """Return what pairs of such a model could show, by measuring it against itself.

    Args:
        text: the model, as on the command line.
        work: the workload, and the further folder it may lie in.
        blocks: how many.
        wanted: the relative difference.

    Raises:
        RunError: a worker died.
    """
    task, include_path = work
    model = parse_model(text, tuple(catalog.names("backends")))
    asked = PairSpec(baseline=model, candidate=model, tasks=(task,), repeats=blocks, check=False)
    with tempfile.TemporaryDirectory(prefix="slmbench-doctor-") as folder:
        record, location = measured(asked, folder, include_path)
        turns = open_pair(location).turns
    if record.status != "done":
        raise RunError(f"The model could not be measured: {record.reason}.")
    turn_s = statistics.median([turn.elapsed_s for turn in turns])
    return [
        resolution_of(
            block_ratios(turns, task, metric), turn_s, f"{model.label} {task}/{metric}", wanted
        )
        for metric in _TIMES
    ]


def _relative(text: str) -> float:
    value = parse_quantity(text)
    if not math.isfinite(value) or not 0.0 < value < 1.0:
        raise InputError(f"--difference '{text}': write a share between 0 and 1, as 5% or 0.05.")
    return value
