"""A run in lm-eval's layout: ``results_DATE.json`` and ``samples_TASK_DATE.jsonl``.

A run that was imported from lm-eval comes out as it went in.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from slmbench.errors import InputError
from slmbench.interchange.kept_json import json_as_it_was
from slmbench.interchange.lm_eval_document import whole_document
from slmbench.interchange.lm_eval_own import TaskOfRun, entry_of, sample_rows, tasks_of
from slmbench.interchange.lm_eval_samples import LINES, file_safe
from slmbench.schema.base import Measured
from slmbench.schema.record import RunRecord
from slmbench.store.reader import StoredRun


def render_lm_eval(run: StoredRun) -> dict[str, str]:
    """Return file name -> text of the files that lm-eval would have written.

    What is absent is left out, because the format can't say why.

    Raises:
        InputError: the run has no number.
        RecordError: its samples can't be read.
    """
    record = run.record
    if not any(isinstance(metric.value, Measured) for metric in record.metrics):
        raise InputError(
            f"The run '{record.run_id}' has no measured metric to export. "
            f"See why: slmbench show {record.run_id}"
        )
    return _as_it_was(run) if _was_imported(record) else _own_files(run)


def _was_imported(record: RunRecord) -> bool:
    return bool(record.jobs) and "lm_eval_file" in record.jobs[0].details


def _as_it_was(run: StoredRun) -> dict[str, str]:
    record = run.record
    jobs = {job.task: job.details["lm_eval"] for job in record.jobs}
    rest = record.jobs[0].details["lm_eval_file"]
    document = whole_document(jobs, rest)
    names = list(record.origin.files) if record.origin is not None else []
    written = {name for name in names if name.endswith(".jsonl")}
    results = next((name for name in names if name not in written), f"results_{_date(record)}.json")
    files = {results: json_as_it_was(document) + rest["end"]}
    for job in record.jobs:
        lines = [str(row["line"]) for row in run.raw(LINES, job.job_id)]
        name = next((each for each in written if _is_of(each, job.task)), None)
        if lines:
            name = name or f"samples_{file_safe(job.task)}_{_date(record)}.jsonl"
            files[name] = "".join(f"{line}\n" for line in lines)
    return files


def _is_of(name: str, task: str) -> bool:
    """Tell whether a file of samples is of a task: its name goes on with a date."""
    rest = name.removeprefix(f"samples_{file_safe(task)}_")
    return rest != name and rest[:4].isdigit()


def _own_files(run: StoredRun) -> dict[str, str]:
    record, date = run.record, _date(run.record)
    tasks = tasks_of(run)
    files = {f"results_{date}.json": json_as_it_was(_document(record, tasks))}
    for task in tasks:
        rows = sample_rows(task)
        if rows:
            lines = (json.dumps(row, allow_nan=False, ensure_ascii=False) + "\n" for row in rows)
            files[f"samples_{file_safe(task.name)}_{date}.jsonl"] = "".join(lines)
    return files


def _document(record: RunRecord, tasks: Sequence[TaskOfRun]) -> dict[str, Any]:
    entries = {task.name: entry_of(task) for task in tasks}
    groups = [task for task in tasks if task.members]
    software = record.environment.software
    return {
        "results": entries,
        **({"groups": {task.name: entries[task.name] for task in groups}} if groups else {}),
        "group_subtasks": {task.name: list(task.members) for task in tasks},
        "configs": {task.name: _config(task) for task in tasks if not task.members},
        "versions": {task.name: task.version for task in tasks},
        "n-shot": {
            task.name: task.fewshot
            for task in tasks
            if not task.members and task.fewshot is not None
        },
        "higher_is_better": {
            task.name: {each.name: each.metric.higher_is_better for each in task.figures}
            for task in tasks
        },
        "n-samples": {task.name: dict(task.counts) for task in tasks if not task.members},
        "config": _settings(record),
        "git_hash": record.spec.labels.get("commit"),
        "date": datetime.fromisoformat(record.created).timestamp(),
        "pretty_env_info": "\n".join(f"{k}: {v}" for k, v in record.environment.hardware.items()),
        "transformers_version": software.get("transformers"),
        "lm_eval_version": software.get("lm-eval"),
        "task_hashes": {},
        "model_source": record.model.spec.backend,
        "model_name": record.model.name,
        "model_name_sanitized": file_safe(record.model.name),
        "system_instruction": record.spec.system_instruction,
        "fewshot_as_multiturn": record.spec.fewshot_as_multiturn,
        "chat_template_sha": (
            record.model.fingerprint.chat_template if record.spec.apply_chat_template else None
        ),
        "total_evaluation_time_seconds": _seconds(record),
        "slmbench_run_id": record.run_id,
    }


def _config(task: TaskOfRun) -> dict[str, Any]:
    return {
        "task": task.name,
        "metric_list": [
            {
                "metric": each.name,
                "aggregation": each.metric.aggregation.kind if each.metric.aggregation else None,
                "higher_is_better": each.metric.higher_is_better,
            }
            for each in {each.name: each for each in task.figures}.values()
        ],
        "num_fewshot": task.fewshot,
        "metadata": {"version": task.version},
    }


def _settings(record: RunRecord) -> dict[str, Any]:
    """Return lm-eval's ``config``; a model's place on a disk stays out, its name stands there."""
    spec, model = record.spec, record.model
    revision = f",revision={model.spec.revision}" if model.spec.revision else ""
    return {
        "model": model.spec.backend,
        "model_args": f"pretrained={model.name}{revision}",
        "model_num_parameters": model.parameter_count,
        "model_dtype": model.dtype,
        "model_revision": model.spec.revision or "main",
        "model_sha": model.fingerprint.weights,
        "batch_size": model.spec.batch_size,
        "device": model.device,
        "limit": spec.limit,
        "bootstrap_iters": 0,
        "random_seed": spec.seed,
        "numpy_seed": spec.seed,
        "torch_seed": spec.seed,
        "fewshot_seed": spec.seed,
    }


def _seconds(record: RunRecord) -> str | None:
    known = [job.elapsed_s for job in record.jobs if job.elapsed_s is not None]
    return str(sum(known)) if known else None


def _date(record: RunRecord) -> str:
    """Return when the run was made as lm-eval puts it into a file's name."""
    moment = datetime.fromisoformat(record.created).replace(tzinfo=None)
    return moment.isoformat(timespec="microseconds").replace(":", "-")
