"""The terminal's tables: what is missing for one reason is one line, and notes are told."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from slmbench.render.terminal import notes_table, summary_table
from slmbench.schema.base import Absent, Measured
from tests.unit.render.board_records import job, measured, record


def printed(table: Table | None) -> str:
    assert table is not None
    console = Console(width=160, color_system=None)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def lacking(count: int, reason: str) -> dict[str, Measured | Absent]:
    return {f"stage_{number}_ttft_s": Absent(reason=reason) for number in range(count)}


def test_many_numbers_that_one_job_lacks_for_one_reason_are_one_line() -> None:
    values = {**lacking(6, "not a server"), "max_requests_per_s": measured(3.0, 1.0, "requests/s")}
    text = printed(summary_table(record("m", [job("load", "chat", values)])))
    assert text.count("not a server") == 1
    assert "load/chat/stage_0_ttft_s and 5 more of this job" in text
    assert "stage_1_ttft_s" not in text and "load/chat/max_requests_per_s" in text


def test_a_few_and_those_of_other_jobs_or_reasons_keep_their_lines() -> None:
    jobs = [
        job("load", "chat", lacking(5, "not a server")),
        job("energy", "chat", lacking(2, "not a server")),
        job("latency", "chat", lacking(2, "too few rounds")),
    ]
    text = printed(summary_table(record("m", jobs)))
    assert text.count("not a server") == 7 and text.count("too few rounds") == 2
    assert "more of this job" not in text


def test_notes_are_told_once_with_their_jobs() -> None:
    jobs = [
        job("load", "chat", {}, notes=("the [b]generator[/b] could not keep up",)),
        job("energy", "chat", {}, notes=("in a container",)),
        job("energy", "batch", {}, notes=("in a container",)),
    ]
    text = printed(notes_table(record("m", jobs)))
    assert "the [b]generator[/b] could not keep up" in text
    assert text.count("in a container") == 1 and "energy/chat and 1 more" in text
    assert notes_table(record("m", [job("load", "chat", {})])) is None
