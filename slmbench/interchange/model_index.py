"""A run's metrics as the ``model-index`` of a Hugging Face model card."""

from __future__ import annotations

import re
from typing import Any

import yaml

from slmbench.errors import InputError
from slmbench.schema.base import Measured
from slmbench.schema.record import JobRecord, Metric, RunRecord
from slmbench.store.tables import clean

#: Suites whose numbers belong to a model on a machine, so the machine is told beside them.
_OF_A_HOST = ("latency", "load", "energy", "memory")
_PARTS_OF_A_HOST = ("gpu", "accelerator", "cpu", "processor", "machine")


def render_model_index(record: RunRecord) -> str:
    """Return YAML whose one key, ``model-index``, goes into the front matter of a model card.

    A result is a suite on a task, its ``dataset`` the task. The format has no field for what makes
    a number readable, so interval, unit, sample size and provenance stand in a metric's ``args``.
    What is absent is left out, since every metric of the format has a value. The layout is that of
    the Hub's model card specification (huggingface/hub-docs, modelcard.md).

    Raises:
        InputError: the run has no measured metric; an empty card would look like one that went
            well.
    """
    results = [each for job in record.jobs for each in _results(record, job)]
    if not results:
        raise InputError(
            f"The run '{record.run_id}' has no measured metric to export. "
            f"See why: slmbench show {record.run_id}"
        )
    document = {"model-index": [{"name": record.model.name, "results": results}]}
    return _yaml(clean(document))


def _results(record: RunRecord, job: JobRecord) -> list[dict[str, Any]]:
    """Return the results of a job, one for each suite and task that its metrics name."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for metric in job.metrics:
        if isinstance(metric.value, Measured):
            entry = _metric(record, metric, metric.value)
            groups.setdefault((metric.suite, metric.task), []).append(entry)
    return [
        {
            "task": {"type": "text-generation", "name": suite},
            "dataset": {
                "type": task,
                "name": task,
                # The Hub takes results of one task and dataset for the same but for this.
                "config": suite,
                **_asked(record, job),
            },
            "metrics": metrics,
            **_source(record),
        }
        for (suite, task), metrics in groups.items()
    ]


def _asked(record: RunRecord, job: JobRecord) -> dict[str, Any]:
    """Return what a reader must know of how the task was asked, where it is known."""
    spec = record.spec
    known = {
        "num_few_shot": spec.num_fewshot,
        "chat_template": spec.apply_chat_template or None,
        "limit_items": job.limit_items,
    }
    told = {key: value for key, value in known.items() if value is not None}
    return {"args": told} if told else {}


def _metric(record: RunRecord, metric: Metric, measured: Measured) -> dict[str, Any]:
    known: dict[str, Any] = {
        "unit": measured.unit or None,
        "n": measured.n,
        "how": measured.how,
        "source": measured.source,
        "higher_is_better": metric.higher_is_better,
    }
    if measured.interval is not None:
        known |= measured.interval.model_dump(include={"low", "high", "level"})
    if metric.suite in _OF_A_HOST:
        known["hardware"] = _host(record.environment.hardware)
    args = {key: value for key, value in known.items() if value is not None}
    return {"type": metric.metric, "name": metric.path, "value": measured.value, "args": args}


def _host(hardware: dict[str, str]) -> str | None:
    return next((hardware[part] for part in _PARTS_OF_A_HOST if hardware.get(part)), None)


def _source(record: RunRecord) -> dict[str, Any]:
    """Return where an imported number is from; the Hub takes a source with an address only."""
    if record.origin is None or record.origin.citation is None:
        return {}
    address = re.search(r"https?://[^\s<>\"')]+", record.origin.citation)
    if address is None:
        return {}
    return {"source": {"name": record.origin.tool, "url": address.group().rstrip(".,;")}}


def _yaml(document: Any) -> str:
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
    if all(c.isprintable() or c == "\n" for c in text):
        return text
    # Something in a name overrides the reading direction, or can't be seen: written as its code.
    return yaml.safe_dump(document, sort_keys=False, width=100)
