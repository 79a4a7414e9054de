"""Read the ML.ENERGY Leaderboard's third format: a JSON document with many settings.

Either one model on one task (``data/models/Qwen__Qwen3-8B__gpqa.json``, with the lengths of the
answers, so that the number of requests is known), or all models on one task
(``data/tasks/gpqa.json``). Pictures and videos are not language: those tasks are refused.
Format: github.com/ml-energy/leaderboard, ``src/types.ts`` and ``public/data``.
"""

from __future__ import annotations

from typing import Any

from slmbench.errors import InputError
from slmbench.interchange.imported_record import ImportedHost, ImportedModel, imported_record
from slmbench.interchange.importing import ImportedRun, ImportFile
from slmbench.interchange.published_figure import (
    UNKNOWN_COUNT,
    Job,
    metric,
    model_name,
    number,
    parameter_count,
    published,
    refuse,
)
from slmbench.schema.record import JobRecord, Origin

FORM = "ml-energy-v3"
_WORKLOAD = "ml_energy_v3"
CITATION = "ML.ENERGY Leaderboard v3 (2026), https://ml.energy/leaderboard; arXiv 2505.06371"
#: The files give no time; the index beside them was last updated on this day.
_CREATED = "2026-02-16T00:00:00.000000+00:00"
_UNDATED = "the file gives no time: the run is dated at the last update of the published figures"
#: Key -> suite, metric, unit, divisor, and whether more is better.
_FIGURES: dict[str, tuple[str, str, str, float, bool | None]] = {
    "energy_per_token_joules": ("energy", "j_per_output_token", "J", 1.0, False),
    "energy_per_request_joules": ("energy", "j_per_request", "J", 1.0, False),
    "avg_power_watts": ("energy", "mean_power_w", "W", 1.0, None),
    "median_itl_ms": ("latency", "itl_s@p50", "s", 1000.0, False),
    "p90_itl_ms": ("latency", "itl_s@p90", "s", 1000.0, False),
    "p95_itl_ms": ("latency", "itl_s@p95", "s", 1000.0, False),
    "p99_itl_ms": ("latency", "itl_s@p99", "s", 1000.0, False),
    "output_throughput_tokens_per_sec": (
        "latency", "output_tokens_per_s", "tokens/s", 1.0, True,
    ),
    "avg_output_len": ("latency", "output_tokens", "tokens", 1.0, None),
    "avg_batch_size": ("latency", "mean_batch_size", "", 1.0, None),
}  # fmt: skip
_NEEDED = ("gpu_model", "num_gpus", "energy_per_token_joules", "median_itl_ms")


def recognises(file: ImportFile) -> bool:
    """Tell whether the file is a model's or a task's document."""
    document = file.json if file.path.suffix == ".json" else None
    if not isinstance(document, dict) or "task" not in document:
        return False
    settings = document.get("configurations")
    first = settings[0] if isinstance(settings, list) and settings else None
    return isinstance(first, dict) and {"gpu_model", "num_gpus"} <= first.keys()


def read(file: ImportFile) -> list[ImportedRun]:
    """Return one run for each setting of each model.

    Raises:
        InputError: the task makes pictures or videos, or a setting is damaged.
    """
    if not recognises(file):
        raise refuse(file, FORM)
    document = file.json
    common = {key: value for key, value in document.items() if key != "configurations"}
    runs = []
    for place, setting in enumerate(document["configurations"], start=1):
        where = f"'{file.path.name}', configuration {place}"
        if not isinstance(setting, dict):
            raise InputError(f"{where}: it must be a mapping of keys.")
        if "batch_latency_s" in setting:
            raise InputError(
                f"'{file.path.name}': the task '{document['task']}' makes pictures or videos. "
                "Import the tasks of language models: gpqa, lm-arena-chat, sourcegraph-fim."
            )
        runs.append(_run(file, {**common, **setting}, str(document["task"]), where))
    return runs


def _run(file: ImportFile, setting: dict[str, Any], task: str, where: str) -> ImportedRun:
    for key in ("model_id", *_NEEDED):
        if key not in setting:
            raise InputError(f"{where}: the key '{key}' is missing.")
    gpu, count = str(setting["gpu_model"]), setting["num_gpus"]
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise InputError(f"{where}, num_gpus: '{count}' is not a count.")
    layout = {**_mapping(setting.get("parallelization")), **setting}
    # One GPU goes without saying, as it does in the second format: "bs64".
    limits = {
        "bs": setting.get("max_num_seqs"),
        "tok": setting.get("max_num_batched_tokens"),
        "gpus": count,
        "tp": layout.get("tensor_parallel"),
        "ep": layout.get("expert_parallel"),
        "dp": layout.get("data_parallel"),
    }
    told = " ".join(
        f"{name}{value}"
        for name, value in limits.items()
        if value is not None and (value != 1 or name in ("bs", "tok"))
    )
    jobs = _jobs(setting, f"{_WORKLOAD}_{task.replace('-', '_')}", told, where)
    size = _size(setting, where)
    if size is not None:
        jobs.append(parameter_count(size, f"{CITATION}; total parameters, as the board gives them"))
    served = gpu if count == 1 else f"{count} x {gpu}"
    batch = setting.get("max_num_seqs")
    hardware = {
        "gpu": served if batch is None else f"{served}, batch {batch}",
        "gpu_model": gpu,
        "serving": told,
    }
    origin = Origin(
        tool="ML.ENERGY v3", form=FORM, files={file.path.name: file.sha256}, citation=CITATION
    )
    model = ImportedModel(
        name=model_name(setting["model_id"], where),
        architecture=_text(setting.get("architecture")),
        parameter_count=size,
        dtype=_text(setting.get("weight_precision")),
    )
    return ImportedRun(
        imported_record(model, origin, jobs, _CREATED, ImportedHost(hardware=hardware))
    )


def _jobs(setting: dict[str, Any], workload: str, told: str, where: str) -> list[JobRecord]:
    counts = _mapping(setting.get("output_length_distribution")).get("counts")
    known = isinstance(counts, list) and all(isinstance(c, int) and c >= 0 for c in counts)
    n = sum(counts) if known and isinstance(counts, list) else UNKNOWN_COUNT
    found: dict[str, list[Any]] = {"energy": [], "latency": []}
    for key, (suite, name, unit, divisor, up) in _FIGURES.items():
        if key not in setting:
            continue
        value = number(setting[key], f"{where}, {key}")
        scaled = None if value is None else value / divisor
        found[suite].append(
            metric(f"{suite}/{workload}/{name}", published(scaled, unit, CITATION, n), up)
        )
    notes = (f"{setting['gpu_model']}, {told}; GPU energy in the steady state only", _UNDATED)
    details = {"published": {key: value for key, value in setting.items() if key != "timelines"}}
    return [
        Job(suite, workload, metrics, told, notes, details if suite == "energy" else {}).record()
        for suite, metrics in found.items()
    ]


def _size(setting: dict[str, Any], where: str) -> int | None:
    billions = number(setting.get("total_params_billions"), f"{where}, total_params_billions")
    return round(billions * 1e9) if billions is not None and billions > 0 else None


def _mapping(raw: object) -> dict[str, Any]:
    return raw if isinstance(raw, dict) else {}


def _text(raw: object) -> str | None:
    return raw if isinstance(raw, str) else None
