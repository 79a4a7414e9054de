"""Read a table of the Open LLM Leaderboard, first or second version, as CSV: a run for each row.

Version 1 (2023): percents of ARC, HellaSwag, MMLU and TruthfulQA. Version 2 (2024 to 2025): raw and
normalized scores of six tasks, and the carbon dioxide of the evaluation, which the board estimates
as evaluation time x 5.6 kW x 269.8 g/kWh (huggingface.co/docs/leaderboards, page "emissions").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from slmbench.interchange.imported_record import ImportedModel, imported_record
from slmbench.interchange.importing import ImportedRun, ImportFile
from slmbench.interchange.published_figure import (
    Job,
    header_of,
    metric,
    model_name,
    number,
    parameter_count,
    published,
    refuse,
    rows_of,
)
from slmbench.schema.base import Absent, Measurement
from slmbench.schema.record import JobRecord, Origin

FORM = "open-llm-leaderboard"
CITATION_V1 = "Open LLM Leaderboard v1 (2023), https://huggingface.co/open-llm-leaderboard-old"
CITATION_V2 = "Open LLM Leaderboard v2 (2024-2025), https://huggingface.co/open-llm-leaderboard"
_CO2_RULE = "the board's estimate: evaluation time x 5.6 kW x 269.8 g/kWh"
_AVERAGE = "Average ⬆️"
_CO2 = "CO₂ cost (kg)"
_SIZE = "#Params (B)"
#: A number of the row, and a page's link to the model by its name: neither is a result.
_NOT_RESULTS = ("", "Model")
#: Where neither a row nor the file's name gives a day: the day that the board opened.
_OPENED_V1, _OPENED_V2 = "2023-05-08", "2024-06-26"
_DAY = re.compile(r"20\d\d-[01]\d-[0-3]\d")
_DAY_IN_NAME = re.compile(r"(20\d\d)-?([01]\d)-?([0-3]\d)")


@dataclass(frozen=True)
class _Task:
    """A column of the board: lm-eval's name of the task, and how it was asked."""

    column: str
    task: str
    shots: int
    metric: str


#: Metrics and few-shot counts: huggingface.co/docs/leaderboards, the pages "about" and "archive".
_V1 = (
    _Task("ARC(25-shot)", "arc_challenge_25shot", 25, "acc_norm"),
    _Task("HellaSwag(10-shot)", "hellaswag_10shot", 10, "acc_norm"),
    _Task("MMLU(5-shot)", "mmlu_5shot", 5, "acc"),
    _Task("TruthfulQA(0-shot)", "truthfulqa_mc2_0shot", 0, "acc"),
)
_V2 = (
    _Task("IFEval", "leaderboard_ifeval", 0, "strict_acc"),
    _Task("BBH", "leaderboard_bbh", 3, "acc_norm"),
    _Task("MATH Lvl 5", "leaderboard_math_hard", 4, "exact_match"),
    _Task("GPQA", "leaderboard_gpqa", 0, "acc_norm"),
    _Task("MUSR", "leaderboard_musr", 0, "acc_norm"),
    _Task("MMLU-PRO", "leaderboard_mmlu_pro", 5, "acc"),
)


def recognises(file: ImportFile) -> bool:
    """Tell whether the file is a table of the board."""
    header = header_of(file)
    return _is_v1(header) or _is_v2(header)


def read(file: ImportFile) -> list[ImportedRun]:
    """Return one run for each row, in the order of the file; equal rows stay two runs.

    Raises:
        InputError: a row is damaged or a score no number; the message gives the line.
    """
    if not recognises(file):
        raise refuse(file, FORM)
    second = _is_v2(header_of(file))
    files = {file.path.name: file.sha256}
    citation = CITATION_V2 if second else CITATION_V1
    origin = Origin(tool=citation.partition(" (")[0], form=FORM, files=files, citation=citation)
    row_run = _second if second else _first
    name = file.path.name
    return [
        row_run(row, f"'{name}', line {line}", line, origin, _day_in_name(name))
        for line, row in enumerate(rows_of(file), start=2)
    ]


def _is_v1(header: frozenset[str]) -> bool:
    return {"Model", *(each.column for each in _V1)} <= header


def _is_v2(header: frozenset[str]) -> bool:
    return {"fullname", _SIZE, *(f"{each.column} Raw" for each in _V2)} <= header


def _first(
    row: Mapping[str, str], where: str, line: int, origin: Origin, day: str | None
) -> ImportedRun:
    jobs = []
    for each in _V1:
        value = _share(row[each.column], f"{where}, {each.column}")
        found = metric(f"accuracy/{each.task}/{each.metric}", _scored(value, CITATION_V1), True)
        details = {"published": {each.column: row[each.column]}, "num_fewshot": each.shots}
        setting = f"{each.shots}-shot"
        jobs.append(Job("accuracy", each.task, [found], setting, (setting,), details).record())
    average = _share(row.get("Average"), f"{where}, Average")
    path = "accuracy/open_llm_leaderboard_v1/mean_score"
    # "Parameters" is no count: models of 7 billion have 10.0. It stays what it is, in the row.
    jobs.append(_whole_row(row, line, path, _scored(average, CITATION_V1)))
    created = f"{day or _OPENED_V1}T00:00:00.000000+00:00"
    model = ImportedModel(model_name(row["Model"], where))
    return ImportedRun(imported_record(model, origin, jobs, created))


def _second(
    row: Mapping[str, str], where: str, line: int, origin: Origin, day: str | None
) -> ImportedRun:
    chat = ("chat template applied",) if row.get("Chat Template") == "True" else ()
    jobs = [_second_task(row, each, where, chat) for each in _V2]
    average = _share(row.get(_AVERAGE), f"{where}, {_AVERAGE}")
    path = "accuracy/open_llm_leaderboard_v2/mean_normalized_score"
    jobs.append(_whole_row(row, line, path, _scored(average, CITATION_V2)))
    jobs.append(_carbon(row, where))
    billions = number(row[_SIZE], f"{where}, {_SIZE}")
    size = round(billions * 1e9) if billions is not None and billions > 0 else None
    if size is not None:
        jobs.append(parameter_count(size, f"{CITATION_V2}, column {_SIZE}"))
    precision = row.get("Precision") or None
    whole = precision in ("float16", "bfloat16", "float32")
    model = ImportedModel(
        name=model_name(row["fullname"], where),
        architecture=row.get("Architecture") or None,
        parameter_count=size,
        dtype=precision if whole else None,
        quantization="" if whole or precision is None else precision,
        chat_template="as the model has it" if chat else "",
    )
    said = next(
        (
            text
            for key in ("Submission Date", "Upload To Hub Date")
            if _DAY.fullmatch(text := row.get(key) or "")
        ),
        day or _OPENED_V2,
    )
    created = f"{said}T00:00:00.000000+00:00"
    return ImportedRun(imported_record(model, origin, jobs, created))


def _second_task(
    row: Mapping[str, str], each: _Task, where: str, notes: tuple[str, ...]
) -> JobRecord:
    raw_column = f"{each.column} Raw"
    raw = _scored(number(row[raw_column], f"{where}, {raw_column}"), CITATION_V2)
    normalized = _scored(_share(row.get(each.column), f"{where}, {each.column}"), CITATION_V2)
    path = f"accuracy/{each.task}"
    found = [
        metric(f"{path}/{each.metric}", raw, True),
        metric(f"{path}/normalized_score", normalized, True),
    ]
    setting = ("chat; " if notes else "") + f"{each.shots}-shot"
    columns = {name: row[name] for name in (raw_column, each.column) if name in row}
    details = {"published": columns, "num_fewshot": each.shots}
    return Job(
        "accuracy", each.task, found, setting, (f"{each.shots}-shot", *notes), details
    ).record()


def _carbon(row: Mapping[str, str], where: str) -> JobRecord:
    kilograms = number(row.get(_CO2), f"{where}, {_CO2}")
    value: Measurement
    if kilograms is not None and kilograms < 0:
        value = Absent(reason=f"the board gives no valid evaluation time (CO2 of {row[_CO2]})")
    else:
        grams = None if kilograms is None else kilograms * 1000.0
        value = published(grams, "g", f"{CITATION_V2}; {_CO2_RULE}", n=1)
    task = "open_llm_leaderboard_v2"
    found = metric(f"energy/{task}/gco2e", value, False)
    details = {"published": {_CO2: row.get(_CO2)}}
    return Job("energy", task, [found], "", (_CO2_RULE,), details).record()


def _whole_row(row: Mapping[str, str], line: int, path: str, average: Measurement) -> JobRecord:
    """Return the job of the board's own mean; all other columns of the row stay in its details."""
    # The link of a model that the board flagged goes on to the discussion of why.
    flagged = row.get("Flagged") == "True"
    left_out = _NOT_RESULTS[:1] if flagged else _NOT_RESULTS
    rest = {name: text for name, text in row.items() if name not in left_out}
    notes = ("the board flagged this model: see its link in the row",) if flagged else ()
    _, task, _ = path.split("/")
    details = {"row": rest, "line": line}
    return Job("accuracy", task, [metric(path, average, True)], "", notes, details).record()


def _scored(value: float | None, source: str) -> Measurement:
    return published(value, "", source)


def _share(raw: str | None, where: str) -> float | None:
    """Return percents as a share."""
    percent = number(raw, where)
    return None if percent is None else percent / 100.0


def _day_in_name(name: str) -> str | None:
    found = _DAY_IN_NAME.search(name)
    return "-".join(found.groups()) if found else None
