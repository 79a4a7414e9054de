"""Parquet of a run: every metric a row, a missing number null with its reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from exported_runs import METRICS, metric, run

from slmbench.cli.app import dispatch
from slmbench.errors import InputError
from slmbench.interchange.metrics_parquet import render_parquet
from slmbench.schema.base import Absent
from slmbench.store.tables import read_parquet


def test_every_metric_is_a_row() -> None:
    table = read_parquet(render_parquet(run()))
    rows = table.to_pylist()
    assert [f"{row['suite']}/{row['task']}/{row['metric']}" for row in rows] == [
        each.path for each in METRICS
    ]
    for row, each in zip(rows, METRICS, strict=True):
        if isinstance(each.value, Absent):
            assert row["value"] is row["n"] is row["low"] is row["how"] is None
            assert row["absent"] == each.value.reason
        else:
            assert (row["value"], row["n"], row["unit"]) == (
                each.value.value, each.value.n, each.value.unit
            )  # fmt: skip
            assert row["absent"] is None
    assert rows[0]["low"] == 0.65 and rows[0]["interval_method"] == "test"
    assert rows[0]["higher_is_better"] is True and rows[5]["higher_is_better"] is None


def test_the_file_says_which_run_it_is() -> None:
    told = json.loads(read_parquet(render_parquet(run())).schema.metadata[b"slmbench"])
    assert told["run_id"] == "run-1" and told["status"] == "done" and told["origin"] is None


def test_text_that_is_no_unicode_is_written() -> None:
    (row,) = read_parquet(render_parquet(run([metric("a/b/m", "x\ud800y")]))).to_pylist()
    assert row["absent"] == "x?y" and row["value"] is None


def test_a_run_without_metrics_is_refused() -> None:
    with pytest.raises(InputError, match="no metric to export"):
        render_parquet(run(()))


GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "records_v1"


def test_the_command_writes_it_to_a_file_only(tmp_path: Path, capsys) -> None:
    asked = ["export", str(GOLDEN), "--format", "parquet"]
    assert dispatch(asked) == 2
    assert "-o FILE" in capsys.readouterr().err
    assert dispatch([*asked, "-o", str(tmp_path / "metrics.parquet")]) == 0
    assert "left out" not in capsys.readouterr().err
    table = read_parquet((tmp_path / "metrics.parquet").read_bytes())
    assert table.num_rows == 36 and table["value"].null_count == 8


@pytest.mark.parametrize(("form", "start"), [("markdown", "### golden"), ("model-index", "model-")])
def test_the_text_formats_go_to_stdout(form: str, start: str, capsys) -> None:
    assert dispatch(["export", str(GOLDEN), "--format", form]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith(start)
    assert ("8 metrics were not measured" in printed.err) == (form == "model-index")
