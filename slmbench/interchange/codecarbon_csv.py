"""Read the ``emissions.csv`` of codecarbon, and the CSV of its tasks.

A run is one ``run_id``; its numbers are totals, since the file says nothing of models, requests or
tokens: the project's name stands in place of a model's. Of several rows of one run (codecarbon
appends one at every flush) the last has the whole. kWh become joules, kg become grams.

Every energy is ``estimated``: the file has no field that tells a reading of a sensor from
codecarbon's model of the processor, and its constant for the memory is always one. Coordinates are
not kept. Tested on files that codecarbon 3.3.2 wrote.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

from slmbench.errors import InputError
from slmbench.interchange.imported_record import (
    UNKNOWN_TIME,
    ImportedHost,
    ImportedModel,
    imported_record,
)
from slmbench.interchange.importing import ImportedRun, ImportFile
from slmbench.interchange.tool_values import Place, amount, base_name, kept, task_name, utc_time
from slmbench.schema.record import JobRecord, Metric, Origin

FORM = "codecarbon"
_KEYS = {"timestamp", "project_name", "run_id", "duration", "emissions", "energy_consumed"}
_J_PER_KWH = 3.6e6
#: Our name -> codecarbon's column, our unit, and how many of ours one of theirs is.
_TOTALS = {
    "energy_j": ("energy_consumed", "J", _J_PER_KWH),
    "cpu_energy_j": ("cpu_energy", "J", _J_PER_KWH),
    "gpu_energy_j": ("gpu_energy", "J", _J_PER_KWH),
    "ram_energy_j": ("ram_energy", "J", _J_PER_KWH),
    "gco2e": ("emissions", "g", 1e3),
}
#: So far apart energy over time and the sum of the powers may be: powers are means of readings.
_APART = 0.25
_PRIVATE = {"longitude", "latitude"}
_UNPROVEN = (
    "codecarbon's file does not say whether a sensor was read or the power modelled: every energy "
    "counts as estimated"
)
_WHOLE = "codecarbon measures the whole machine unless tracking_mode is process"


def recognises(file: ImportFile) -> bool:
    """Tell whether the first line names codecarbon's columns."""
    first = next(iter(file.text[:65536].splitlines()), "")
    return {each.strip().strip('"') for each in first.split(",")} >= _KEYS


def read(file: ImportFile) -> list[ImportedRun]:
    """Return one run for each ``run_id``, in the order of the file.

    Raises:
        InputError: a row has no run or more cells than the header, or the file has no row.
    """
    runs: dict[str, dict[str, Mapping[str, str]]] = {}
    for line, row in _rows(file):
        run = row["run_id"].strip()
        if not run:
            raise InputError(f"'{file.path.name}', line {line}: it has no run_id.")
        # A later row of the same run and task is the same measurement, continued.
        runs.setdefault(run, {})[row.get("task_name", "")] = row
    if not runs:
        raise InputError(f"'{file.path.name}' holds no row: let the tracker stop before reading.")
    return [_run(file, list(rows.values())) for rows in runs.values()]


def _rows(file: ImportFile) -> list[tuple[int, Mapping[str, str]]]:
    reader = csv.reader(io.StringIO(file.text.replace("\0", ""), newline=""))
    found: list[tuple[int, Mapping[str, str]]] = []
    header: list[str] = []
    try:
        for cells in reader:
            if not header:
                header = [each.strip() for each in cells]
                if not set(header) >= _KEYS:
                    raise InputError(
                        f"'{file.path.name}': the first line does not name codecarbon's columns."
                    )
            elif cells and len(cells) != len(header):
                raise InputError(
                    f"'{file.path.name}', line {reader.line_num}: {len(cells)} cells under "
                    f"{len(header)} columns."
                )
            elif cells:
                found.append((reader.line_num, dict(zip(header, cells, strict=True))))
    except csv.Error as error:
        raise InputError(f"'{file.path.name}', line {reader.line_num}: {error}.") from error
    return found


def _run(file: ImportFile, rows: list[Mapping[str, str]]) -> ImportedRun:
    first = rows[0]
    tool = f"codecarbon {first.get('codecarbon_version', '')}".strip()
    jobs: dict[str, JobRecord] = {}
    for row in rows:
        task = task_name(FORM, row.get("task_name") or row["project_name"])
        single, again = task, 2
        while f"energy/{task}" in jobs:
            task, again = f"{single}-{again}", again + 1
        jobs[f"energy/{task}"] = _job(Place("energy", task, f"estimated: {tool}"), row)
    record = imported_record(
        ImportedModel(name=base_name(first["project_name"].strip()) or "unnamed"),
        Origin(tool=tool, form=FORM, files={file.path.name: file.sha256}),
        list(jobs.values()),
        utc_time(first["timestamp"]) or UNKNOWN_TIME,
        _host(first),
    )
    return ImportedRun(record)


def _job(place: Place, row: Mapping[str, str]) -> JobRecord:
    mode = row.get("tracking_mode", "").strip()
    told = f"one total of codecarbon, tracking mode {mode or 'unknown'}"
    values = {column: _number(row.get(column, "")) for column in row}
    metrics: list[Metric] = []
    for name, (column, unit, factor) in _TOTALS.items():
        value = values.get(column)
        if value is None:
            metrics.append(place.absent(name, "the file gives no number for it", "lower"))
        elif column == "gpu_energy" and not value and not row.get("gpu_model", "").strip():
            metrics.append(place.absent(name, "codecarbon found no GPU", "lower"))
        else:
            known = place.known(value * factor, unit, told, 1)
            metrics.append(place.metric(name, known, "lower"))
    energy, seconds = values["energy_consumed"], values["duration"]
    if seconds is not None:
        clocked = Place(place.suite, place.task, place.how.replace("estimated", "imported", 1))
        known = clocked.known(seconds, "s", "codecarbon's clock", 1)
        metrics.append(clocked.metric("elapsed_s", known, "lower"))
    if energy is not None and seconds:
        metrics.append(_power(place, energy * _J_PER_KWH / seconds, values, told))
    notes = (_UNPROVEN,) if mode == "process" else (_UNPROVEN, _WHOLE)
    row_kept = kept({key: value for key, value in row.items() if key not in _PRIVATE})
    return JobRecord(
        job_id=f"energy/{place.task}", suite=place.suite, task=place.task, status="done",
        metrics=tuple(metrics), notes=notes, details={FORM: row_kept},
    )  # fmt: skip


def _power(place: Place, mean_w: float, values: Mapping[str, float | None], told: str) -> Metric:
    """Return the mean power where the file's own powers bear it out.

    Of a tracker that ran tasks, the row of the run has the energy of all and the time of the last.
    """
    own_w = [values.get(f"{part}_power") for part in ("cpu", "gpu", "ram")]
    stated_w = sum(each for each in own_w if each is not None)
    if any(each is not None for each in own_w) and abs(mean_w - stated_w) > _APART * stated_w:
        why = (
            f"energy over duration is {mean_w:.3g} W, and the file's powers add up to "
            f"{stated_w:.3g} W: its energy and its duration are not of the same time"
        )
        return place.absent("mean_power_w", why, None)
    return place.metric("mean_power_w", place.known(mean_w, "W", f"{told}, over its time", 1), None)


def _number(cell: str) -> float | None:
    try:
        return amount(float(cell))
    except ValueError:
        return None


def _host(row: Mapping[str, str]) -> ImportedHost:
    hardware = {
        "cpu": row.get("cpu_model", ""),
        "gpu": row.get("gpu_model", ""),
        "memory_gb": row.get("ram_total_size", ""),
        "country": row.get("country_iso_code", ""),
    }
    software = {
        "codecarbon": row.get("codecarbon_version", ""),
        "python": row.get("python_version", ""),
        "os": row.get("os", ""),
    }
    return ImportedHost(
        hardware={key: value.strip() for key, value in hardware.items() if value.strip()},
        software={key: value.strip() for key, value in software.items() if value.strip()},
    )
