"""CSV of a run: every metric a row, no number made up, no cell a formula."""

from __future__ import annotations

import csv
import io

import pytest
from exported_runs import METRICS, metric, run

from slmbench.errors import InputError
from slmbench.interchange.metrics_csv import render_csv


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_every_metric_is_a_row_with_its_interval_or_its_reason() -> None:
    rows = rows_of(render_csv(run()))
    assert [f"{r['suite']}/{r['task']}/{r['metric']}" for r in rows] == [m.path for m in METRICS]
    first, absent = rows[0], rows[4]
    assert (first["value"], first["low"], first["high"], first["level"]) == (
        "0.75", "0.65", "0.85", "0.95"
    )  # fmt: skip
    assert first["higher_is_better"] == "true" and rows[5]["higher_is_better"] == ""
    assert absent["value"] == absent["n"] == absent["low"] == ""
    assert absent["absent"] == "no sensor; see slmbench doctor"


@pytest.mark.parametrize("text", ["=1+1", "+x", "-x", "@x", "\tx"])
def test_a_text_is_no_formula(text: str) -> None:
    (row,) = rows_of(render_csv(run([metric("a/b/m", f'{text}, "quoted"\nand on')], name=text)))
    assert row["model"] == f"'{text}" and row["absent"].startswith("'")
    assert row["absent"].endswith('"quoted"\nand on')


def test_numbers_are_written_in_full() -> None:
    (row,) = rows_of(render_csv(run([metric("a/b/m", -0.1 - 0.2)])))
    assert float(row["value"]) == -0.1 - 0.2


def test_a_run_without_metrics_is_refused() -> None:
    with pytest.raises(InputError, match="no metric to export"):
        render_csv(run(()))
