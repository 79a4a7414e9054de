"""Files of samples of lm-eval, ``samples_TASK_DATE.jsonl``, as samples of ours."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slmbench.errors import InputError
from slmbench.interchange.importing import ImportFile
from slmbench.interchange.kept_json import json_as_it_was, keep_json
from slmbench.schema.record import Sample
from slmbench.suites.lm_eval_names import WEIGHTED, answer_of, shown_name, weight_name
from slmbench.suites.taskfile import text_hash

#: Where a run of ours keeps the lines of the file as they were.
LINES = "lm_eval_samples"
#: A key of exported rows: a run of ours has one hash of what was asked, not lm-eval's three.
OWN_HASH = "slmbench_content_hash"
#: Where a results document holds its samples itself.
WITHIN = "samples"
_HASHES = ("doc_hash", "prompt_hash", "target_hash")
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?")
_NAME = re.compile(rf"samples_(?P<task>.+)_(?P<date>{_DATE.pattern})")


@dataclass(frozen=True)
class SampleRows:
    """The lines of one file, as text and parsed."""

    file: ImportFile
    task: str
    lines: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]


def date_of(path: Path) -> str | None:
    """Return the date in a file's name, as lm-eval writes it; the last one where there are two."""
    found = _DATE.findall(path.stem)
    return found[-1] if found else None


def file_safe(name: str) -> str:
    """Return a name of a task or model as lm-eval puts it into a path."""
    return re.sub(r"[\"<>:/|\\?*\[\]]+", "__", name)


def is_samples(file: ImportFile) -> bool:
    """Tell whether a file holds lm-eval's samples, by its first line."""
    first = file.text.lstrip().partition("\n")[0]
    if not first.startswith("{") or '"doc_id"' not in first:
        return False
    try:
        row = json.loads(first)
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) and {"doc_id", "resps", "target"} <= row.keys()


def samples_beside(results: Path) -> list[ImportFile]:
    """Return the files of samples that were written with a results file, by name."""
    date = date_of(results)
    files = sorted(results.parent.glob("samples_*.jsonl"))
    return [ImportFile(path) for path in files if date is not None and date_of(path) == date]


def results_beside(samples: Path) -> Path:
    """Return the results file that a file of samples belongs to.

    Raises:
        InputError: it is not in the same folder.
    """
    date = date_of(samples)
    found = [
        path
        for path in sorted(samples.parent.glob("*results*.json"))
        if date is not None and date_of(path) == date
    ]
    if len(found) != 1:
        raise InputError(
            f"'{samples}' holds lm-eval's samples, and the results file they belong to "
            f"(results_{date or 'DATE'}.json) is not beside it: put it there."
        )
    return found[0]


def read_rows(file: ImportFile) -> SampleRows:
    """Return the rows of a file of samples.

    Raises:
        InputError: a line is damaged, or the name doesn't say of which task it is.
    """
    named = _NAME.fullmatch(file.path.stem)
    if named is None:
        raise InputError(
            f"'{file.path}' is not named samples_TASK_DATE.jsonl, so its task is not known."
        )
    lines, rows = [], []
    for number, line in enumerate(file.text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = str(error)
            raise InputError(f"'{file.path}' is damaged at line {number}: {reason}.") from error
        if not isinstance(row, dict) or "doc_id" not in row:
            raise InputError(f"'{file.path}', line {number}, is no sample of lm-eval.")
        lines.append(line)
        rows.append(row)
    return SampleRows(file, named["task"], tuple(lines), tuple(rows))


def rows_within(file: ImportFile, document: Mapping[str, Any]) -> list[SampleRows]:
    """Return the rows of each task that a results document holds itself, as ``samples``.

    lm-eval's Python interface returns them so, and what is made of it may be stored so.

    Raises:
        InputError: they are no rows of samples, or of a task without results.
    """
    given = document.get(WITHIN)
    if given is None:
        return []
    tables = given if isinstance(given, dict) else {"?": given}
    found = []
    for task, rows in tables.items():
        fits = isinstance(rows, list) and all(
            isinstance(row, dict) and "doc_id" in row for row in rows
        )
        if not fits or task not in document["results"]:
            why = "has no results" if fits else "is no list of lm-eval's samples"
            raise InputError(f"'{file.path}' is damaged: '{WITHIN}' of the task '{task}' {why}.")
        lines = tuple(json_as_it_was(keep_json(row), indent=None) for row in rows)
        found.append(SampleRows(file, file_safe(task), lines, tuple(rows)))
    return found


def samples_of(
    rows: Sequence[Mapping[str, Any]],
    metrics: Sequence[str],
    filters: Sequence[str],
    rules: Mapping[str, str],
) -> list[Sample]:
    """Return one sample for each document; lm-eval logs a row for each document and filter.

    Args:
        rows: the file's rows.
        metrics: the task's metrics; files before lm-eval 0.4.4 do not name them in each row.
        filters: the task's filters, in the order of its results.
        rules: metric -> lm-eval's aggregation.
    """
    merged: dict[str, _Entry] = {}
    seen: Counter[str] = Counter()
    for row in rows:
        key = str(row["doc_id"])
        used = _filter_of(row, filters, seen[key])
        seen[key] += 1
        entry = merged.setdefault(key, _Entry(row, {}, {}))
        for name in _names(row, metrics):
            _score(entry, shown_name(name, used, filters), name, row[name], rules)
    ids = [_own_id(entry.row) for entry in merged.values()]
    # An id of the data that comes twice is no id.
    plain = len(set(ids)) < len(ids)
    return [
        _sample(entry, key if plain else own)
        for (key, entry), own in zip(merged.items(), ids, strict=True)
    ]


@dataclass(frozen=True)
class _Entry:
    row: Mapping[str, Any]
    scores: dict[str, float]
    unscored: dict[str, str]


def _filter_of(row: Mapping[str, Any], filters: Sequence[str], occurrence: int) -> str:
    if isinstance(row.get("filter"), str):
        return str(row["filter"])
    # lm-eval before 0.4.4 wrote all documents of one filter, then all of the next.
    return filters[occurrence] if occurrence < len(filters) else "none"


def _names(row: Mapping[str, Any], metrics: Sequence[str]) -> list[str]:
    named = row.get("metrics")
    known = named if isinstance(named, list) else metrics
    return [name for name in known if isinstance(name, str) and name in row]


def _score(entry: _Entry, shown: str, name: str, value: Any, rules: Mapping[str, str]) -> None:
    pair = value if isinstance(value, list) and len(value) == 2 else None
    if rules.get(name) in WEIGHTED and pair is not None and all(map(_is_finite, pair)):
        entry.scores["loglikelihood"] = float(pair[0])
        entry.scores[weight_name(shown)] = float(pair[1])
    elif _is_finite(value):
        entry.scores[shown] = float(value)
    else:
        kind = type(value).__name__ if isinstance(value, list | dict) else repr(value)[:40]
        entry.unscored[shown] = f"lm-eval's file gives no number of its own for it ({kind})"


def _sample(entry: _Entry, sample_id: str) -> Sample:
    row = entry.row
    document = row["doc"] if isinstance(row.get("doc"), dict) else {}
    cluster = document.get("cluster", document.get("subject"))
    arguments = _arguments(row.get("arguments"))
    choices = [each[1] for each in arguments if len(each) > 1]
    loglikelihoods = _loglikelihoods(row.get("resps"), arguments)
    filtered = row.get("filtered_resps")
    return Sample(
        sample_id=sample_id,
        content_hash=_content_hash(row, arguments),
        cluster=None if cluster is None else str(cluster),
        prompt=str(arguments[0][0]) if arguments and arguments[0] else None,
        output=answer_of(loglikelihoods, choices, filtered if isinstance(filtered, list) else []),
        target=None if row.get("target") is None else str(row["target"]),
        scores=entry.scores,
        unscored=entry.unscored,
        loglikelihoods=loglikelihoods,
        status="ok" if entry.scores else "unscored",
        reason=None if entry.scores else "no metric gave this item a score of its own",
    )


def _own_id(row: Mapping[str, Any]) -> str:
    document = row.get("doc")
    return str(document.get("id", row["doc_id"]) if isinstance(document, dict) else row["doc_id"])


def _content_hash(row: Mapping[str, Any], arguments: Sequence[Sequence[Any]]) -> str:
    """Return the hash an own run has of the same item, from the three that lm-eval keeps."""
    if isinstance(row.get(OWN_HASH), str):
        return str(row[OWN_HASH])
    if all(isinstance(row.get(name), str) for name in _HASHES):
        return text_hash(*(row[name] for name in _HASHES))
    asked = [row.get("doc"), arguments, row.get("target")]
    kept = (keep_json(each) for each in asked)
    return text_hash(*(json.dumps(each, allow_nan=False, sort_keys=True) for each in kept))


def _arguments(given: Any) -> list[list[Any]]:
    """Return the arguments of each request: a list of lists in old files, else numbered dicts."""
    if isinstance(given, dict):
        given = list(given.values())
    if not isinstance(given, list):
        return []
    values = [list(each.values()) if isinstance(each, dict) else each for each in given]
    return [each for each in values if isinstance(each, list)]


def _loglikelihoods(resps: Any, arguments: Sequence[Sequence[Any]]) -> tuple[float, ...]:
    """Return one for each request that was scored; the file holds numbers as text.

    A scored continuation is ``[number, is it greedy]``; a bare number is the score of a whole
    text, which has no second argument, where an answer in words has its settings.
    """
    found = []
    rolling = all(len(each) == 1 for each in arguments)
    for group in resps if isinstance(resps, list) else []:
        for each in group if isinstance(group, list) else [group]:
            pair = isinstance(each, list) and len(each) == 2
            if pair or (rolling and isinstance(each, str | int | float)):
                found.append(_number(each[0] if pair else each))
    known = [each for each in found if each is not None]
    return tuple(known) if len(known) == len(found) else ()


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and _number(value) is not None
