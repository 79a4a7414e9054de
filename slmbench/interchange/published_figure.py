"""What the importers of published figures share: numbers marked as published, and their jobs."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slmbench.errors import InputError
from slmbench.interchange.importing import ImportFile
from slmbench.schema.base import Absent, Interval, Measured, Measurement
from slmbench.schema.record import Fingerprints, JobRecord, Metric

HOW = "published"
#: ``n`` of a figure whose source doesn't say how many items or repeats it rests on. A gate refuses
#: such a number ("rests on no item"), which is right: nobody can say how sure it is.
UNKNOWN_COUNT = 0


@dataclass(frozen=True)
class Job:
    """One task's figures before they are a job.

    Attributes:
        setting: what else must be equal for two of these numbers to be comparable (batch size,
            few-shot count, protocol); a board marks the cells of a column where it differs.
    """

    suite: str
    task: str
    metrics: Sequence[Metric]
    setting: str = ""
    notes: Sequence[str] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    def record(self) -> JobRecord:
        """Return the finished job."""
        return JobRecord(
            job_id=f"{self.suite}/{self.task}",
            suite=self.suite,
            task=self.task,
            status="done",
            fingerprints=Fingerprints(task=self.setting),
            metrics=tuple(self.metrics),
            notes=tuple(self.notes),
            details=dict(self.details),
        )


def published(
    value: float | None,
    unit: str,
    source: str,
    n: int = UNKNOWN_COUNT,
    interval: Interval | None = None,
) -> Measurement:
    """Return a figure as it was published; None is Absent, never a number."""
    if value is None:
        return Absent(reason=f"the source gives no number here: {source}")
    return Measured(value=value, unit=unit, n=n, interval=interval, how=HOW, source=source)


def metric(path: str, value: Measurement, higher_is_better: bool | None) -> Metric:
    """Return the metric of a full name ``suite/task/metric``."""
    suite, task, name = path.split("/")
    return Metric(
        suite=suite, task=task, metric=name, value=value, higher_is_better=higher_is_better
    )


def parameter_count(count: int, source: str) -> JobRecord:
    """Return the job that carries a model's size, so that a picture can have it as an axis."""
    value = published(float(count), "", source, n=1)
    found = metric("memory/model/parameter_count", value, higher_is_better=False)
    # One setting for all: a count of parameters is asked in one way only.
    return Job("memory", "model", [found], "parameters").record()


def rows_of(file: ImportFile) -> list[dict[str, str]]:
    """Return the rows of a CSV file with a header.

    Raises:
        InputError: a row has more or fewer fields than the header, or there is no row.
    """
    reader = csv.reader(io.StringIO(file.text, newline=""))
    try:
        header, rows = next(reader, []), []
        for row in reader:
            if len(row) != len(header):
                raise InputError(
                    f"'{file.path.name}', line {reader.line_num}: {len(row)} fields, and the "
                    f"header has {len(header)}. Export the table again."
                )
            rows.append(dict(zip(header, row, strict=True)))
    except csv.Error as error:
        raise InputError(f"'{file.path.name}', line {reader.line_num}: {error}.") from error
    if not rows:
        raise InputError(f"'{file.path.name}' has no row below its header.")
    return rows


def header_of(file: ImportFile) -> frozenset[str]:
    """Return the names in the first line of a CSV file, or none where it is no such file."""
    first = file.text[:20_000].partition("\n")[0].rstrip("\r")
    try:
        return frozenset(next(csv.reader([first]), []))
    except csv.Error:
        return frozenset()


def number(raw: object, where: str) -> float | None:
    """Return a finite number, or None for an empty field, NaN and infinity.

    Raises:
        InputError: it is neither; the message starts with ``where``.
    """
    if raw is None or (isinstance(raw, str) and not raw.strip()):
        return None
    try:
        if isinstance(raw, bool) or not isinstance(raw, str | int | float):
            raise ValueError
        value = float(raw)
    except (ValueError, OverflowError):
        raise InputError(f"{where}: '{raw}' is not a number.") from None
    return value if math.isfinite(value) else None


def refuse(file: ImportFile, form: str) -> InputError:
    """Return the error of a file that is not of the format it was said to be."""
    return InputError(
        f"'{file.path.name}' is not of the format '{form}'. Leave --format away: each file tells."
    )


def model_name(raw: object, where: str) -> str:
    """Return a model's name.

    Raises:
        InputError: it is empty, or no text; the message starts with ``where``.
    """
    if not isinstance(raw, str) or not raw.strip():
        raise InputError(f"{where}: the model has no name.")
    return raw.strip()


def rounded_parameters(file: ImportFile, model: str, levels: int) -> tuple[int | None, list[Path]]:
    """Return a model's size from ML.ENERGY's ``models.json`` beside or above a file.

    Args:
        file: the file of figures.
        model: the model's key in that table.
        levels: how many folders above the file to look.

    Returns:
        The parameters, rounded to billions by the table's authors, or None; and the table's path.
    """
    for folder in list(file.path.absolute().parents)[: levels + 1]:
        path = folder / "models.json"
        if not path.is_file():
            continue
        try:
            table = json.loads(path.read_bytes())
            billions = table[model]["params"]
        except (OSError, ValueError, KeyError, TypeError):
            return None, []
        known = isinstance(billions, int | float) and 0 < billions < 1e6
        return (round(billions * 1e9), [path]) if known else (None, [])
    return None, []
