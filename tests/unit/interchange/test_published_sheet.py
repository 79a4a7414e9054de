"""A sheet of typed figures: what it may say, what it becomes, and how it refuses a slip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slmbench.errors import InputError
from slmbench.interchange import published_sheet
from slmbench.interchange.importing import ImportFile
from slmbench.interchange.read_files import read_files
from slmbench.schema.base import Absent, Measured
from slmbench.schema.record import RunRecord

PATH = "toxicity/everyday/toxic_fraction"
SHEET: dict[str, Any] = {
    "format": "slmbench published figures",
    "citation": "Somebody, Something (2024), table 2",
    "published": "2024-01-16",
    "metrics": {
        "tox": {"path": PATH, "divide_by": 100, "higher_is_better": False, "setting": "greedy"},
        "sim": {"path": "toxicity/everyday/similarity_to_prompt", "higher_is_better": True},
    },
    "models": [
        {"name": "one", "parameter_count": 7_000_000_000, "figures": {"tox": 58.9, "sim": 0.66}},
        {
            "name": "two",
            "figures": {"tox": {"value": 4.3, "low": 3.9, "high": 4.8, "n": 2767}},
            "missing": {"sim": "not printed for this model"},
        },
    ],
}
CSV = "model,metric,value,citation,published,unit,stderr,n,divide_by,higher_is_better\n"


def read(folder: Path, sheet: Any, name: str = "sheet.yaml") -> list[RunRecord]:
    path = folder / name
    text = sheet if isinstance(sheet, str) else yaml.safe_dump(sheet, sort_keys=False)
    path.write_text(text, "utf-8")
    return [run.record for run in read_files([str(path)]).runs]


def figure(record: RunRecord, path: str) -> Any:
    return next(metric.value for metric in record.metrics if metric.path == path)


def test_a_sheet_becomes_a_run_for_each_model(tmp_path: Path) -> None:
    one, two = read(tmp_path, SHEET)
    tox = figure(one, PATH)
    assert (tox.value, tox.how, tox.n, tox.interval) == (0.589, "published", 0, None)
    assert tox.source == "Somebody, Something (2024), table 2"
    assert one.created == "2024-01-16T00:00:00.000000+00:00"
    assert one.model.parameter_count == 7_000_000_000
    assert figure(one, "memory/model/parameter_count").value == 7e9
    assert one.origin is not None and one.origin.citation == SHEET["citation"]
    assert one.jobs[0].fingerprints.task == "greedy"
    assert one.jobs[0].details["printed"][PATH] == {"value": 58.9}
    interval = figure(two, PATH).interval
    assert (interval.low, interval.high, interval.method) == (0.039, 0.048, "as published")
    assert figure(two, PATH).n == 2767
    absent = figure(two, "toxicity/everyday/similarity_to_prompt")
    assert absent == Absent(reason="not printed for this model")


def test_a_standard_error_gives_an_interval_and_a_spread_gives_none(tmp_path: Path) -> None:
    figures = {"tox": {"value": 40.0, "stderr": 1.0}, "sim": {"value": 0.5, "spread": 0.02}}
    (record,) = read(tmp_path, {**SHEET, "models": [{"name": "m", "figures": figures}]})
    interval = figure(record, PATH).interval
    assert interval.low == pytest.approx(0.4 - 0.0195996398)
    assert interval.high == pytest.approx(0.4 + 0.0195996398)
    similarity = figure(record, "toxicity/everyday/similarity_to_prompt")
    assert similarity.interval is None and "± 0.02" in similarity.source


def test_a_csv_says_the_same(tmp_path: Path) -> None:
    cited = '"Somebody, Something (2024), table 2",2024-01-16'
    lines = f"one,{PATH},58.9,{cited},,,,100,false\ntwo,{PATH},4.3,{cited},,0.2,2767,100,false\n"
    one, two = read(tmp_path, CSV + lines, "sheet.csv")
    assert figure(one, PATH).value == 0.589
    assert (figure(two, PATH).n, figure(two, PATH).interval.level) == (2767, 0.95)
    assert two.origin is not None and two.origin.citation == SHEET["citation"]


def test_two_citations_of_a_csv_are_two_sources(tmp_path: Path) -> None:
    lines = f"one,{PATH},1,A,2024-01-16,,,,,\none,{PATH},2,B,2025-01-16,,,,,\n"
    records = read(tmp_path, CSV + lines, "sheet.csv")
    assert [r.origin.citation for r in records if r.origin] == ["A", "B"]


def changed(**keys: Any) -> dict[str, Any]:
    return {**SHEET, **keys}


def model(**keys: Any) -> dict[str, Any]:
    return changed(models=[{"name": "m", "figures": {"tox": 1.0}, **keys}])


def kind(**keys: Any) -> dict[str, Any]:
    return changed(metrics={**SHEET["metrics"], "tox": {"path": PATH, **keys}})


@pytest.mark.parametrize(
    ("sheet", "complaint"),
    [
        (changed(citation=""), "'citation'"),
        (changed(published="soon"), "'published'"),
        (changed(modles=[]), "Did you mean 'models'"),
        (kind(path="toxicity/everyday"), "write suite/task/metric"),
        (kind(path="toxcity/a/b"), "no suite 'toxcity'. Did you mean 'toxicity'"),
        (kind(divide_by=0), "divide_by"),
        (kind(path="toxicity/everyday/similarity_to_prompt"), "two metrics have the path"),
        (model(figures={"tx": 1.0}), "no metric 'tx'. Did you mean 'tox'"),
        (model(figures={"tox": "much"}), "'models.1.figures.tox"),
        (model(figures={"tox": float("nan")}), "'models.1.figures.tox"),
        (model(figures={"tox": {"value": 1.0, "low": 0.5}}), "'low' and 'high' go together"),
        (model(figures={"tox": {"value": 1.0, "low": 2, "high": 3}}), "not between"),
        (changed(models=[SHEET["models"][0]] * 2), "'one' stands there twice"),
        (changed(models=[]), "'models'"),
    ],
)
def test_a_slip_is_refused_with_its_place(tmp_path: Path, sheet: Any, complaint: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, sheet)
    assert "sheet.yaml" in str(caught.value) and complaint in str(caught.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (CSV + f"one,{PATH},,A,2024-01-16,,,,,\n", "line 2: 'value' is empty"),
        (CSV + f"one,{PATH},x,A,2024-01-16,,,,,\n", "line 2: 'value'"),
        (CSV + f"one,{PATH},1,A,2024-01-16,,,,,\n" * 2, "line 3"),
        (CSV + f"one,{PATH},1,A,soon,,,,,\n", "'published'"),
        (CSV.replace("unit", "unti") + f"one,{PATH},1,A,2024-01-16,,,,,\n", "mean 'unit'"),
        (
            CSV + f"one,{PATH},1,A,2024-01-16,,,,,\ntwo,{PATH},1,A,2024-01-16,s,,,,\n",
            "another unit",
        ),
    ],
)
def test_a_slip_in_a_csv_is_refused_with_its_line(
    tmp_path: Path, text: str, complaint: str
) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, text, "sheet.csv")
    assert complaint in str(caught.value)


_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_ANY = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["tox", "value", "path", "name", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(key=st.sampled_from(sorted(SHEET)), raw=_ANY)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_sheet_gives_runs_or_an_input_error(tmp_path: Path, key: str, raw: Any) -> None:
    path = tmp_path / "any.yaml"
    path.write_text(yaml.safe_dump({**SHEET, key: raw}, sort_keys=False), "utf-8")
    try:
        runs = published_sheet.read(ImportFile(path))
    except InputError:
        return
    assert all(isinstance(run.record, RunRecord) for run in runs)


@given(value=st.floats(-1e30, 1e30), divide_by=st.floats(1e-12, 1e12))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_figure_is_what_was_printed_over_its_divisor(
    tmp_path: Path, value: float, divide_by: float
) -> None:
    metrics = {"a": {"path": PATH, "divide_by": divide_by}}
    sheet = changed(metrics=metrics, models=[{"name": "m", "figures": {"a": value}}])
    (record,) = read(tmp_path, sheet)
    found = figure(record, PATH)
    assert isinstance(found, Measured) and found.value == value / divide_by
