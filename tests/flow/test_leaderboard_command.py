"""``slmbench leaderboard`` as a person runs it: joined rows, shared items, devices."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slmbench import pipeline
from slmbench.analyse.board_runs import board_of_stores
from slmbench.cli.app import dispatch
from slmbench.schema.record import Aggregation, JobResult, Metric, RunRecord, Sample
from slmbench.stats.interval import measured as interval_of
from slmbench.store.writer import RunWriter
from tests.unit.render.board_records import elsewhere, job, measured, record

ITEMS = 300


def speed(name: str) -> RunRecord:
    return record(
        name, [job("latency", "chat", {"tpot_s": measured(0.02, 0.001, "s")})], run_id=name
    )


def stored(folder: Path, *records: RunRecord) -> str:
    for made in records:
        (folder / made.run_id).mkdir(parents=True)
        (folder / made.run_id / "run.json").write_text(made.model_dump_json(), "utf-8")
    return str(folder)


def with_samples(folder: Path, name: str, right: int) -> None:
    """Store a run that answers the first ``right`` items."""
    samples = tuple(
        Sample(sample_id=str(i), content_hash=f"h{i}", scores={"acc": float(i < right)})
        for i in range(ITEMS)
    )
    rule = Aggregation(kind="mean", score="acc")
    metric = Metric(
        suite="accuracy", task="arc", metric="acc", aggregation=rule, higher_is_better=True,
        value=interval_of(rule, samples, "", "test 1.0"),
    )  # fmt: skip
    held = job("accuracy", "arc", {}).model_copy(
        update={"metrics": (metric,), "sample_count": ITEMS}
    )
    writer = RunWriter(folder / name)
    writer.save_record(record(name, [held], run_id=name))
    writer.save_result(held.job_id, JobResult(metrics=(), samples=samples))
    writer.close()


def test_join_makes_one_row_of_a_model_and_says_what_it_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = stored(
        tmp_path / "runs", speed("a"), speed("b"), elsewhere("org/a", 0.4),
        elsewhere("b", 0.6, quantization="q4_0"), elsewhere("one/c", 0.1),
        elsewhere("two/c", 0.2), speed("c"),
    )  # fmt: skip
    assert dispatch(["leaderboard", store, "-o", str(tmp_path / "page")]) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert "Joined: 1 of 6 rows hold numbers of several sources." in told
    assert "Not joined with the other rows of the model: b (lm-eval 0.4.3" in told
    assert "(other quantization)" in told and "(it could be one/c or two/c)" in told
    page = (tmp_path / "page" / "index.html").read_text("utf-8")
    assert "Not joined with the other rows" in page and "other quantization" in page
    assert dispatch(["leaderboard", store, "-o", str(tmp_path / "page"), "--no-join"]) == 0
    assert "oined" not in capsys.readouterr().err
    assert len(board_of_stores([store], join=False).rows) == 7
    assert len(board_of_stores([store]).rows) == 6


def test_the_page_and_the_recommendation_rank_by_the_same_items(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """B is right where A is, and 12 times more: their intervals overlap by far."""
    for name, right in (("a", 150), ("b", 162)):
        with_samples(tmp_path / "runs", name, right)
    store = str(tmp_path / "runs")
    made = board_of_stores([store])
    at = next(i for i, column in enumerate(made.columns) if column.derived)
    cells = {row.label: row.cells[at] for row in made.rows}
    assert {name: (cell.ranks, cell.rank) for name, cell in cells.items()} == {
        "a": ((2, 2), None), "b": ((1, 1), "best")
    }  # fmt: skip
    assert dispatch(["recommend", store, "--json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)["answers"]
    assert (answer["recommended"], answer["tied"]) == ("b", [])
    ranks = {each["label"]: tuple(each["ranks"]) for each in answer["candidates"]}
    assert ranks == {name: cell.ranks for name, cell in cells.items()}
    assert dispatch(["leaderboard", store, "-o", str(tmp_path / "page")]) == 0
    assert "item by item" in (tmp_path / "page" / "index.html").read_text("utf-8")


def test_the_pipelines_page_is_the_commands(tmp_path: Path) -> None:
    store = stored(tmp_path / "runs", speed("a"), elsewhere("b", 0.6))
    assert dispatch(["leaderboard", store, "-o", str(tmp_path / "one")]) == 0
    page = pipeline.rank([store], str(tmp_path / "two"))
    assert page.read_bytes() == (tmp_path / "one" / "index.html").read_bytes()
    assert "phone-6gb" in page.read_text("utf-8")
