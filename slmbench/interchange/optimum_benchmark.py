"""Read the ``benchmark.json`` of optimum-benchmark's inference scenario.

Times are those of the lists of single repeats: prefill is ``ttft_s``, generate ``e2e_s``, decode
over the tokens after the first ``tpot_s``, per_token ``itl_s`` where it has as many gaps as were
made (0.6.0 repeats those of earlier repeats); token rates follow from them and from the lengths in
the file. Its own throughput of generate is of tokens, under the name of samples, where tokens are
timed one by one: it stays in the details. Memory is the highest of all targets (MB are 10^6
bytes). Its energy is codecarbon's, and so estimated.

Tested on a file that optimum-benchmark 0.6.0 wrote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from slmbench.errors import InputError
from slmbench.interchange.imported_record import UNKNOWN_TIME, imported_record
from slmbench.interchange.importing import ImportedRun, ImportFile
from slmbench.interchange.optimum_work import Work
from slmbench.interchange.request_series import LATENCY_QUANTILES
from slmbench.interchange.tool_values import (
    Place,
    amount,
    at,
    kept,
    table,
    task_name,
)
from slmbench.schema.record import Fingerprints, JobRecord, Metric, Origin, Sample
from slmbench.stats.grouped import FEWEST_GROUPS

FORM = "optimum-benchmark"
_TARGETS = {"load_model", "prefill", "decode", "generate", "per_token", "forward"}
_MEASURED = {"memory", "latency", "throughput", "energy", "efficiency"}
_CONFIG = {"backend", "scenario", "launcher", "environment"}
_J_PER_KWH = 3.6e6
_MEMORY = {
    "peak_resident_bytes": "max_ram",
    "peak_device_bytes": "max_allocated",
    "peak_device_reserved_bytes": "max_reserved",
    "process_device_bytes": "max_process_vram",
}
_UNDATED = "the file says no time, so the run is dated at the beginning of 1970"
_REPEAT = "each repeat is one batch, without tokenizer"


def recognises(file: ImportFile) -> bool:
    """Tell whether the file is a benchmark, or the configuration or report of one."""
    found = table(file.json)
    return _is_whole(found) or found.keys() >= _CONFIG or _is_report(found)


def part_of(file: ImportFile) -> Path | None:
    """Return the benchmark.json beside a report or a configuration: it has both in it."""
    whole = file.path.with_name("benchmark.json")
    return whole if not _is_whole(table(file.json)) and whole.is_file() else None


def read(file: ImportFile) -> list[ImportedRun]:
    """Return the one run of a benchmark.

    Raises:
        InputError: the file has no model in it, or is not of text generation or a forward pass.
    """
    document = table(file.json)
    if not _is_whole(document):
        raise InputError(
            f"'{file.path.name}' has not both a configuration and a report: import the "
            "benchmark.json that optimum-benchmark writes beside it."
        )
    work = _work(file, document)
    tool = f"optimum-benchmark {work.version}".strip()
    task = task_name(FORM, *work.lengths)
    how = f"imported: {tool}"
    latency, samples = _latency(Place("latency", task, how), work)
    jobs = [latency, _memory(Place("memory", task, how), work)]
    jobs.append(_energy(Place("energy", task, f"estimated: codecarbon, by {tool}"), work))
    details = {"config": kept(document["config"]), "report": kept(document["report"])}
    kept_jobs = [job for job in jobs if job.metrics]
    if not kept_jobs:
        raise InputError(f"'{file.path.name}': nothing was measured of latency, memory or energy.")
    kept_jobs[0] = kept_jobs[0].model_copy(update={"details": {FORM: details}})
    record = imported_record(
        work.model,
        Origin(tool=tool, form=FORM, files={file.path.name: file.sha256}),
        kept_jobs,
        UNKNOWN_TIME,
        work.host,
    )
    return [ImportedRun(record, {latency.job_id: samples} if latency.metrics else {})]


def _is_whole(found: Mapping[str, Any]) -> bool:
    config, report = table(found.get("config")), table(found.get("report"))
    return config.keys() >= {"backend", "scenario"} and _is_report(report)


def _is_report(found: Mapping[str, Any]) -> bool:
    return any(table(found.get(name)).keys() >= {"latency", "memory"} for name in _TARGETS)


def _work(file: ImportFile, document: Mapping[str, Any]) -> Work:
    work = Work(f"'{file.path.name}'", table(document["config"]), table(document["report"]))
    known = {"generate", "prefill", "decode", "forward"}
    if not known & work.report.keys():
        raise InputError(f"{work.where}: neither text generation nor a forward pass was measured.")
    return work


def _latency(place: Place, work: Work) -> tuple[JobRecord, list[Sample]]:
    steps = work.new_tokens - 1 if work.new_tokens and work.new_tokens > 1 else None
    whole = "generate" if "generate" in work.report else "forward"
    prefill, decode = work.times("prefill"), work.times("decode")
    columns: dict[str, list[float]] = {"ttft_s": prefill, "e2e_s": work.times(whole)}
    if steps:
        columns["tpot_s"] = [each / steps for each in decode]
    if work.batch and work.prompt_tokens:
        columns["prefill_tokens_per_s"] = _rates(work.batch * work.prompt_tokens, prefill)
    if work.batch and steps:
        columns["decode_tokens_per_s"] = _rates(work.batch * work.beams * steps, decode)
    metrics: list[Metric] = []
    for name, values in columns.items():
        unit = "s" if name.endswith("_s") and "_per_" not in name else "tokens/s"
        for q in LATENCY_QUANTILES if unit == "s" else (None,):
            if values:
                metrics.append(place.quantile(name, values, q, unit, _REPEAT))
    metrics += _gaps(place, work, steps)
    for seconds in work.times("load_model")[:1]:
        known = place.known(seconds, "s", "reading the model from disk, once", 1)
        metrics.append(place.metric("load_s", known, "lower"))
    samples = _samples({name: each for name, each in columns.items() if each}, work)
    job = JobRecord(
        job_id=f"latency/{place.task}", suite="latency", task=place.task, status="done",
        sample_count=len(samples), fingerprints=Fingerprints(task=work.setting),
        metrics=tuple(metrics), notes=(_UNDATED,),
    )  # fmt: skip
    return job, samples


def _rates(tokens: int, seconds: Sequence[float]) -> list[float]:
    """Return tokens a second of each repeat; none where the clock did not move in one."""
    return [tokens / each for each in seconds] if all(each > 1e-9 for each in seconds) else []


def _gaps(place: Place, work: Work, steps: int | None) -> list[Metric]:
    """Return the quantiles of the gaps between tokens; those of one repeat move together."""
    gaps, repeats = work.times("per_token"), len(work.times("decode"))
    if not gaps:
        return []
    if not steps or len(gaps) != repeats * steps:
        # 0.6.0 never empties its list of events, so that gaps of earlier repeats come again.
        why = (
            f"per_token holds {len(gaps)} gaps, and not the {steps or 'unknown number of'} of each "
            f"of {repeats} repeats"
        )
        return [place.absent("itl_s", why, "lower")]
    groups = [gaps[start : start + steps] for start in range(0, len(gaps), steps)]
    used = groups if len(groups) >= FEWEST_GROUPS else [gaps]
    found = [
        place.quantile("itl_s", gaps, q, "s", f"{_REPEAT}; gaps pooled", used)
        for q in LATENCY_QUANTILES
    ]
    return [each.model_copy(update={"aggregation": None}) for each in found]


def _samples(columns: Mapping[str, list[float]], work: Work) -> list[Sample]:
    """Return a sample of each repeat; where a target was repeated less often, it is unscored."""
    repeats = max((len(values) for values in columns.values()), default=0)
    tokens = (work.prompt_tokens, work.new_tokens)
    sizes = [each * work.batch if each and work.batch else None for each in tokens]
    return [
        Sample(
            sample_id=f"repeat-{number}",
            content_hash=f"{FORM} {' '.join(work.lengths)} repeat {number}",
            scores={name: each[number] for name, each in columns.items() if number < len(each)},
            unscored={
                name: "this was repeated less often"
                for name, each in columns.items()
                if number >= len(each)
            },
            input_tokens=sizes[0],
            output_tokens=sizes[1],
        )
        for number in range(repeats)
    ]


def _memory(place: Place, work: Work) -> JobRecord:
    metrics = []
    for name, theirs in _MEMORY.items():
        found = [amount(at(each, "memory", theirs)) for each in work.report.values()
                 if at(each, "memory", "unit") == "MB"]  # fmt: skip
        sizes = [each for each in found if each]
        if sizes:
            told = f"{theirs}, the highest of {len(sizes)} targets, sampled every 10 ms"
            known = place.known(max(sizes) * 1e6, "bytes", told, 1)
            metrics.append(place.metric(name, known, "lower"))
    return JobRecord(
        job_id=f"memory/{place.task}", suite="memory", task=place.task, status="done",
        metrics=tuple(metrics), notes=(_UNDATED,),
    )  # fmt: skip


def _energy(place: Place, work: Work) -> JobRecord:
    found = at(work.report, "generate", "energy")
    metrics: list[Metric] = []
    if isinstance(found, dict):
        total = amount(found.get("total")) if found.get("unit") == "kWh" else None
        for name, unit, joules in _joules(total, work):
            if joules:
                told = "generate, mean over its repeats in one window of codecarbon"
                metrics.append(place.metric(name, place.known(joules, unit, told, 1), "lower"))
            else:
                why = "the file gives no energy, or not of how many requests and tokens"
                metrics.append(place.absent(name, why, "lower"))
    return JobRecord(
        job_id=f"energy/{place.task}", suite="energy", task=place.task, status="done",
        metrics=tuple(metrics), notes=(_UNDATED,),
    )  # fmt: skip


def _joules(total_kwh: float | None, work: Work) -> list[tuple[str, str, float | None]]:
    each = total_kwh * _J_PER_KWH / work.batch if total_kwh and work.batch else None
    token = each / work.new_tokens if each and work.new_tokens else None
    wh = each / 3600.0 * 1000.0 if each else None
    return [("j_per_output_token", "J", token), ("j_per_request", "J", each),
            ("wh_per_1000_requests", "Wh", wh)]  # fmt: skip
