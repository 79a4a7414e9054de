"""Results files of lm-eval before v0.4: ``{"results": {task: {"acc": ..., "acc_stderr": ...}}}``.

The file gives neither date nor number of items; the latter follows from a share and its error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slmbench.errors import InputError
from slmbench.interchange.imported_record import UNKNOWN_TIME, ImportedHost, imported_record
from slmbench.interchange.importing import ImportedRun, ImportFile
from slmbench.interchange.lm_eval_counts import cut_to
from slmbench.interchange.lm_eval_document import (
    asked_as,
    created_of,
    file_details,
    model_of,
    task_details,
)
from slmbench.interchange.lm_eval_entry import SUITE, Asked, metrics_of, old_figures
from slmbench.schema.record import Fingerprints, JobRecord, Origin
from slmbench.suites.taskfile import text_hash

FORM = "lm-eval-old"
_TOOL = "lm-eval before 0.4"


def recognises(file: ImportFile) -> bool:
    """Tell whether a file holds results of lm-eval as it wrote them before v0.4."""
    document = file.json
    if not isinstance(document, dict) or not {"results", "versions"} <= document.keys():
        return False
    results = document["results"]
    return isinstance(results, dict) and all(
        isinstance(entry, dict) and not any("," in key for key in entry)
        for entry in results.values()
    )


def read(file: ImportFile) -> list[ImportedRun]:
    """Return the one run of a results file.

    Raises:
        InputError: it is damaged, or holds no number.
    """
    document = file.json
    if not recognises(file) or not isinstance(document.get("versions"), dict):
        raise InputError(
            f"'{file.path}' holds no results of lm-eval before v0.4: 'results' and 'versions', "
            "each with an entry for every task."
        )
    jobs = [_job(task, document) for task in document["results"]]
    if not any(job.metrics for job in jobs):
        raise InputError(f"'{file.path}' holds results of lm-eval in which no task has a number.")
    details = {**jobs[0].details, "lm_eval_file": file_details(file, document)}
    notes = () if _has_date(document, file) else ("the file gives no date",)
    jobs[0] = jobs[0].model_copy(update={"details": details, "notes": notes})
    record = imported_record(
        model_of(document, file.path),
        Origin(tool=_TOOL, form=FORM, files={file.path.name: file.sha256}),
        jobs,
        created_of(document, file.path),
        ImportedHost(software={"lm-eval": "before 0.4"}),
        _fewshot(document),
    )
    return [ImportedRun(asked_as(record, document))]


def _job(task: str, document: Mapping[str, Any]) -> JobRecord:
    found = old_figures(document["results"][task])
    version = document["versions"].get(task)
    asked = Asked(how=f"imported: {_TOOL}", n=None)
    fingerprint = ""
    if version is not None:
        shots = _config(document).get("num_fewshot")
        fingerprint = text_hash(task, _TOOL, repr(version), repr(shots))
    metrics = metrics_of(task, found, asked)
    return JobRecord(
        job_id=f"{SUITE}/{task}",
        suite=SUITE,
        task=task,
        status="done",
        limit_items=cut_to(document, task, metrics),
        fingerprints=Fingerprints(task=fingerprint, scorer=_TOOL),
        metrics=tuple(metrics),
        details={"lm_eval": task_details(document, task)},
    )


def _has_date(document: Mapping[str, Any], file: ImportFile) -> bool:
    return created_of(document, file.path) != UNKNOWN_TIME


def _config(document: Mapping[str, Any]) -> Mapping[str, Any]:
    config = document.get("config")
    return config if isinstance(config, dict) else {}


def _fewshot(document: Mapping[str, Any]) -> int | None:
    count = _config(document).get("num_fewshot")
    return count if type(count) is int and 0 <= count < 10**6 else None
