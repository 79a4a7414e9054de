"""Read the ``benchmarks.json`` (or ``.yaml``) of guidellm.

A file is one run; each of its benchmarks is a stage of load: ``synchronous`` is ``closed_1`` and
gives the latency of one request at a time too, ``concurrent`` ``closed_N``, ``constant`` and
``poisson`` ``open_RATE``. Milliseconds become seconds. guidellm's inter-token latency is the mean
time of a token after the first, which is our ``tpot_s``; its "time per output token" has the first
token in it and stays in the details; single gaps it does not keep, so ``itl_s`` is Absent.

Three generations of the file are told apart by their keys: without ``metadata`` (0.2 and 0.3),
``metadata.version`` 1 (0.4 to 0.6) and 2 (from 0.7). Tested on a file that guidellm 0.8.1 wrote;
the older ones, and YAML, on the format of 0.3.1 and 0.5.4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from slmbench.errors import InputError
from slmbench.interchange.guidellm_figures import Benchmark, job_metrics
from slmbench.interchange.imported_record import (
    UNKNOWN_TIME,
    ImportedHost,
    ImportedModel,
    imported_record,
)
from slmbench.interchange.importing import ImportedRun, ImportFile
from slmbench.interchange.request_series import STARTS, samples_of, starts_of
from slmbench.interchange.tool_values import (
    Place,
    amount,
    at,
    base_name,
    count,
    kept,
    table,
    tables,
    task_name,
    text,
    utc_time,
)
from slmbench.schema.record import Fingerprints, JobRecord, Origin, Sample

FORM = "guidellm"
_KIND = "generative_benchmark"
#: ``metadata.version`` -> which guidellm writes it, for those that do not say.
_GENERATIONS = {None: "0.2 or 0.3", 1: "0.4 to 0.6", 2: "0.7 or later"}
#: What samples hold already, where the file has every request.
_IN_SAMPLES = ("successful", "errored")


def recognises(file: ImportFile) -> bool:
    """Tell whether the file is a report of guidellm, of a known generation or not."""
    document = _document(file)
    metadata = table(document.get("metadata"))
    benchmarks = document.get("benchmarks")
    if not isinstance(benchmarks, list):
        return False
    first = table(benchmarks[0]) if benchmarks else {}
    return "guidellm_version" in metadata or first.get("type_") == _KIND


def read(file: ImportFile) -> list[ImportedRun]:
    """Return the one run of a report.

    Raises:
        InputError: the report is of an unknown generation, or a benchmark in it is damaged.
    """
    document = _document(file)
    if not isinstance(document.get("benchmarks"), list):
        raise InputError(f"'{file.path.name}' is no report of guidellm: it has no 'benchmarks'.")
    version = at(document, "metadata", "version")
    if isinstance(version, bool) or version not in (None, 1, 2):
        raise InputError(
            f"'{file.path.name}': guidellm's report is of version {str(version)[:40]}, and "
            "versions 1 and 2 are known, and those without a version (0.2 and 0.3)."
        )
    told = text(at(document, "metadata", "guidellm_version"))
    tool = f"guidellm {told or _GENERATIONS[version]}"
    benchmarks = _benchmarks(file, document)
    task = _task(document, benchmarks[0])
    places = [Place("load", task, f"imported: {tool}")]
    if any(each.is_alone for each in benchmarks):
        places.append(Place("latency", task, f"imported: {tool}"))
    jobs, samples = [], dict[str, list[Sample]]()
    for place in places:
        job, samples[f"{place.suite}/{task}"] = _job(place, document, benchmarks)
        jobs.append(job)
    record = imported_record(
        ImportedModel(name=_model(document, benchmarks[0])),
        Origin(tool=tool, form=FORM, files={file.path.name: file.sha256}),
        jobs,
        min((each.created for each in benchmarks if each.created), default=UNKNOWN_TIME),
        _host(document, told),
    )
    starts = [row for each in benchmarks for row in starts_of(each.requests, each.name)]
    raw = {jobs[0].job_id: {STARTS: starts}} if starts else {}
    return [ImportedRun(record, samples, raw)]


def _document(file: ImportFile) -> Mapping[str, Any]:
    found = file.json
    if found is None and file.path.suffix.lower() in (".yaml", ".yml") and _KIND in file.text:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            # guidellm writes no alias, and a few of them can stand for more than memory holds.
            events = yaml.parse(file.text, Loader=loader)
            if not any(isinstance(event, yaml.events.AliasEvent) for event in events):
                found = yaml.load(file.text, Loader=loader)
        except (yaml.YAMLError, ValueError, RecursionError):
            return {}
    return table(found)


def _benchmarks(file: ImportFile, document: Mapping[str, Any]) -> list[Benchmark]:
    found, names = [], set[str]()
    for number, entry in enumerate(document["benchmarks"], start=1):
        where = f"'{file.path.name}', benchmark {number}"
        metrics = table(entry).get("metrics")
        if not isinstance(metrics, dict):
            raise InputError(f"{where}: it has no 'metrics': run guidellm to its end.")
        config = table(table(entry).get("config")) or table(table(entry).get("args"))
        name, is_alone = _stage(table(config.get("strategy")))
        single, again = name, 2
        while name in names:
            name, again = f"{single}_{again}", again + 1
        names.add(name)
        start = at(entry, "start_time")
        found.append(Benchmark(name, is_alone, table(entry), utc_time(start), where))
    if not found:
        raise InputError(f"'{file.path.name}' holds no benchmark: run guidellm to its end.")
    return found


def _stage(strategy: Mapping[str, Any]) -> tuple[str, bool]:
    """Return a stage's name, and whether it asked one request at a time."""
    kind = text(strategy.get("type_")) or "unknown"
    rate = amount(strategy.get("rate"))
    users = count(strategy.get("streams")) or count(strategy.get("max_concurrency"))
    if kind == "synchronous":
        return "closed_1", True
    if kind in ("constant", "poisson") and rate:
        return f"open_{rate:g}", False
    if kind in ("concurrent", "throughput") and users:
        return f"closed_{users}", users == 1
    return task_name(kind), False


def _job(
    place: Place, document: Mapping[str, Any], benchmarks: Sequence[Benchmark]
) -> tuple[JobRecord, list[Sample]]:
    is_load = place.suite == "load"
    metrics, samples, notes = [], list[Sample](), list[str]()
    # Only the first stage of one user is the latency: names have no place for a second.
    chosen = benchmarks if is_load else [each for each in benchmarks if each.is_alone][:1]
    for each in chosen:
        prefix = f"{each.name}_" if is_load else ""
        staged = Place(place.suite, place.task, place.how, prefix)
        metrics += job_metrics(staged, each)
        samples += samples_of(each.requests, prefix, f"{FORM} {place.task}")
        notes += each.notes
    kept_entries = [kept(_rest(each)) for each in chosen]
    rest = {key: kept(value) for key, value in document.items() if key != "benchmarks"}
    failed = [each for each in samples if each.status == "failed"]
    job = JobRecord(
        job_id=f"{place.suite}/{place.task}",
        suite=place.suite,
        task=place.task,
        status="done",
        sample_count=len(samples),
        failed_count=len(failed),
        fingerprints=Fingerprints(task=_asked(document, benchmarks[0])),
        metrics=tuple(metrics),
        notes=tuple(notes),
        details={FORM: {**rest, "benchmarks": kept_entries}},
    )
    return job, samples


def _rest(benchmark: Benchmark) -> dict[str, Any]:
    """Return a benchmark's entry without the requests that are samples.

    Of the others what was sent stays out: headers may be in it.
    """
    left_out = _IN_SAMPLES if benchmark.requests else ()
    others = {
        status: [
            {key: value for key, value in each.items() if key != "request_args"}
            for each in tables(found)
        ]
        for status, found in table(benchmark.entry.get("requests")).items()
        if status not in left_out and found
    }
    rest = {key: value for key, value in benchmark.entry.items() if key != "requests"}
    return {**rest, "requests": others} if others else rest


def _asked(document: Mapping[str, Any], benchmark: Benchmark) -> str:
    """Return what guidellm says of its prompts; two results with other prompts aren't equal."""
    found = (
        at(document, "config", "spec", "data")
        or at(document, "args", "data")
        or at(benchmark.entry, "request_loader", "data")
    )
    told = kept(found)
    if isinstance(told, list):
        told = [_given(each) for each in told]
    return f"data={told}"[:300]


def _given(data: Any) -> Any:
    """Return the settings of a source of prompts that are not left open."""
    if not isinstance(data, dict):
        return data
    return {key: value for key, value in data.items() if value not in (None, [], {})}


def _task(document: Mapping[str, Any], benchmark: Benchmark) -> str:
    """Return the name of the workload: with the lengths, where prompts were made to them."""
    asked = _asked(document, benchmark)
    lengths = []
    for key, short in (("prompt_tokens", "in"), ("output_tokens", "out")):
        digits = _number_after(asked, key)
        lengths += [f"{short}{digits}"] if digits else []
    return task_name(FORM, *lengths)


def _number_after(asked: str, key: str) -> str:
    """Return the digits behind a key in ``prompt_tokens=256`` or ``'prompt_tokens': 256``."""
    for lead in (f"'{key}': ", f'"{key}": ', f'"{key}":', f"{key}="):
        _, found, rest = asked.partition(lead)
        if found:
            digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
            return digits[:9]
    return ""


def _model(document: Mapping[str, Any], benchmark: Benchmark) -> str:
    places = (
        at(benchmark.entry, "worker", "backend_model"),
        at(benchmark.entry, "config", "backend", "model"),
        at(document, "args", "model"),
        at(document, "config", "spec", "backend", "model"),
    )
    return next((base_name(text(each)) for each in places if text(each)), "unnamed")


def _host(document: Mapping[str, Any], version: str) -> ImportedHost:
    """Return the software that asked; of the server's machine the file says nothing."""
    python = text(at(document, "metadata", "python_version"))
    software = {"guidellm": version, "python (client)": python}
    return ImportedHost(software={key: value for key, value in software.items() if value})
