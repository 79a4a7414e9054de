"""Read the ML.ENERGY Leaderboard's first tables: a CSV for each GPU and task, and its scores.

``A100_chat_benchmark.csv`` has a model in each row: mean joules, seconds and tokens of a response.
Requests were served one at a time (batch size 1) in FP16. ``score.csv`` has the models' accuracy.
Format: github.com/ml-energy/leaderboard-v2, ``data/legacy`` and its README.
"""

from __future__ import annotations

import re

from slmbench.errors import InputError
from slmbench.interchange.imported_record import ImportedHost, ImportedModel, imported_record
from slmbench.interchange.importing import ImportedRun, ImportFile
from slmbench.interchange.published_figure import (
    Job,
    header_of,
    metric,
    model_name,
    number,
    parameter_count,
    published,
    refuse,
    rounded_parameters,
    rows_of,
)
from slmbench.schema.record import JobRecord, Metric, Origin

FORM = "ml-energy-v1"
_WORKLOAD = "ml_energy_v1"
CITATION = "ML.ENERGY Leaderboard v1 (2023), https://github.com/ml-energy/leaderboard-v2"
#: The files give no time; these tables were last changed on this day.
_CREATED = "2023-09-29T00:00:00.000000+00:00"
_UNDATED = "the file gives no time: the run is dated at the last change of the published tables"
_FIGURES = frozenset({"model", "throughput", "response_length", "latency", "energy"})
_SCORES = frozenset({"model", "arc", "hellaswag", "truthfulqa"})
_NAME = re.compile(r"(?P<gpu>[A-Za-z0-9-]+)_(?P<task>[a-z-]+)_benchmark\.csv")
#: Column of the scores -> task, few-shot examples and metric, as the board's about page has them.
_TASKS = {
    "arc": ("arc_challenge_25shot", 25, "acc_norm"),
    "hellaswag": ("hellaswag_10shot", 10, "acc_norm"),
    "truthfulqa": ("truthfulqa_mc2_0shot", 0, "acc"),
}


def recognises(file: ImportFile) -> bool:
    """Tell whether the file is one of the tables."""
    header = header_of(file)
    return header >= _FIGURES or header == _SCORES


def read(file: ImportFile) -> list[ImportedRun]:
    """Return one run for each row.

    Raises:
        InputError: a row is damaged, or the file's name doesn't tell GPU and task.
    """
    if not recognises(file):
        raise refuse(file, FORM)
    if header_of(file) == _SCORES:
        return [_scored(file, row, line) for line, row in enumerate(rows_of(file), start=2)]
    found = _NAME.fullmatch(file.path.name)
    if found is None:
        raise InputError(
            f"'{file.path.name}': the name must tell GPU and task, as A100_chat_benchmark.csv does."
        )
    gpu, task = found["gpu"], found["task"]
    return [_measured(file, row, line, gpu, task) for line, row in enumerate(rows_of(file), 2)]


def _measured(file: ImportFile, row: dict[str, str], line: int, gpu: str, task: str) -> ImportedRun:
    where = f"'{file.path.name}', line {line}"
    value = {name: number(row[name], f"{where}, {name}") for name in sorted(_FIGURES - {"model"})}
    energy, length = value["energy"], value["response_length"]
    batch = row.get("batch_size") or "1"
    setting = f"bs{batch} {gpu}"
    workload = f"{_WORKLOAD}_{task.replace('-', '_')}"
    each = energy / length if energy is not None and length else None
    quotient = f"{CITATION}; published energy / response_length"
    joules = [
        metric(f"energy/{workload}/j_per_request", published(energy, "J", CITATION), False),
        metric(f"energy/{workload}/j_per_output_token", published(each, "J", quotient), False),
    ]
    seconds = [
        metric(f"latency/{workload}/e2e_s", published(value["latency"], "s", CITATION), False),
        _rate(workload, value["throughput"]),
        metric(f"latency/{workload}/output_tokens", published(length, "tokens", CITATION), None),
    ]
    notes = (f"{gpu}, batch size {batch}, FP16; GPU energy only", _UNDATED)
    details = {"published": dict(row), "line": line}
    jobs = [
        Job("energy", workload, joules, setting, notes, details).record(),
        Job("latency", workload, seconds, setting, notes, details).record(),
    ]
    hardware = {"gpu": f"NVIDIA {gpu}, batch {batch}", "gpu_model": gpu, "batch_size": batch}
    return _run(file, model_name(row["model"], where), jobs, ImportedHost(hardware=hardware))


def _rate(workload: str, value: float | None) -> Metric:
    path = f"latency/{workload}/output_tokens_per_s"
    return metric(path, published(value, "tokens/s", CITATION), True)


def _scored(file: ImportFile, row: dict[str, str], line: int) -> ImportedRun:
    where = f"'{file.path.name}', line {line}"
    jobs = []
    for column, (task, shots, name) in _TASKS.items():
        percent = number(row[column], f"{where}, {column}")
        value = published(None if percent is None else percent / 100.0, "", CITATION)
        found = metric(f"accuracy/{task}/{name}", value, True)
        details = {"published": {column: row[column]}, "num_fewshot": shots, "line": line}
        notes = (f"{shots}-shot, as ML.ENERGY ran lm-eval", _UNDATED)
        jobs.append(Job("accuracy", task, [found], f"{shots}-shot", notes, details).record())
    return _run(file, model_name(row["model"], where), jobs, None)


def _run(
    file: ImportFile, model: str, jobs: list[JobRecord], host: ImportedHost | None
) -> ImportedRun:
    size, tables = rounded_parameters(file, model, levels=0)
    if size is not None:
        source = f"{CITATION}; rounded to billions in models.json"
        jobs.append(parameter_count(size, source))
    files = {each.path.name: each.sha256 for each in [file, *map(ImportFile, tables)]}
    origin = Origin(tool="ML.ENERGY v1", form=FORM, files=files, citation=CITATION)
    named = ImportedModel(name=model, parameter_count=size, dtype="float16")
    return ImportedRun(imported_record(named, origin, jobs, _CREATED, host))
