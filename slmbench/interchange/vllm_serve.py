"""Read what ``vllm bench serve --save-result`` writes.

Each document is a run of one stage of load; ``--append-result`` puts several in one file, each on
its line. With ``--save-detailed`` every request becomes a sample, and medians and quantiles are
made of them anew with intervals in blocks of time; vLLM's own are the same figures. Without it
vLLM's figures are taken as they stand: they have no interval. Milliseconds become seconds.

On the documented format, that is the keys that ``vllm/benchmarks/serve.py`` of vLLM's main branch
(2026) writes and those of the older ``benchmark_serving.py``, not on a file that vLLM wrote, which
needs a GPU. The file does not say vLLM's version.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from slmbench.errors import InputError
from slmbench.interchange.imported_record import UNKNOWN_TIME, ImportedModel, imported_record
from slmbench.interchange.importing import ImportedRun, ImportFile
from slmbench.interchange.request_series import (
    LATENCY_QUANTILES,
    LOAD_QUANTILES,
    STARTS,
    TIMES,
    Request,
    failed_share,
    gap_metrics,
    has_time,
    samples_of,
    starts_of,
    time_metrics,
)
from slmbench.interchange.tool_values import (
    UNKNOWN_COUNT,
    Better,
    Place,
    amount,
    amounts,
    base_name,
    count,
    kept,
    quantile_suffix,
    text,
    utc_time,
)
from slmbench.schema.record import Fingerprints, JobRecord, Metric, Origin, Sample

FORM = "vllm-serve"
TOOL = "vllm bench serve"
_HOW = f"imported: {TOOL}"
_KEYS = {"model_id", "date", "backend", "duration", "completed", "request_throughput"}
#: Lists with an entry for each request; samples and raw tables hold what is in them.
_LISTS = (
    "input_lens", "output_lens", "ttfts", "itls", "latencies", "start_times", "generated_texts",
    "errors",
)  # fmt: skip
_NAMES = {"ttft_s": "ttft", "tpot_s": "tpot", "itl_s": "itl", "e2e_s": "e2el"}
_RATES = {
    "requests_per_s": ("request_throughput", "requests/s"),
    "output_tokens_per_s": ("output_throughput", "tokens/s"),
    "goodput_per_s": ("request_goodput", "requests/s"),
}
_SENT = "from when a request was sent; failed requests left out"
_NO_VERSION = "the file does not say which version of vLLM measured"
_LOCAL = "the file's time is local and names no zone: it is taken as UTC"


def recognises(file: ImportFile) -> bool:
    """Tell whether the file, or its first line, is a result of vllm bench serve."""
    found = file.json
    if found is None:
        found = _parsed(next((line for line in file.text.splitlines() if line.strip()), ""))
    return _is_result(found)


def read(file: ImportFile) -> list[ImportedRun]:
    """Return one run for each document, in the order of the file.

    Raises:
        InputError: a line is no result of a text generation.
    """
    lines = [line for line in file.text.splitlines() if line.strip()]
    documents = [file.json] if file.json is not None else [_parsed(line) for line in lines]
    runs = []
    for number, document in enumerate(documents, start=1):
        where = f"'{file.path.name}', document {number}"
        if not _is_result(document):
            raise InputError(
                f"{where}: not a result of '{TOOL}' (it needs {', '.join(sorted(_KEYS))}). Remove "
                "the line, or write the file again with --save-result."
            )
        if "output_throughput" not in document:
            raise InputError(f"{where}: a test of embeddings, not of generated text.")
        runs.append(_run(file, document, where))
    if not runs:
        raise InputError(f"'{file.path.name}' holds no result of '{TOOL}'.")
    return runs


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _is_result(document: Any) -> bool:
    return isinstance(document, dict) and document.keys() >= _KEYS


def _run(file: ImportFile, document: Mapping[str, Any], where: str) -> ImportedRun:
    requests = _requests(document, where)
    stage, is_alone = _stage(document)
    load = Place("load", FORM, _HOW, f"{stage}_")
    setting = " ".join(
        f"{name}={kept(document.get(name))}"[:60]
        for name in ("num_prompts", "request_rate", "burstiness", "max_concurrency")
    )
    left_out = _LISTS if requests else ()
    details = {key: kept(value) for key, value in document.items() if key not in left_out}
    places = [load, Place("latency", FORM, _HOW)] if is_alone else [load]
    jobs, samples = [], {}
    for place in places:
        found = samples_of(requests, place.prefix, FORM) if requests else []
        job = _job(place, document, requests, found)
        job = job.model_copy(
            update={"fingerprints": Fingerprints(task=setting), "details": {FORM: details}}
        )
        jobs.append(job)
        samples[job.job_id] = found
    gaps = [
        {"request": each.number, "token": number, "gap_s": gap}
        for each in requests
        for number, gap in enumerate(each.gaps_s, start=1)
    ]
    name = base_name(text(document["model_id"])) or "unnamed"
    record = imported_record(
        ImportedModel(name=name),
        Origin(tool=TOOL, form=FORM, files={file.path.name: file.sha256}),
        jobs,
        _created(document["date"]),
    )
    raw = {"gaps": gaps, STARTS: starts_of(requests, stage)}
    return ImportedRun(
        record, samples, {jobs[0].job_id: {name: rows for name, rows in raw.items() if rows}}
    )


def _created(date: Any) -> str:
    found = re.fullmatch(r"(\d{8})-(\d{6})", text(date))
    try:
        moment = datetime.strptime(text(date), "%Y%m%d-%H%M%S") if found else None
    except ValueError:
        moment = None
    if moment is None:
        return utc_time(date) or UNKNOWN_TIME
    return moment.replace(tzinfo=UTC).isoformat(timespec="microseconds")


def _stage(document: Mapping[str, Any]) -> tuple[str, bool]:
    """Return a stage's name, and whether it asked one request at a time."""
    rate = amount(document.get("request_rate"))
    users = count(document.get("max_concurrency"))
    if rate:
        return f"open_{rate:g}", False
    # Without rate and bound all requests are sent at once: as many users as requests.
    users = users or count(document.get("num_prompts")) or count(document["completed"])
    return f"closed_{users}" if users else "closed", users == 1


def _requests(document: Mapping[str, Any], where: str) -> list[Request]:
    """Return the requests of ``--save-detailed``, or none; their lists must be equally long."""
    if not isinstance(document.get("ttfts"), list) or "output_lens" not in document:
        alone = amounts(document.get("latencies")) or []
        # Which of them failed stands in another list: they tell nothing unless none did.
        is_whole = len(alone) == count(document["completed"])
        return [Request(i, e2e_s=each) for i, each in enumerate(alone)] if is_whole else []
    lists = {name: document[name] for name in _LISTS if isinstance(document.get(name), list)}
    lengths = {name: len(each) for name, each in lists.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise InputError(f"{where}: its lists are not of one request each: {told}.")
    columns = [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
    return [_request(number, row) for number, row in enumerate(columns)]


def _request(number: int, row: Mapping[str, Any]) -> Request:
    written = count(row.get("output_lens"))
    error = text(row.get("errors"))
    # vLLM counts a request as done when it has an answer; one that failed has no token.
    failure = error or (None if written else "no token came")
    ttft, gaps = amount(row["ttfts"]), amounts(row.get("itls")) or []
    e2e = amount(row.get("latencies"))
    if e2e is None and ttft is not None:
        e2e = ttft + sum(gaps)
    tpot = None
    if ttft is not None and e2e is not None and e2e >= ttft and written and written > 1:
        tpot = (e2e - ttft) / (written - 1)
    return Request(
        number=number,
        ttft_s=ttft,
        tpot_s=tpot,
        e2e_s=e2e,
        start_s=amount(row.get("start_times")),
        gaps_s=() if failure else tuple(gaps),
        input_tokens=count(row.get("input_lens")),
        output_tokens=written,
        output=text(row["generated_texts"]) if "generated_texts" in row else None,
        failure=failure,
    )


def _job(
    place: Place, document: Mapping[str, Any], requests: list[Request], samples: list[Sample]
) -> JobRecord:
    is_load = place.suite == "load"
    qs = LOAD_QUANTILES if is_load else LATENCY_QUANTILES
    answered, asked = count(document["completed"]), count(document.get("num_prompts"))
    metrics: list[Metric] = []
    for name in (*TIMES, "itl_s"):
        metrics += _times(place, name, document, requests, qs)
    if is_load:
        metrics += [_rate(place, name, document) for name in _RATES]
        failed = count(document.get("failed"))
        if failed is None and asked is not None and answered is not None:
            failed = max(0, asked - answered)
        metrics.append(failed_share(place, failed, answered, f"{TOOL}'s counts"))
    failures = sum(each.failure is not None for each in requests)
    notes = (_NO_VERSION, *([_LOCAL] if "T" not in text(document["date"]) else []))
    return JobRecord(
        job_id=f"{place.suite}/{place.task}", suite=place.suite, task=place.task, status="done",
        sample_count=len(samples), failed_count=failures, metrics=tuple(metrics), notes=notes,
    )  # fmt: skip


def _times(
    place: Place, name: str, document: Mapping[str, Any], requests: list[Request],
    qs: tuple[float | None, ...],
) -> list[Metric]:  # fmt: skip
    """Return a time's quantiles: of the requests where they are known, else vLLM's own."""
    if name == "itl_s" and any(each.gaps_s for each in requests):
        return gap_metrics(place, requests, qs, _SENT)
    if name != "itl_s" and has_time(requests, name):
        return time_metrics(place, name, requests, qs, _SENT)
    theirs = _NAMES[name]
    stated: dict[float | None, Any] = {None: document.get(f"median_{theirs}_ms")}
    for key, value in document.items():
        found = re.fullmatch(rf"p(\d+(?:\.\d+)?)_{theirs}_ms", key)
        if found and 0 < float(found[1]) < 100:
            stated[float(found[1]) / 100] = value
    answered = count(document["completed"]) or UNKNOWN_COUNT
    n = UNKNOWN_COUNT if name == "itl_s" else answered
    metrics = []
    for q, value in stated.items():
        found_ms = amount(value)
        told = f"{_SENT}; vLLM's figure, the file has no single times"
        if found_ms is None or not answered:
            why = "no request was answered" if not answered else "the file gives no number for it"
            metrics.append(place.absent(name + quantile_suffix(q), why, "lower"))
        else:
            known = place.known(found_ms / 1e3, "s", told, n)
            metrics.append(place.metric(name + quantile_suffix(q), known, "lower"))
    return metrics


def _rate(place: Place, name: str, document: Mapping[str, Any]) -> Metric:
    key, unit = _RATES[name]
    better: Better = "higher"
    # In older files the key of the goodput ends with a colon.
    value = amount(document.get(key, document.get(f"{key}:")))
    if value is None:
        why = "the file gives none" + (": no objective was set" if "goodput" in key else "")
        return place.absent(name, why, better)
    seconds = amount(document["duration"])
    told = "over the whole test" + ("" if seconds is None else f" of {seconds:.6g} s")
    n = (count(document["completed"]) or 0) if unit == "requests/s" else UNKNOWN_COUNT
    return place.metric(name, place.known(value, unit, told, n), better)
