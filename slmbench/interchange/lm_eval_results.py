"""Results files of lm-eval v0.4, with the files of samples beside them, as runs.

Three forms are read: what ``--output_path`` writes; the same cut down to ``model``, ``tasks``,
``num_fewshot`` and ``results``; and the bare results, ``{task: {"acc,none": ...}}``. Samples that
the document itself holds are read too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from slmbench.errors import InputError
from slmbench.interchange.imported_record import imported_record
from slmbench.interchange.importing import ImportedRun, ImportFile
from slmbench.interchange.kept_json import keep_json
from slmbench.interchange.lm_eval_counts import below, cut_to, items, members, table_of
from slmbench.interchange.lm_eval_document import (
    PER_TASK,
    asked_as,
    created_of,
    file_details,
    host_of,
    model_of,
    names_no_model,
    task_details,
)
from slmbench.interchange.lm_eval_entry import (
    SUITE,
    Asked,
    figures,
    filters_of,
    is_number,
    metrics_of,
    rules_of,
)
from slmbench.interchange.lm_eval_samples import (
    LINES,
    WITHIN,
    SampleRows,
    file_safe,
    is_samples,
    read_rows,
    results_beside,
    rows_within,
    samples_beside,
    samples_of,
)
from slmbench.schema.base import Measured
from slmbench.schema.record import Fingerprints, JobRecord, Metric, Origin, Sample
from slmbench.suites.taskfile import text_hash

FORM = "lm-eval"
#: What is known of the version where a file does not give it.
_SOME_VERSION = "0.4"
#: What makes a task: the parts of its configuration that change a prompt or a score.
_DEFINITION = (
    "dataset_path", "dataset_name", "test_split", "validation_split", "fewshot_split",
    "doc_to_text", "doc_to_target", "doc_to_choice", "description", "target_delimiter",
    "fewshot_delimiter", "output_type", "generation_kwargs", "filter_list", "repeats",
)  # fmt: skip


def recognises(file: ImportFile) -> bool:
    """Tell whether a file is one of results, or of samples, of lm-eval v0.4."""
    return _entries(file.json) is not None or is_samples(file)


def part_of(file: ImportFile) -> Path | None:
    """Return the results file that a file of samples belongs to, None for any other file.

    Raises:
        InputError: it is a file of samples alone.
    """
    return results_beside(file.path) if is_samples(file) else None


def read(file: ImportFile) -> list[ImportedRun]:
    """Return the one run of a results file, with the samples of the same date beside it.

    Raises:
        InputError: it is damaged, or a file of samples with it is.
    """
    entries = _entries(file.json)
    if not entries:
        raise InputError(
            f"'{file.path}' holds no results of lm-eval: give a results_DATE.json, in which "
            "'results' maps each task to its metrics."
        )
    document = _document(file, entries)
    tables = _samples_with(file, document)
    document.pop(WITHIN, None)
    version = document.get("lm_eval_version")
    version = version if isinstance(version, str) and version else _SOME_VERSION
    samples: dict[str, list[Sample]] = {}
    raw: dict[str, dict[str, list[dict[str, Any]]]] = {}
    jobs = []
    for task in entries:
        logged = next((each for each in tables if each.task == file_safe(task)), None)
        job, own = _job(task, document, version, logged)
        jobs.append(job)
        if logged is not None:
            samples[job.job_id] = own
            raw[job.job_id] = {LINES: [{"line": line} for line in logged.lines]}
    details = {**jobs[0].details, "lm_eval_file": file_details(file, document)}
    jobs[0] = jobs[0].model_copy(update={"details": details})
    files = [file, *(table.file for table in tables)]
    record = imported_record(
        model_of(document, file.path),
        Origin(
            tool=f"lm-eval {version}",
            form=FORM,
            files={each.path.name: each.sha256 for each in files},
        ),
        _with_remarks(jobs, document),
        created_of(document, file.path),
        host_of(document, version),
        _common_fewshot(document),
    )
    return [ImportedRun(asked_as(record, document), samples, raw)]


def _samples_with(file: ImportFile, document: Mapping[str, Any]) -> list[SampleRows]:
    """Return the samples of each task: of the files beside a results file, else of itself.

    lm-eval writes both at once, so that what stands beside a document is the same.
    """
    tables = [read_rows(each) for each in samples_beside(file.path)]
    beside = {table.task for table in tables}
    tables += [each for each in rows_within(file, document) if each.task not in beside]
    known = set(map(file_safe, document["results"]))
    for table in tables:
        if table.task not in known:
            raise InputError(
                f"'{table.file.path}' holds samples of the task '{table.task}', of which "
                f"'{file.path.name}' has no results."
            )
    return tables


def _entries(document: Any) -> dict[str, dict[str, Any]] | None:
    """Return task -> its entry, or None where a document is not of this format."""
    if not isinstance(document, dict):
        return None
    given = document.get("results", document)
    if not isinstance(given, dict) or not all(isinstance(each, dict) for each in given.values()):
        return None
    found = [figure for entry in given.values() for figure in figures(entry)]
    whole = "results" in document and {"configs", "versions", "n-shot"} <= document.keys()
    if any(is_number(figure.value) for figure in found) or (whole and found):
        return given
    return {} if whole else None


def _document(file: ImportFile, entries: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the file's document in its full form, each table of tasks checked to be one."""
    found = file.json
    document: dict[str, Any] = dict(found) if "results" in found else {"results": entries}
    for key in PER_TASK:
        table = document.get(key)
        if table is not None and not isinstance(table, dict):
            raise InputError(
                f"'{file.path}' is damaged: its '{key}' is no table of tasks but {table!r:.40}."
            )
    return document


def _job(
    task: str, document: Mapping[str, Any], version: str, table: SampleRows | None
) -> tuple[JobRecord, list[Sample]]:
    found = figures(document["results"][task])
    n = items(document, task)
    rules = _rules(document, task)
    directions = table_of(document, "higher_is_better").get(task)
    asked = Asked(
        how=f"imported: lm-eval {version}",
        n=n,
        rules=rules,
        directions=directions if isinstance(directions, dict) else {},
        is_group=bool(members(document, task)),
    )
    metrics = metrics_of(task, found, asked)
    samples: list[Sample] = []
    if table is not None:
        names = list(dict.fromkeys(figure.name for figure in found))
        samples = samples_of(table.rows, names, filters_of(found), rules)
    job = JobRecord(
        job_id=f"{SUITE}/{task}",
        suite=SUITE,
        task=task,
        status="done",
        limit_items=cut_to(document, task, metrics),
        sample_count=len(samples),
        unscored_count=sum(sample.status == "unscored" for sample in samples),
        fingerprints=Fingerprints(
            task=_fingerprint(document, task, version), scorer=f"lm-eval@{version}"
        ),
        metrics=tuple(metrics),
        notes=_notes(samples, metrics, n),
        details={"lm_eval": task_details(document, task)},
    )
    return job, samples


def _notes(samples: Sequence[Sample], metrics: Sequence[Metric], n: int | None) -> tuple[str, ...]:
    """Say where the samples are not those that the results rest on."""
    if not samples or n is None or len(samples) == n:
        return ()
    values = [metric.value for metric in metrics if isinstance(metric.value, Measured)]
    if not values:
        return ()
    return (f"the file of samples holds {len(samples)} items, the results rest on {n}",)


def _with_remarks(jobs: Sequence[JobRecord], document: Mapping[str, Any]) -> list[JobRecord]:
    if not names_no_model(document):
        return list(jobs)
    remark = "the file names no model: its folder's name stands for it (import --model NAME)"
    return [jobs[0].model_copy(update={"notes": (*jobs[0].notes, remark)}), *jobs[1:]]


def _rules(document: Mapping[str, Any], task: str) -> dict[str, str]:
    """Return metric -> lm-eval's aggregation, as far as the task's configuration names it."""
    config = table_of(document, "configs").get(task)
    return rules_of(config.get("metric_list") if isinstance(config, dict) else None)


def _fingerprint(document: Mapping[str, Any], task: str, version: str) -> str:
    """Return what two runs of a task must share; empty where the file says too little.

    With lm-eval's version it is that of an own run of the same stock task; without it the task's
    definition, as the file has it, stands for the version.
    """
    names = set(below(document, task))
    versions = {name: each for name, each in sorted(table_of(document, "versions").items())
                if name in names}  # fmt: skip
    shots = {name: each for name, each in sorted(table_of(document, "n-shot").items())
             if name in names}  # fmt: skip
    if not versions:
        return ""
    if version != _SOME_VERSION:
        return text_hash(task, version, repr(versions), repr(shots))
    configs = table_of(document, "configs")
    definitions = {
        name: {key: config[key] for key in _DEFINITION if key in config}
        for name in sorted(names)
        if isinstance(config := configs.get(name), dict)
    }
    text = json.dumps(keep_json(definitions), allow_nan=False, sort_keys=True)
    return text_hash(task, version, repr(versions), repr(shots), text)


def _common_fewshot(document: Mapping[str, Any]) -> int | None:
    """Return the few-shot count, where all tasks share one."""
    found = list(table_of(document, "n-shot").values()) or [document.get("num_fewshot")]
    first = found[0]
    same = all(each == first for each in found)
    return first if same and type(first) is int and 0 <= first < 10**6 else None
