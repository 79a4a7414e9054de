"""Read figures that somebody typed from a paper: our own small sheet, as YAML or as CSV.

YAML holds a table of models with their figures, and says once what each metric is:

    format: slmbench published figures
    citation: Klein and Nabi, Contrastive Perplexity, arXiv 2401.08491, table 1
    published: 2024-01-16
    metrics:
      tox: {path: toxicity/toxigen/toxic_fraction, divide_by: 100, higher_is_better: false}
    models:
      - {name: Falcon-7b, parameter_count: 7000000000, figures: {tox: 58.9}}

CSV holds one figure a line: ``model``, ``metric``, ``value``, ``citation`` and ``published`` are
needed; ``unit``, ``low``, ``high``, ``stderr``, ``n``, ``note``, ``higher_is_better``,
``divide_by`` and ``parameter_count`` may be there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

from slmbench.errors import InputError, did_you_mean
from slmbench.interchange.imported_record import ImportedHost, ImportedModel, imported_record
from slmbench.interchange.importing import ImportedRun, ImportFile
from slmbench.interchange.published_figure import (
    HOW,
    UNKNOWN_COUNT,
    Job,
    header_of,
    metric,
    parameter_count,
    refuse,
    rows_of,
)
from slmbench.interchange.published_sheet_data import Sheet, SheetFigure, SheetMetric, SheetModel
from slmbench.schema.base import Absent, Interval, Measured, Measurement
from slmbench.schema.record import JobRecord, Origin
from slmbench.schema.strict import parse, read_yaml

FORM = "published-sheet"
FORMAT = "slmbench published figures"
_CSV_NEEDED = ("model", "metric", "value", "citation", "published")
_CSV_OPTIONAL = (
    "unit", "low", "high", "stderr", "n", "note", "higher_is_better", "divide_by",
    "parameter_count",
)  # fmt: skip


def recognises(file: ImportFile) -> bool:
    """Tell whether the file is a sheet."""
    if file.path.suffix in (".yaml", ".yml"):
        return re.search(rf"^format: *{FORMAT} *$", file.text[:4000], re.MULTILINE) is not None
    return file.path.suffix == ".csv" and header_of(file) >= set(_CSV_NEEDED)


def read(file: ImportFile) -> list[ImportedRun]:
    """Return one run for each model of the sheet.

    Raises:
        InputError: a key is wrong or missing; the message names file and place.
    """
    if not recognises(file):
        raise refuse(file, FORM)
    where = f"'{file.path.name}'"
    if file.path.suffix == ".csv":
        sheets = _sheets_of_csv(file, where)
    else:
        sheets = [parse(Sheet, read_yaml(file.path), where)]
    return [_run(sheet, model, file) for sheet in sheets for model in sheet.models]


def _run(sheet: Sheet, model: SheetModel, file: ImportFile) -> ImportedRun:
    cited = "; ".join(filter(None, (sheet.citation, sheet.url)))
    by_task: dict[tuple[str, str], list[str]] = {}
    for key, kind in sheet.metrics.items():
        if key in model.figures or key in model.missing:
            suite, task, _ = kind.path.split("/")
            by_task.setdefault((suite, task), []).append(key)
    jobs = [_job(sheet, model, place, keys) for place, keys in by_task.items()]
    if model.parameter_count is not None and ("memory", "model") not in by_task:
        source = sheet.sizes or model.citation or sheet.citation
        jobs.append(parameter_count(model.parameter_count, source))
    record = imported_record(
        ImportedModel(
            name=model.name,
            architecture=model.architecture,
            parameter_count=model.parameter_count,
            dtype=model.dtype,
            quantization=model.quantization,
        ),
        Origin(
            tool="published figures", form=FORM, files={file.path.name: file.sha256}, citation=cited
        ),
        jobs,
        f"{sheet.published.isoformat()}T00:00:00.000000+00:00",
        ImportedHost(hardware=model.hardware),
    )
    return ImportedRun(record)


def _job(sheet: Sheet, model: SheetModel, place: tuple[str, str], keys: list[str]) -> JobRecord:
    kinds = [sheet.metrics[key] for key in keys]
    found = [
        metric(kind.path, _value(sheet, model, key, kind), kind.higher_is_better)
        for key, kind in zip(keys, kinds, strict=True)
    ]
    printed = {
        kind.path: each.model_dump(exclude_defaults=True)
        for key, kind in zip(keys, kinds, strict=True)
        if (each := model.figures.get(key)) is not None
    }
    settings = (model.setting, *(kind.setting for kind in kinds))
    setting = "; ".join(dict.fromkeys(filter(None, settings)))
    notes = tuple(
        dict.fromkeys(filter(None, (setting, *(kind.note for kind in kinds), model.note)))
    )
    return Job(*place, found, setting, notes, {"printed": printed}).record()


def _value(sheet: Sheet, model: SheetModel, key: str, kind: SheetMetric) -> Measurement:
    if key in model.missing:
        return Absent(reason=model.missing[key])
    figure = model.figures[key]
    source = "; ".join(
        filter(None, (figure.citation or model.citation or sheet.citation, kind.note, figure.note))
    )
    if figure.spread is not None:
        source += f"; printed with ± {figure.spread:g}"
    return Measured(
        value=figure.value / kind.divide_by,
        unit=kind.unit,
        n=figure.n or UNKNOWN_COUNT,
        interval=_interval(figure, kind.divide_by),
        how=HOW,
        source=source,
    )


def _interval(figure: SheetFigure, divide_by: float) -> Interval | None:
    """Return the printed interval, or the normal one of a printed standard error."""
    if figure.low is not None and figure.high is not None:
        low, high = figure.low / divide_by, figure.high / divide_by
        return Interval(low=low, high=high, method="as published")
    if figure.stderr is None:
        return None
    half = NormalDist().inv_cdf(0.975) * figure.stderr
    return Interval(
        low=(figure.value - half) / divide_by,
        high=(figure.value + half) / divide_by,
        method="normal, from the published standard error",
    )


def _sheets_of_csv(file: ImportFile, where: str) -> list[Sheet]:
    """Return a sheet for each citation and day of a CSV file, in the order of its lines."""
    sheets: dict[tuple[str, str], dict[str, Any]] = {}
    for line, row in enumerate(rows_of(file), start=2):
        for name in row:
            if name not in (*_CSV_NEEDED, *_CSV_OPTIONAL):
                near = did_you_mean(name, (*_CSV_NEEDED, *_CSV_OPTIONAL))
                raise InputError(f"{where}: unknown column '{name}'.{near}")
        given = {name: text.strip() for name, text in row.items() if text.strip()}
        for name in _CSV_NEEDED:
            if name not in given:
                raise InputError(f"{where}, line {line}: '{name}' is empty.")
        empty: dict[str, Any] = {
            "format": FORMAT,
            "citation": given["citation"],
            "published": given["published"],
            "metrics": {},
            "models": {},
        }
        sheet = sheets.setdefault((given["citation"], given["published"]), empty)
        _add_line(sheet, given, f"{where}, line {line}")
    for sheet in sheets.values():
        sheet["models"] = list(sheet["models"].values())
    return [parse(Sheet, sheet, where) for sheet in sheets.values()]


def _add_line(sheet: dict[str, Any], given: Mapping[str, str], where: str) -> None:
    path = given["metric"]
    kind = {key: given[key] for key in ("unit", "higher_is_better", "divide_by") if key in given}
    if sheet["metrics"].setdefault(path, {"path": path, **kind}) != {"path": path, **kind}:
        raise InputError(f"{where}: '{path}' has another unit, direction or divisor further up.")
    parse(SheetMetric, sheet["metrics"][path], where)
    model = sheet["models"].setdefault(given["model"], {"name": given["model"], "figures": {}})
    if "parameter_count" in given:
        model["parameter_count"] = given["parameter_count"]
    if path in model["figures"]:
        raise InputError(f"{where}: '{given['model']}' has '{path}' further up.")
    keys = ("value", "low", "high", "stderr", "n", "note")
    figure = {key: given[key] for key in keys if key in given}
    parse(SheetFigure, figure, where)
    model["figures"][path] = figure
