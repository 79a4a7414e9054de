"""Read what llama.cpp's ``llama-bench -o json`` (or ``-o jsonl``) prints.

A run is one model under one configuration; each of its tests is a task: ``llama-bench-pp512``
reads 512 tokens of prompt, ``llama-bench-tg128`` writes 128, ``-d1024`` after 1,024 others. Times
are without tokenizer and sampler. Numbers are means over the repetitions, as llama-bench prints
them, with Student's interval. Its CSV, SQL and Markdown lack the repetitions and are not read.

Tested on a file that llama-bench wrote, of the llama.cpp in llama-cpp-python 0.3.36.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from slmbench.errors import InputError
from slmbench.interchange.imported_record import (
    UNKNOWN_TIME,
    ImportedHost,
    ImportedModel,
    imported_record,
)
from slmbench.interchange.importing import ImportedRun, ImportFile
from slmbench.interchange.tool_values import (
    UNKNOWN_COUNT,
    Better,
    Place,
    amount,
    amounts,
    count,
    kept,
    task_name,
    text,
    utc_time,
)
from slmbench.schema.record import Fingerprints, JobRecord, Metric, Origin, Sample

FORM = "llama-bench"
_KEYS = {"build_commit", "model_filename", "n_prompt", "n_gen", "avg_ts"}
#: What differs between the tests of one configuration; all else is the configuration.
_OF_A_TEST = {
    "n_prompt", "n_gen", "n_depth", "test_time", "avg_ns", "stddev_ns", "avg_ts", "stddev_ts",
    "samples_ns", "samples_ts",
}  # fmt: skip
#: The file type at the end of ``model_type``: ``llama 7B Q4_K - Medium``, ``qwen3 0.6B Q8_0``.
_FILE_TYPE = re.compile(r"\b((?:all )?(?:B?F(?:16|32)|I?Q\d\w*|TQ\d\w*|MXFP4\w*)(?: - \w+)?)\b.*$")


def recognises(file: ImportFile) -> bool:
    """Tell whether the file is llama-bench's JSON or JSON lines."""
    found = _entries(file)
    return found is not None and bool(found)


def read(file: ImportFile) -> list[ImportedRun]:
    """Return one run for each model and configuration, in the order of the file.

    Raises:
        InputError: an entry is no test of llama-bench.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for number, entry in enumerate(_entries(file) or [], start=1):
        if not isinstance(entry, dict) or not entry.keys() >= _KEYS:
            raise InputError(
                f"'{file.path.name}', entry {number}: not a test of llama-bench (it needs "
                f"{', '.join(sorted(_KEYS))}). Write the file again with -o json."
            )
        setting = {key: kept(entry[key]) for key in sorted(entry.keys() - _OF_A_TEST)}
        setting["model_filename"] = text(entry["model_filename"])
        groups.setdefault(json.dumps(setting, sort_keys=True, allow_nan=False), []).append(entry)
    if not groups:
        raise InputError(f"'{file.path.name}' holds no test of llama-bench.")
    return [_run(file, entries) for entries in groups.values()]


def _entries(file: ImportFile) -> list[Any] | None:
    """Return the entries of a file, or None where its first one is none of llama-bench."""
    found = file.json
    if isinstance(found, dict):
        found = [found]
    if found is None:
        lines = [line for line in file.text.splitlines() if line.strip()]
        try:
            first = json.loads(lines[0]) if lines else None
            is_ours = isinstance(first, dict) and first.keys() >= _KEYS
            found = [_line(line) for line in lines] if is_ours else None
        except (ValueError, RecursionError):
            return None
    if not isinstance(found, list) or not found or not isinstance(found[0], dict):
        return None
    return found if found[0].keys() >= _KEYS else None


def _line(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _run(file: ImportFile, entries: list[Mapping[str, Any]]) -> ImportedRun:
    first = entries[0]
    build, commit = count(first.get("build_number")), text(first["build_commit"])
    # A build outside git counts as 0 and of an unknown commit.
    version = f"b{build}" if build else commit.replace("unknown", "")
    tool = f"llama-bench {version}".strip()
    how = f"imported: {tool}"
    jobs: dict[str, JobRecord] = {}
    samples: dict[str, list[Sample]] = {}
    for entry in entries:
        task = _task(entry)
        number = 2
        while f"latency/{task}" in jobs:
            task, number = f"{_task(entry)}-{number}", number + 1
        job, repeats = _job(Place("latency", task, how), entry)
        jobs[job.job_id], samples[job.job_id] = job, repeats
    times = sorted(filter(None, (utc_time(entry.get("test_time")) for entry in entries)))
    record = imported_record(
        _model(first),
        Origin(tool=tool, form=FORM, files={file.path.name: file.sha256}),
        [*jobs.values(), *_weights(Place("memory", FORM, how), first)],
        times[0] if times else UNKNOWN_TIME,
        _host(first),
    )
    return ImportedRun(record, samples)


def _task(entry: Mapping[str, Any]) -> str:
    prompt, written = count(entry["n_prompt"]) or 0, count(entry["n_gen"]) or 0
    depth = count(entry.get("n_depth")) or 0
    parts = [f"pp{prompt}"] * bool(prompt) + [f"tg{written}"] * bool(written)
    return task_name(FORM, *parts, *[f"d{depth}"] * bool(depth))


def _job(place: Place, entry: Mapping[str, Any]) -> tuple[JobRecord, list[Sample]]:
    prompt, written = count(entry["n_prompt"]) or 0, count(entry["n_gen"]) or 0
    rates = amounts(entry.get("samples_ts"))
    lengths = amounts(entry.get("samples_ns"))
    seconds = [each / 1e9 for each in lengths] if lengths else None
    metrics: list[Metric] = []
    columns: dict[str, list[float]] = {}

    def add(name: str, values: list[float] | None, mean: float | None, unit: str) -> None:
        better: Better = "lower" if unit == "s" else "higher"
        if values:
            told = f"mean of {len(values)} repetitions, without tokenizer and sampler"
            metrics.append(place.mean(name, values, unit, told))
            columns[name] = values
        elif mean is not None:
            told = "mean, without tokenizer and sampler; the file does not hold its repetitions"
            metrics.append(place.metric(name, place.known(mean, unit, told, UNKNOWN_COUNT), better))
        else:
            metrics.append(place.absent(name, "the file gives no number for it", better))

    average = amount(entry["avg_ts"])
    length = amount(entry.get("avg_ns"))
    length_s = None if length is None else length / 1e9
    if prompt and written:
        add("e2e_s", seconds, length_s, "s")
    elif prompt:
        add("prefill_tokens_per_s", rates, average, "tokens/s")
    elif written:
        add("decode_tokens_per_s", rates, average, "tokens/s")
        each = None if seconds is None else [length / written for length in seconds]
        add("tpot_s", each, None if length_s is None else length_s / written, "s")
    samples = _samples(columns, prompt, written)
    job = JobRecord(
        job_id=f"latency/{place.task}", suite="latency", task=place.task, status="done",
        sample_count=len(samples), fingerprints=Fingerprints(task=_setting(entry)),
        metrics=tuple(metrics), details={FORM: kept(_nameless(entry))},
    )  # fmt: skip
    return job, samples


def _samples(columns: Mapping[str, list[float]], prompt: int, written: int) -> list[Sample]:
    """Return a sample of each repetition that every column has."""
    repeats = min((len(values) for values in columns.values()), default=0)
    return [
        Sample(
            sample_id=f"repetition-{number}",
            content_hash=f"{FORM} pp{prompt} tg{written} repetition {number}",
            scores={name: values[number] for name, values in columns.items()},
            input_tokens=prompt,
            output_tokens=written,
        )
        for number in range(repeats)
    ]


def _setting(entry: Mapping[str, Any]) -> str:
    """Return what else two tests must share to be compared."""
    names = ("n_batch", "n_ubatch", "type_k", "type_v", "flash_attn", "n_depth")
    return " ".join(f"{name}={kept(entry[name])}"[:60] for name in names if name in entry)


def _nameless(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry without the folders of the model's file."""
    return {**entry, "model_filename": _file_of(entry)}


def _file_of(entry: Mapping[str, Any]) -> str:
    return re.split(r"[/\\]", text(entry["model_filename"]).rstrip("/\\"))[-1]


def _weights(place: Place, entry: Mapping[str, Any]) -> list[JobRecord]:
    size = amount(entry.get("model_size"))
    if not size:
        return []
    value = place.known(size, "bytes", "model_size: the sum of the file's tensors", 1)
    return [
        JobRecord(
            job_id=f"memory/{place.task}", suite="memory", task=place.task, status="done",
            metrics=(place.metric("weight_bytes", value, "lower"),),
        )
    ]  # fmt: skip


def _model(entry: Mapping[str, Any]) -> ImportedModel:
    kind = text(entry.get("model_type"))
    found = _FILE_TYPE.search(kind)
    return ImportedModel(
        name=_file_of(entry).removesuffix(".gguf") or "unnamed",
        architecture=kind.split(" ")[0] or None,
        parameter_count=count(entry.get("model_n_params")) or None,
        device=text(entry.get("backends")) or None,
        quantization=found[1] if found else "",
    )


def _host(entry: Mapping[str, Any]) -> ImportedHost:
    hardware = {"cpu": text(entry.get("cpu_info")), "gpu": text(entry.get("gpu_info"))}
    threads = count(entry.get("n_threads"))
    software = {
        "llama.cpp": f"{kept(entry.get('build_number'))} ({text(entry['build_commit'])})",
        "threads": "" if threads is None else str(threads),
    }
    return ImportedHost(
        hardware={key: value for key, value in hardware.items() if value},
        software={key: value for key, value in software.items() if value},
    )
