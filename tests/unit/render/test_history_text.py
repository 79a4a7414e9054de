"""The history as text: every run, every break and every change is told."""

from __future__ import annotations

import pytest

from slmbench.render.history_text import render_history_markdown, render_history_text, sparkline
from slmbench.schema.history import History, HistoryChange, HistoryRow, HistorySeries


def row(number: int, value: float | None, **more) -> HistoryRow:
    facts = {"run_id": f"r{number}", "created": f"2026-01-{number:02}T12:30:01+00:00", "n": 40}
    spread = {} if value is None else {"low": value - 0.1, "high": value + 0.1, "track": 0}
    return HistoryRow(**(facts | spread | {"value": value} | more))


CHANGE = HistoryChange(
    run_id="r3", previous_run_id="r2", created="2026-01-03", labels={"commit": "abc|def"}, track=0,
    before=0.8, after=0.5, runs_before=2, runs_after=1, p=0.0123, reading="worse",
    difference=-0.3, low=-0.4, high=-0.2, paired=True,
)  # fmt: skip
SERIES = HistorySeries(
    suite="accuracy", task="arc", metric="acc", model="mine", unit="", higher_is_better=True,
    rows=(
        row(1, 0.8),
        row(2, 0.8),
        row(3, 0.5, labels={"commit": "abc|def"}),
        row(4, None, absent="the job is failed\nbadly", n=None),
        row(5, 0.65, break_reason="the task fingerprint differs", track=1),
    ),
    changes=(CHANGE,),
    notes=("a note",),
)  # fmt: skip
FOUND = History(
    store="runs", metric="accuracy/arc/acc", alpha=0.05, rule="a rule", series=(SERIES,)
)


def test_the_line_of_bars_marks_what_is_missing_and_what_changed() -> None:
    assert sparkline(SERIES) == "██¦▁·¦▅"
    flat = SERIES.model_copy(update={"rows": (row(1, 0.5), row(2, 0.5)), "changes": ()})
    assert sparkline(flat) == "▅▅"
    assert sparkline(SERIES.model_copy(update={"rows": (row(1, None),)})) == "·"


@pytest.mark.parametrize("render", [render_history_text, render_history_markdown])
def test_everything_known_is_told(render) -> None:
    text = render(FOUND)
    for expected in (
        "accuracy/arc/acc of mine, 5 runs",
        "██¦▁·¦▅",
        "2026-01-01 12:30",
        "Worse from r3 (commit abc|def) on: 0.8 over 2 runs, then 0.5 over 1",
        "shift -0.3, p = 0.012",
        "Against the run before it, r2: -0.3 [-0.4, -0.2], paired.",
        "not comparable with the run before: the task fingerprint differs",
        "absent: the job is failed badly",
        "a note",
        "a rule; false alarms at most 0.05 a track",
    ):
        assert expected in text, expected


def test_a_label_cannot_leave_its_cell() -> None:
    rows = [line for line in render_history_markdown(FOUND).splitlines() if line.startswith("| ")]
    assert len(rows) == 2 + len(SERIES.rows)
    assert "abc\\|def" in rows[4]


def test_no_change_is_said() -> None:
    quiet = SERIES.model_copy(update={"changes": (), "notes": ()})
    text = render_history_text(FOUND.model_copy(update={"series": (quiet,)}))
    assert "No change of level is shown." in text
