"""A baseline as one small file that can be committed, and the tags of a store.

The file holds a run's record and what a comparison reads of its samples: scores, clusters and
hashes of what was asked, no prompt and no answer. Its hash shows an edit, a torn copy or a bad
merge; it is no signature.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
from pydantic import ValidationError

from slmbench.errors import InputError, RecordError, SaveError
from slmbench.schema.migrate import load_record
from slmbench.schema.record import RunRecord, Sample
from slmbench.store import layout, tables
from slmbench.store.pages import save_page
from slmbench.store.reader import StoredRun, find_run

BASELINE_VERSION = 1
#: What a comparison, and the numbers it rebuilds, read of a sample.
_KEPT = ("sample_id", "content_hash", "cluster", "scores", "unscored", "status", "reason")
_KEYS = {"baseline_version", "sha256", "record", "samples"}
_TAGS = ".tags"
#: Of a file, on any common file system.
_LONGEST_NAME = 255
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")


@dataclass(frozen=True)
class BaselineRun(StoredRun):
    """A run in a baseline file; it has no raw readings."""

    kept: dict[str, list[Sample]]

    def samples(self, job_id: str) -> list[Sample]:
        """Return the samples of a job, without their texts."""
        return self.kept.get(job_id, [])

    def columns(self, job_id: str) -> None:
        """Return nothing: the samples are at hand."""

    def raw(self, meter: str, job_id: str) -> list[dict[str, Any]]:
        """Return nothing: raw readings stay in the store."""
        return []


def save_baseline(run: StoredRun, path: Path) -> Path:
    """Write a run as a baseline file and return its path.

    Raises:
        InputError: the run is not finished, so it is no baseline.
        RecordError: its samples can't be read.
        SaveError: the file can't be written.
    """
    record = run.record
    if record.status != "done":
        raise InputError(
            f"The run '{record.run_id}' is {record.status}: a baseline must be whole. "
            "Go on with it: slmbench run ... --resume"
        )
    stopped = [job.job_id for job in record.jobs if job.items_total is not None]
    if stopped:
        raise InputError(
            f"A gate stopped '{record.run_id}' before the last item of {', '.join(stopped)}, so it "
            "is no baseline. Run the model whole: slmbench run ..."
        )
    content = {
        "record": tables.clean(record.model_dump(mode="json")),
        "samples": {
            job.job_id: _columns(run.samples(job.job_id)) for job in record.jobs if job.sample_count
        },
    }
    document = {"baseline_version": BASELINE_VERSION, "sha256": _digest(content), **content}
    return save_page(path, json.dumps(document, allow_nan=False, ensure_ascii=False) + "\n")


def open_baseline(path: Path) -> BaselineRun:
    """Return the run in a baseline file.

    Raises:
        RecordError: it can't be read, is no baseline, is of a newer slmbench, or was changed.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
    except OSError as error:
        raise RecordError(f"'{path}' cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise RecordError(f"'{path}' is no baseline file: it is not JSON ({error}).") from error
    version = raw.get("baseline_version") if isinstance(raw, dict) else None
    if not isinstance(raw, dict) or version is None:
        raise RecordError(f"'{path}' is no baseline file. Write one: slmbench baseline RUN -o FILE")
    if version != BASELINE_VERSION:
        raise RecordError(
            f"'{path}' has baseline version {version}, this slmbench reads {BASELINE_VERSION}."
        )
    if set(raw) != _KEYS:
        odd = ", ".join(sorted(set(raw) ^ _KEYS))
        raise RecordError(f"'{path}' has other keys than a baseline file: {odd}.")
    content = {"record": raw["record"], "samples": raw["samples"]}
    if raw["sha256"] != _digest(content):
        raise RecordError(
            f"'{path}' was changed after it was written: its hash doesn't fit. Write it again: "
            "slmbench baseline RUN -o FILE"
        )
    record = load_record(raw["record"], str(path))
    try:
        kept = {job_id: _rows(columns) for job_id, columns in raw["samples"].items()}
    except (ValidationError, ValueError, KeyError, TypeError, AttributeError) as error:
        first = str(error).splitlines()[0]
        raise RecordError(f"The samples in '{path}' are damaged: {first}.") from error
    _check_whole(record, kept, path)
    return BaselineRun(record, str(path), kept)


def find_named(reference: str, store: str) -> StoredRun:
    """Return the run that a person means: a baseline file, a tag, or what `find_run` takes.

    Raises:
        RecordError: nothing fits, several do, or the file can't be trusted.
    """
    path = Path(reference)
    if any(len(part) > _LONGEST_NAME for part in path.parts):
        raise RecordError(f"'{reference[:40]}...' is too long for the name of a run.")
    if "://" not in reference and path.is_file():
        return open_baseline(path)
    if "://" not in reference and path.suffix == ".json":
        raise RecordError(f"No baseline file '{reference}'.")
    tagged = _tagged(reference, store)
    return find_run(reference if tagged is None else tagged, store)


def save_tag(run: StoredRun, name: str, store: str) -> None:
    """Give a run of a store a name; a run that had it before loses it.

    Raises:
        InputError: the name is no name of a file, or the run is not in the store.
        SaveError: the store refused.
    """
    if not _TAG.fullmatch(name):
        raise InputError(f"'{name}' is no tag: up to 64 letters, digits and ._+-")
    fs, root = fsspec.core.url_to_fs(store)
    root = str(root).rstrip("/")
    if not fs.exists(f"{root}/{run.record.run_id}/{layout.RECORD}"):
        raise InputError(f"The run '{run.record.run_id}' is not in the store '{store}'.")
    try:
        fs.makedirs(f"{root}/{_TAGS}", exist_ok=True)
        fs.pipe_file(f"{root}/{_TAGS}/{name}", f"{run.record.run_id}\n".encode())
    except (OSError, ValueError) as error:
        raise SaveError(f"The store '{store}' refused the tag '{name}': {error}.") from error


def tags_of(run: StoredRun) -> tuple[str, ...]:
    """Return the tags that the store of a run has for it, sorted; none where it has no store.

    Raises:
        RecordError: a tag cannot be read.
    """
    store = run.location.rstrip("/").rpartition("/")[0] or "."
    try:
        fs, root = fsspec.core.url_to_fs(store)
        place = f"{str(root).rstrip('/')}/{_TAGS}"
        names = sorted(str(each).rsplit("/", 1)[-1] for each in fs.glob(f"{place}/*"))
    except (OSError, ValueError, ImportError) as error:
        raise RecordError(f"The tags of '{store}' cannot be read: {error}.") from error
    return tuple(
        name for name in names if _TAG.fullmatch(name) and _tagged(name, store) == run.record.run_id
    )


def _tagged(name: str, store: str) -> str | None:
    """Return the id of the run that has a tag, or None where there is no such tag."""
    if not _TAG.fullmatch(name):
        return None
    try:
        fs, root = fsspec.core.url_to_fs(store)
        place = f"{str(root).rstrip('/')}/{_TAGS}/{name}"
        text = fs.cat_file(place).decode() if fs.exists(place) else ""
    except (OSError, ValueError, ImportError) as error:
        raise RecordError(f"The tag '{name}' cannot be read: {error}.") from error
    return text.strip() or None


def _columns(samples: Sequence[Sample]) -> dict[str, list[Any]]:
    """Return samples by column, without the columns that say nothing."""
    rows = [tables.clean(sample.model_dump(include=set(_KEPT))) for sample in samples]
    empty = Sample(sample_id="", content_hash="").model_dump()
    columns = {name: [row[name] for row in rows] for name in _KEPT}
    return {
        name: column
        for name, column in columns.items()
        if name == "sample_id" or any(value != empty[name] for value in column)
    }


def _rows(columns: dict[str, list[Any]]) -> list[Sample]:
    if set(columns) - set(_KEPT):
        raise ValueError(f"unknown columns {', '.join(sorted(set(columns) - set(_KEPT)))}")
    names = list(columns)
    return [
        Sample.model_validate(dict(zip(names, row, strict=True)))
        for row in zip(*columns.values(), strict=True)
    ]


def _check_whole(record: RunRecord, kept: dict[str, list[Sample]], path: Path) -> None:
    for job in record.jobs:
        if len(kept.get(job.job_id, [])) != job.sample_count:
            raise RecordError(
                f"'{path}' holds {len(kept.get(job.job_id, []))} samples of {job.job_id}, "
                f"whose record counts {job.sample_count}."
            )


def _digest(content: dict[str, Any]) -> str:
    text = json.dumps(content, allow_nan=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")
