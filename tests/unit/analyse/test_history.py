"""A metric over runs: tracks of comparable values, breaks with reasons, changes of level."""

from __future__ import annotations

import pytest
from compare_runs import HandMadeRun, make_job
from history_runs import PATH, items, made

from slmbench.analyse.history import history
from slmbench.errors import InputError
from slmbench.schema.history import HistorySeries

STEADY = (30, 31, 30, 29, 30, 31)


def seen(runs: list[HandMadeRun], metric: str = PATH, **more) -> tuple[HistorySeries, ...]:
    settings = {"store": "runs", "model": None, "alpha": 0.05} | more
    return history(runs, metric, **settings).series


def test_a_shift_is_found_named_and_held_on_its_items() -> None:
    counts = (*STEADY, 15, 16, 15, 14)
    runs = [made(i, items(count), labels={"commit": f"c{i}"}) for i, count in enumerate(counts)]
    (series,) = seen(list(reversed(runs)))
    assert [row.value for row in series.rows] == [count / 40 for count in counts]
    (change,) = series.changes
    assert (change.run_id, change.previous_run_id) == ("run-06", "run-05")
    assert change.labels == {"commit": "c6"} and change.reading == "worse"
    assert (change.runs_before, change.runs_after) == (6, 4) and change.p <= 0.05
    assert change.before == pytest.approx(181 / 240) and change.after == pytest.approx(60 / 160)
    assert change.shift == pytest.approx(change.after - change.before)
    # 31 of 40 were right in the run before and 15 in this one: 16 items turned.
    assert change.paired and change.difference == pytest.approx(-0.4)
    assert change.low is not None and change.high is not None and change.high < 0


def test_a_steady_series_shows_no_change() -> None:
    (series,) = seen([made(i, items(count)) for i, count in enumerate(STEADY + STEADY[::-1])])
    assert series.changes == () and series.notes == ()
    assert {row.track for row in series.rows} == {0}
    assert all(row.break_reason is None for row in series.rows)


def test_another_task_version_is_a_break_and_no_change() -> None:
    runs = [made(i, items(30)) for i in range(8)]
    runs += [made(i, items(10), job={"task_hash": "t2"}) for i in range(8, 16)]
    (series,) = seen(runs)
    assert series.changes == ()
    broken = [row for row in series.rows if row.break_reason is not None]
    assert [row.run_id for row in broken] == ["run-08"]
    assert "task fingerprint differs" in (broken[0].break_reason or "")
    assert [row.track for row in series.rows] == [0] * 8 + [1] * 8


def test_two_hosts_in_turn_are_two_tracks() -> None:
    """A latency that differs by host must not look like changes, nor hide one on a host."""
    runs = []
    for i in range(24):
        slow = i % 2
        level = 40 if slow else 10 if i < 12 else 20
        runs.append(made(i, [float(level + i % 3)] * 5, path="latency/chat/tpot_s", up=False,
                         hardware=f"h{slow}", cpu=f"cpu {slow}"))  # fmt: skip
    (series,) = seen(runs, "latency/chat/tpot_s")
    assert [row.track for row in series.rows] == [0, 1] * 12
    (change,) = series.changes
    assert (change.run_id, change.track, change.reading) == ("run-12", 0, "worse")
    assert all("hardware" in (row.break_reason or "") for row in series.rows[1:])


def test_a_lost_job_is_a_row_with_its_reason_and_other_suites_are_none() -> None:
    lost = made(3, items(30))
    job = lost.record.jobs[0].model_copy(
        update={"metrics": (), "status": "failed", "reason": "out of memory"}
    )
    lost = HandMadeRun(lost.record.model_copy(update={"jobs": (job,)}))
    other = made(4, items(30), path="toxicity/everyday/toxic_fraction")
    (series,) = seen([made(i, items(30)) for i in range(3)] + [lost, other])
    assert [row.run_id for row in series.rows] == ["run-00", "run-01", "run-02", "run-03"]
    last = series.rows[-1]
    assert (last.value, last.track) == (None, None)
    assert last.absent == "the job is failed: out of memory"
    assert "3 comparable runs" in series.notes[0] and "from 8 on" in series.notes[0]


def test_changed_items_give_no_difference_but_the_reason() -> None:
    counts = (*STEADY, 15, 16, 15, 14)
    runs = [made(i, items(count), salt="" if i < 6 else "new-") for i, count in enumerate(counts)]
    (change,) = seen(runs)[0].changes
    assert change.difference is None and "the items differ" in (change.note or "")


def test_each_model_and_each_matched_metric_has_its_series() -> None:
    runs = [made(i, items(30), model=f"m{i % 2}") for i in range(4)]
    runs.append(made(5, items(20), path="accuracy/boolq/acc", model="m0"))
    found = seen(runs, "accuracy/*/acc")
    assert [(each.path, each.model, len(each.rows)) for each in found] == [
        (PATH, "m0", 2),
        (PATH, "m1", 2),
        ("accuracy/boolq/acc", "m0", 1),
    ]
    assert [each.model for each in seen(runs, PATH, model="m1")] == ["m1"]


@pytest.mark.parametrize(
    ("metric", "more", "told"),
    [
        ("accuracy/arc/akk", {}, "Near names: accuracy/arc/acc"),
        ("accuracy", {}, "no run|No run"),
        (PATH, {"model": "yours"}, "Known: mine"),
        (PATH, {"alpha": 0.0}, "--alpha 0"),
        (PATH, {"alpha": float("nan")}, "--alpha nan"),
    ],
)
def test_what_cannot_be_answered_is_refused(metric: str, more: dict, told: str) -> None:
    with pytest.raises(InputError, match=told):
        seen([made(0, items(30))], metric, **more)


def test_a_time_that_is_none_is_named() -> None:
    run = made(0, items(30))
    broken = HandMadeRun(run.record.model_copy(update={"created": "yesterday"}), run.kept)
    with pytest.raises(InputError, match=r"run-00.*yesterday"):
        seen([broken])


def test_a_run_without_any_metric_is_refused() -> None:
    run = made(0, items(30))
    job = make_job([], suite="accuracy", task="arc")
    with pytest.raises(InputError, match="no metrics at all"):
        seen([HandMadeRun(run.record.model_copy(update={"jobs": (job,)}))])


def test_a_job_that_a_gate_stopped_early_gives_no_value() -> None:
    (series,) = seen([made(0, items(30)), made(1, items(3, 5), job={
        "limit": 5, "items_total": 40, "sample_count": 5})])  # fmt: skip
    assert [row.absent for row in series.rows] == [
        None, "a gate stopped the job after 5 of 40 items"
    ]  # fmt: skip
