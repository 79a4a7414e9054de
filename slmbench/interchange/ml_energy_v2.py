"""Read the ML.ENERGY Leaderboard's second format: a JSON file for each setting of a model.

``.../chat/H100 80GB HBM3/google/gemma-2-2b-it/bs64+tp1+pp1.json`` holds joules of a request,
seconds of a token and the batch size. The file doesn't name its workload: the folder does.
Format: github.com/ml-energy/leaderboard-v2, ``data/llm_text_generation``.
"""

from __future__ import annotations

import re
from typing import Any

from slmbench.errors import InputError
from slmbench.interchange.imported_record import ImportedHost, ImportedModel, imported_record
from slmbench.interchange.importing import ImportedRun, ImportFile
from slmbench.interchange.published_figure import (
    Job,
    metric,
    model_name,
    number,
    parameter_count,
    published,
    refuse,
    rounded_parameters,
)
from slmbench.schema.record import JobRecord, Origin

FORM = "ml-energy-v2"
_WORKLOAD = "ml_energy_v2"
CITATION = (
    "ML.ENERGY Leaderboard v2 (2024), https://github.com/ml-energy/leaderboard-v2; arXiv 2505.06371"
)
#: The files give no time; the language models' figures were last changed on this day.
_CREATED = "2024-09-19T00:00:00.000000+00:00"
_UNDATED = "the file gives no time: the run is dated at the last change of the published figures"
_NUMBERS = (
    "Energy/req (J)", "Avg TPOT (s)", "Token tput (tok/s)", "Avg Output Tokens", "Avg BS (reqs)",
)  # fmt: skip
_SETTING = ("TP", "PP", "Max BS (reqs)")
_FOLDER = re.compile(r"(?:.*_)?(chat|code)")


def recognises(file: ImportFile) -> bool:
    """Tell whether the file is one setting of a language model."""
    document = file.json if file.path.suffix == ".json" else None
    return isinstance(document, dict) and {"Model", "GPU", "Energy/req (J)"} <= document.keys()


def read(file: ImportFile) -> list[ImportedRun]:
    """Return the one run in the file.

    Raises:
        InputError: a key is missing or no number.
    """
    if not recognises(file):
        raise refuse(file, FORM)
    where = f"'{file.path.name}'"
    document = file.json
    for key in ("Model", "GPU", *_NUMBERS, *_SETTING):
        if key not in document:
            raise InputError(f"{where}: the key '{key}' is missing.")
    tensor, pipeline, batch = (_count(document, key, where) for key in _SETTING)
    model, gpu = model_name(document["Model"], where), str(document["GPU"])
    count = tensor * pipeline
    setting = f"bs{batch}" + ("" if count == 1 else f" tp{tensor} pp{pipeline}")
    served = gpu if count == 1 else f"{count} x {gpu}"
    hardware = {
        "gpu": f"{served}, batch {batch}",
        "gpu_model": gpu,
        "gpu_count": str(count),
        "max_batch_size": str(batch),
        "tensor_parallel": str(tensor),
        "pipeline_parallel": str(pipeline),
    }
    jobs = _jobs(document, _workload(file), setting, where)
    size, tables = rounded_parameters(file, model, levels=4)
    if size is not None:
        source = f"{CITATION}; rounded to billions in models.json"
        jobs.append(parameter_count(size, source))
    files = {each.path.name: each.sha256 for each in [file, *map(ImportFile, tables)]}
    origin = Origin(tool="ML.ENERGY v2", form=FORM, files=files, citation=CITATION)
    named = ImportedModel(name=model, parameter_count=size)
    record = imported_record(named, origin, jobs, _CREATED, ImportedHost(hardware=hardware))
    return [ImportedRun(record)]


def _jobs(document: dict[str, Any], workload: str, setting: str, where: str) -> list[JobRecord]:
    value = {key: number(document[key], f"{where}, {key}") for key in _NUMBERS}
    energy, length = value["Energy/req (J)"], value["Avg Output Tokens"]
    each = energy / length if energy is not None and length else None
    quotient = f"{CITATION}; published energy per request / mean output tokens"
    joules = [
        ("j_per_request", published(energy, "J", CITATION), False),
        ("j_per_output_token", published(each, "J", quotient), False),
    ]
    seconds = [
        ("tpot_s", published(value["Avg TPOT (s)"], "s", CITATION), False),
        ("output_tokens_per_s", published(value["Token tput (tok/s)"], "tokens/s", CITATION), True),
        ("output_tokens", published(length, "tokens", CITATION), None),
        ("mean_batch_size", published(value["Avg BS (reqs)"], "", CITATION), None),
    ]
    details = {"published": dict(document)}
    notes = (f"{document['GPU']}, {setting}; GPU energy in the steady state only", _UNDATED)
    return [
        Job(
            suite,
            workload,
            [metric(f"{suite}/{workload}/{name}", found, up) for name, found, up in figures],
            setting,
            notes,
            details,
        ).record()
        for suite, figures in (("energy", joules), ("latency", seconds))
    ]


def _count(document: dict[str, Any], key: str, where: str) -> int:
    value = document[key]
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InputError(f"{where}, {key}: '{value}' is not a count.")
    return value


def _workload(file: ImportFile) -> str:
    """Return the task's name from the nearest folder that tells it."""
    folders = [folder.name for folder in file.path.absolute().parents]
    for index, folder in enumerate(folders):
        found = _FOLDER.fullmatch(folder)
        if found:
            visual = any("mllm" in name for name in folders[index : index + 2])
            return f"{_WORKLOAD}_{'visual_' if visual else ''}{found[1]}"
    return f"{_WORKLOAD}_text_generation"
