"""What a results file of lm-eval says beside its numbers: model, host, time, and the rest of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from slmbench.interchange.imported_record import UNKNOWN_TIME, ImportedHost, ImportedModel
from slmbench.interchange.importing import ImportFile
from slmbench.interchange.kept_json import keep_json
from slmbench.interchange.lm_eval_counts import limit_of
from slmbench.interchange.lm_eval_samples import date_of
from slmbench.schema.record import RunRecord

#: The tables of a results file that hold one entry for each task or group.
PER_TASK = (
    "groups", "group_subtasks", "configs", "versions", "n-shot", "higher_is_better", "n-samples",
    "task_hashes",
)  # fmt: skip
_RESULTS = "results"
#: In this order, as lm-eval looks for a model's name: an adapter stands before its base.
_NAMES = ("peft", "delta", "pretrained", "model", "path", "engine")
_ADAPTED = {"load_in_8bit": "bnb-8bit", "load_in_4bit": "bnb-4bit"}


def task_details(document: Mapping[str, Any], task: str) -> dict[str, Any]:
    """Return all that a document says of one task, as it stands there, for a job's details."""
    return {
        _RESULTS: keep_json(document[_RESULTS][task]),
        **{
            key: keep_json(document[key][task])
            for key in PER_TASK
            if isinstance(document.get(key), dict) and task in document[key]
        },
    }


def file_details(file: ImportFile, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rest of a document, and the order of its keys; `whole_document` puts it back."""
    tasks = document[_RESULTS].keys()
    tables = [key for key in PER_TASK if isinstance(document.get(key), dict)]
    return {
        "bare": _RESULTS not in file.json,
        "end": "\n" if file.text.endswith("\n") else "",
        "order": list(document),
        "rest": {k: keep_json(v) for k, v in document.items() if k not in (_RESULTS, *tables)},
        "tables": {
            key: {
                "order": list(document[key]),
                "other": {k: keep_json(v) for k, v in document[key].items() if k not in tasks},
            }
            for key in tables
        },
    }


def whole_document(jobs: Mapping[str, Mapping[str, Any]], rest: Mapping[str, Any]) -> Any:
    """Return a document as it was read, from its tasks' details and the rest of it.

    NaN and infinities are spelled out in it; see `slmbench.interchange.kept_json`.
    """
    found: dict[str, Any] = {}
    for key in rest["order"]:
        if key == _RESULTS:
            found[key] = {task: own[_RESULTS] for task, own in jobs.items()}
        elif key in rest["tables"]:
            table = rest["tables"][key]
            of = {**{name: own[key] for name, own in jobs.items() if key in own}, **table["other"]}
            found[key] = {name: of[name] for name in table["order"]}
        else:
            found[key] = rest["rest"][key]
    return found[_RESULTS] if rest["bare"] else found


def names_no_model(document: Mapping[str, Any]) -> bool:
    """Tell whether a document leaves open which model it is of."""
    return _given_name(document) is None


def model_of(document: Mapping[str, Any], path: Path) -> ImportedModel:
    """Return the model as a document names it; where it does not, the folder's name stands in.

    A model on a disk has the last part of its path, a hub id is kept whole, and a revision other
    than ``main`` belongs to the name.
    """
    config = _config(document)
    arguments = _arguments(config.get("model_args"))
    name = _given_name(document)
    if name is None:
        name = path.resolve().parent.name.replace("__", "/", 1) or "unnamed"
    revision = arguments.get("revision", "main")
    count = config.get("model_num_parameters")
    adapted = [text for key, text in _ADAPTED.items() if arguments.get(key) in ("True", "true")]
    return ImportedModel(
        name=_short(name) + ("" if revision in ("main", "") else f"@{revision}"),
        parameter_count=count if type(count) is int and 0 < count < 2**53 else None,
        dtype=_text(config.get("model_dtype") or arguments.get("dtype")).removeprefix("torch.")
        or None,
        device=_text(config.get("device")) or None,
        quantization=",".join(adapted),
        weights=_text(config.get("model_sha")),
        chat_template=_text(document.get("chat_template_sha")),
    )


def created_of(document: Mapping[str, Any], path: Path) -> str:
    """Return when the run was made, ISO 8601 in UTC: the file's date, or that in its name.

    The name has the local time of an unknown place; it is taken as it stands.
    """
    date = document.get("date")
    try:
        if isinstance(date, int | float) and not isinstance(date, bool) and date > 0:
            return datetime.fromtimestamp(date, UTC).isoformat(timespec="microseconds")
        named = date_of(path)
        if named is not None:
            day, _, clock = named.partition("T")
            found = datetime.fromisoformat(f"{day}T{clock.replace('-', ':')}")
            return found.replace(tzinfo=UTC).isoformat(timespec="microseconds")
    except (ValueError, OverflowError, OSError):
        pass
    return UNKNOWN_TIME


def host_of(document: Mapping[str, Any], version: str) -> ImportedHost:
    """Return what a document says of the machine, from torch's report, and of the software."""
    report = _text(document.get("pretty_env_info"))
    gpus = [match.strip() for match in re.findall(r"^GPU \d+: (.+)$", report, re.M)]
    hardware = {
        "gpu": ", ".join(sorted({gpu.split(" (UUID")[0] for gpu in gpus})),
        "gpu_count": str(len(gpus)) if gpus else "",
        "cpu": _found(r"^Model name:\s+(.+)$", report),
    }
    software = {
        "lm-eval": version,
        "git": _text(document.get("git_hash")),
        "transformers": _text(document.get("transformers_version")),
        "torch": _found(r"^PyTorch version: (.+)$", report),
        "python": _found(r"^Python version: (\S+)", report),
        "os": _found(r"^OS: (.+)$", report),
    }
    return ImportedHost(
        hardware={key: text for key, text in hardware.items() if text},
        software={key: text for key, text in software.items() if text},
    )


def asked_as(record: RunRecord, document: Mapping[str, Any]) -> RunRecord:
    """Return a run whose spec says how lm-eval was asked, as far as the document tells.

    Its id stays: the file's hash is in it. Of lm-eval's four seeds the one of the few-shot examples
    counts, since it changes what is asked.
    """
    config = _config(document)
    seeds = (config.get("fewshot_seed"), config.get("random_seed"))
    turns = document.get("fewshot_as_multiturn")
    told = {
        "limit": limit_of(document),
        "seed": next((each for each in seeds if type(each) is int and 0 <= each < 2**53), None),
        "system_instruction": _text(document.get("system_instruction")) or None,
        "fewshot_as_multiturn": turns if isinstance(turns, bool) else None,
    }
    if not record.spec.apply_chat_template:
        del told["fewshot_as_multiturn"]
    known = {key: value for key, value in told.items() if value is not None}
    return record.model_copy(update={"spec": record.spec.model_copy(update=known)})


def _given_name(document: Mapping[str, Any]) -> str | None:
    config = _config(document)
    arguments = _arguments(config.get("model_args"))
    candidates = [
        document.get("model_name"),
        *(arguments.get(key) for key in _NAMES),
        document.get("model"),
    ]
    return next((each for each in candidates if isinstance(each, str) and each.strip()), None)


def _short(name: str) -> str:
    parts = [part for part in re.split(r"[/\\]", name.strip()) if part]
    on_disk = name.startswith(("/", ".", "~")) or len(parts) != 2
    return (parts[-1] if parts else name) if on_disk else "/".join(parts)


def _arguments(given: Any) -> dict[str, str]:
    """Return lm-eval's model arguments: ``a=b,c=d`` in old files, a dict in new ones."""
    if isinstance(given, dict):
        return {str(key): str(value) for key, value in given.items()}
    pairs = [each.partition("=") for each in _text(given).split(",")]
    return {key.strip(): value.strip() for key, equals, value in pairs if equals}


def _config(document: Mapping[str, Any]) -> Mapping[str, Any]:
    config = document.get("config")
    return config if isinstance(config, dict) else {}


def _found(pattern: str, report: str) -> str:
    match = re.search(pattern, report, re.M)
    return match[1].strip() if match else ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
