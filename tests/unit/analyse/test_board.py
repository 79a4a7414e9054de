"""What a board says about runs, and what it refuses to say."""

from __future__ import annotations

import math
import random

import pytest

from slmbench.analyse.board import board
from slmbench.schema.base import Absent, Measured
from slmbench.schema.board import Board, Cell
from slmbench.schema.record import RunRecord
from tests.unit.render.board_records import accuracy, family, job, measured, record, versioned

MEAN = "accuracy/mean/accuracy_mean"


def cell(made: Board, label: str, column_id: str) -> Cell:
    row = next(row for row in made.rows if row.label == label)
    index = [column.column_id for column in made.columns].index(column_id)
    return row.cells[index]


def value(made: Board, label: str, column_id: str) -> Measured:
    found = cell(made, label, column_id).value
    assert isinstance(found, Measured)
    return found


def badges(made: Board, label: str, column_id: str) -> list[str]:
    return [mark.badge for mark in cell(made, label, column_id).marks]


def tpot(value: float, **fields: object) -> object:
    return job("latency", "chat", {"tpot_s": measured(value, 0.001, "s")}, **fields)


def test_no_records_make_an_empty_board() -> None:
    made = board([])
    assert (made.rows, made.columns, made.pictures, made.created) == ((), (), (), None)


def test_a_run_without_jobs_is_a_row_without_cells() -> None:
    made = board([record("a", status="running")])
    assert made.rows[0].cells == ()
    assert any("Not finished" in note for note in made.notes)


def test_the_order_of_the_records_does_not_matter() -> None:
    records = family()
    shuffled = list(records)
    random.Random(3).shuffle(shuffled)
    assert board(shuffled) == board(records)


def test_every_row_has_one_cell_for_each_column() -> None:
    made = board(family())
    assert {len(row.cells) for row in made.rows} == {len(made.columns)}
    assert len({column.column_id for column in made.columns}) == len(made.columns)


def test_only_the_newest_run_of_a_model_is_a_row() -> None:
    old = record("a", [accuracy("arc", 0.3)], created="2026-01-01T00:00:00Z")
    new = record("a", [accuracy("arc", 0.4)], created="2026-02-01T00:00:00Z")
    made = board([new, old])
    assert [row.run_id for row in made.rows] == [new.run_id]
    assert any("1 older run" in note for note in made.notes)


def test_a_newer_run_without_any_result_does_not_hide_an_older_one() -> None:
    old = record("a", [accuracy("arc", 0.3)], created="2026-01-01T00:00:00Z")
    killed = record("a", created="2026-02-01T00:00:00Z", status="running")
    assert [row.run_id for row in board([old, killed]).rows] == [old.run_id]


def test_what_only_an_older_run_measured_is_absent_and_says_where_it_is() -> None:
    old = record("a", [accuracy("arc", 0.3)], created="2026-01-01T00:00:00Z", run_id="old-run")
    new = record("a", [tpot(0.02)], created="2026-02-01T00:00:00Z")
    made = board([old, new, record("b", [accuracy("arc", 0.5)])])
    found = cell(made, "a", "accuracy/arc/acc_norm").value
    assert isinstance(found, Absent) and "old-run" in found.reason


def test_equal_names_with_other_weights_or_hardware_are_rows_with_labels_of_their_own() -> None:
    runs = [
        record("a", [tpot(0.02)]),
        record("a", [tpot(0.03)], hardware="Raspberry Pi 5"),
        record("a", [tpot(0.04)], weights="other", run_id="third"),
    ]
    labels = [row.label for row in board(runs).rows]
    assert len(set(labels)) == 3
    assert any("Raspberry Pi 5" in label for label in labels)


def test_the_mean_is_over_the_tasks_all_models_share_and_says_how_many() -> None:
    a = record("a", [accuracy("arc", 0.4, 0.02), accuracy("piqa", 0.6, 0.04), accuracy("x", 0.9)])
    b = record("b", [accuracy("arc", 0.5, 0.02), accuracy("piqa", 0.7, 0.04)])
    made = board([a, b])
    column = next(column for column in made.columns if column.column_id == MEAN)
    assert column.task == "mean of 2 tasks"
    assert "arc (acc_norm), piqa (acc_norm)" in column.note
    mean = value(made, "a", MEAN)
    assert mean.value == pytest.approx(0.5)
    assert mean.interval is not None
    half = math.hypot(0.02, 0.04) / 2
    assert mean.interval.high - mean.value == pytest.approx(half, rel=1e-6)


def test_the_mean_takes_one_metric_of_each_task_that_all_models_have() -> None:
    both = job("accuracy", "arc", {"acc": measured(0.3, 0.01), "acc_norm": measured(0.5, 0.01)})
    only_acc = job("accuracy", "arc", {"acc": measured(0.4, 0.01)})
    made = board([record("a", [both]), record("b", [only_acc])])
    assert value(made, "a", MEAN).value == pytest.approx(0.3)


def test_a_model_without_accuracy_has_no_mean_and_does_not_void_the_others() -> None:
    made = board([record("a", [accuracy("arc", 0.4)]), record("b", [tpot(0.01)])])
    assert value(made, "a", MEAN).value == pytest.approx(0.4)
    assert isinstance(cell(made, "b", MEAN).value, Absent)


def test_models_that_share_no_task_have_no_mean_and_no_picture() -> None:
    made = board([record("a", [accuracy("arc", 0.4)]), record("b", [accuracy("piqa", 0.6)])])
    assert MEAN not in [column.column_id for column in made.columns]
    assert made.pictures == ()
    assert any("No accuracy mean" in note for note in made.notes)


def test_a_task_without_an_interval_leaves_the_mean_without_one() -> None:
    made = board([record("a", [accuracy("arc", 0.4, None), accuracy("piqa", 0.5)])])
    assert value(made, "a", MEAN).interval is None


def test_other_versions_of_a_task_are_marked_unranked_and_not_averaged() -> None:
    made = board(
        [record("a", [versioned("arc", 0.4, "v1")]), record("b", [versioned("arc", 0.9, "v2")])]
    )
    assert badges(made, "a", "accuracy/arc/acc_norm") == ["v. v1"]
    assert cell(made, "b", "accuracy/arc/acc_norm").rank is None
    assert MEAN not in [column.column_id for column in made.columns]


def test_other_limits_are_marked_and_not_averaged() -> None:
    made = board(
        [
            record("a", [accuracy("arc", 0.4, limit_items=20)]),
            record("b", [accuracy("arc", 0.5)]),
        ]
    )
    assert badges(made, "a", "accuracy/arc/acc_norm") == ["20 items"]
    assert badges(made, "b", "accuracy/arc/acc_norm") == ["all items"]
    assert MEAN not in [column.column_id for column in made.columns]


def test_a_job_of_a_group_fills_the_columns_of_its_tasks() -> None:
    both = job("accuracy", "pair", {"acc": measured(0.6, 0.05)})
    part = job("accuracy", "first", {"acc": measured(0.7, 0.05)})
    both = both.model_copy(update={"metrics": (*both.metrics, *part.metrics)})
    made = board([record("one", [both]), record("two", [part])])
    assert value(made, "one", "accuracy/first/acc").value == 0.7
    assert value(made, "one", "accuracy/pair/acc").value == 0.6
    assert isinstance(cell(made, "two", "accuracy/pair/acc").value, Absent)


def test_toxicity_of_two_scorers_becomes_two_columns() -> None:
    def toxic(how: str) -> object:
        return job("toxicity", "everyday", {"toxic_fraction": measured(0.1, 0.01, how=how)})

    made = board([record("a", [toxic("detoxify 1")]), record("b", [toxic("profanity-check 2")])])
    columns = [column for column in made.columns if column.suite == "toxicity"]
    assert [column.scorer for column in columns] == ["detoxify 1", "profanity-check 2"]
    assert isinstance(cell(made, "b", columns[0].column_id).value, Absent)
    assert badges(made, "b", columns[1].column_id) == ["fallback"]


def judged(bias: float, agreed: float, unread: float) -> object:
    figures = {"position_bias": bias, "repeat_consistency": agreed, "unparsable_share": unread}
    metrics = {"g_eval": 3.0, "pearson_sample": 0.5, **figures}
    return job(
        "judge",
        "tone",
        {name: measured(each, 0.01, how="judge@1") for name, each in metrics.items()},
    )


def test_a_number_of_a_judge_that_is_known_to_be_bad_is_marked() -> None:
    found = [
        record("good", [judged(0.1, 0.8, 0.0)]), record("leans", [judged(0.3, 0.8, 0.0)]),
        record("wavers", [judged(0.1, 0.4, 0.0)]), record("rambles", [judged(0.1, 0.8, 0.2)]),
    ]  # fmt: skip
    made = board(found)
    assert badges(made, "good", "judge/tone/g_eval") == []
    for name in ("leans", "wavers", "rambles"):
        assert badges(made, name, "judge/tone/g_eval") == ["judge ?"]
        assert badges(made, name, "judge/tone/position_bias") == []
        assert badges(made, name, "judge/tone/pearson_sample") == []
    (mark,) = cell(made, "leans", "judge/tone/g_eval").marks
    assert "move by 0.3" in mark.meaning and "probability of 0.8" in mark.meaning
    # The rank is that of all who were rated in the same way: the mark sets nobody apart.
    assert {cell(made, name, "judge/tone/g_eval").rank for name in ("good", "leans")} == {"best"}


def test_numbers_known_in_different_ways_are_marked_and_not_ranked_together() -> None:
    def energy(joules: float, how: str) -> object:
        return job("energy", "chat", {"j_per_output_token": measured(joules, 0.1, "J", how)})

    made = board(
        [
            record("a", [energy(2.0, "rapl")]),
            record("b", [energy(1.0, "estimated")]),
            record("c", [energy(3.0, "rapl")]),
        ]
    )
    column = "energy/chat/j_per_output_token"
    assert [badges(made, label, column) for label in "abc"] == [["rapl"], ["est."], ["rapl"]]
    assert [cell(made, label, column).rank for label in "abc"] == ["best", None, None]


def test_a_published_number_is_marked_in_its_cell_and_in_the_mean() -> None:
    paper = job("accuracy", "arc", {"acc": measured(0.5, how="published", source="a paper")})
    own = job("accuracy", "arc", {"acc": measured(0.4, 0.01)})
    made = board([record("a", [paper]), record("b", [own])])
    assert badges(made, "a", "accuracy/arc/acc") == ["pub."]
    assert "pub." in badges(made, "a", MEAN)
    assert cell(made, "a", MEAN).rank is None


def test_overlapping_intervals_tie_with_the_best() -> None:
    made = board(
        [
            record("a", [accuracy("arc", 0.50)]),
            record("b", [accuracy("arc", 0.47)]),
            record("c", [accuracy("arc", 0.30)]),
        ]
    )
    column = "accuracy/arc/acc_norm"
    assert [cell(made, label, column).rank for label in "abc"] == ["best", "tied", None]


def test_latency_is_ranked_within_one_machine() -> None:
    made = board(
        [
            record("a", [tpot(0.05)]),
            record("b", [tpot(0.03)]),
            record("c", [tpot(0.01)], hardware="another"),
        ]
    )
    ranks = [cell(made, label, "latency/chat/tpot_s").rank for label in "abc"]
    assert ranks == [None, "best", None]
    assert any("2 different machines" in note for note in made.notes)


def test_a_failed_job_is_absent_with_its_reason_and_is_listed() -> None:
    bad = job("accuracy", "arc", {}, "failed", reason="out of memory")
    made = board([record("a", [accuracy("arc", 0.4)]), record("b", [bad], status="failed")])
    found = cell(made, "b", "accuracy/arc/acc_norm")
    assert found.failed
    assert isinstance(found.value, Absent) and "out of memory" in found.value.reason
    assert [(one.row_label, one.reason) for one in made.failed_jobs] == [("b", "out of memory")]


def test_a_suite_that_failed_for_everyone_still_has_a_column() -> None:
    bad = job("energy", "chat", {}, "failed", reason="no sensor")
    made = board([record("a", [bad], status="failed")])
    assert [column.suite for column in made.columns] == ["energy"]
    assert made.rows[0].cells[0].failed


def test_lost_samples_are_marked() -> None:
    made = board([record("a", [accuracy("arc", 0.4, failed_count=3, unscored_count=1)])])
    marks = cell(made, "a", "accuracy/arc/acc_norm").marks
    assert [mark.badge for mark in marks] == ["partial"]
    assert marks[0].meaning == "3 of 200 samples failed; 1 of 200 samples have no score"


def _sized(name: str, score: float, size: float) -> RunRecord:
    weights = job("memory", "chat", {"weight_bytes": measured(size, None, "bytes")})
    return record(name, [accuracy("arc", score, 0.02), weights])


def test_a_picture_tells_the_front_from_the_undecided_and_the_dominated() -> None:
    made = board(
        [
            _sized("small", 0.40, 1e9),
            _sized("large", 0.60, 4e9),
            _sized("close", 0.58, 5e9),
            _sized("poor", 0.30, 3e9),
            record("bare", [accuracy("arc", 0.5)]),
        ]
    )
    (picture,) = made.pictures
    standing = {point.label: point.standing for point in picture.points}
    assert standing == {
        "small": "front",
        "large": "front",
        "close": "undecided",
        "poor": "dominated",
    }
    assert [(one.label, one.reason) for one in picture.omitted] == [
        ("bare", "not part of this run")
    ]


def test_the_family_gets_every_picture_its_numbers_allow() -> None:
    units = [picture.resource_unit for picture in board(family()).pictures]
    assert units == ["bytes", "bytes", "s", "s", "J"]


def test_numbers_that_explain_others_have_no_columns() -> None:
    names = ("acc", "brier", "aurc", "acc@category=age", "selective_acc@80")
    made = board([record("a", [job("accuracy", "bbq", {n: measured(0.5, 0.01) for n in names})])])
    shown = {column.metric for column in made.columns if column.task == "bbq"}
    assert shown == {"acc", "brier", "selective_acc@80"}
