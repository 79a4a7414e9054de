"""Markdown of a run: a row a metric, and nothing in a name that Markdown would obey."""

from __future__ import annotations

import re

import pytest
from exported_runs import METRICS, metric, run

from slmbench.errors import InputError
from slmbench.interchange.metrics_markdown import render_markdown

HOSTILE = (
    "a|b", "![x](https://example.org/x.png)", "[x](javascript:alert(1))", "<script>x</script>",
    "*b* _i_ `c`", "@everyone #1", "\\", "two\nlines\n# head", "\u202eabc", "&lt;b&gt;",
)  # fmt: skip


def rows_of(text: str) -> list[list[str]]:
    """Return the cells of the table's rows, read as Markdown reads them."""
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    return [[c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_every_metric_is_a_row_and_what_is_missing_says_why() -> None:
    rows = rows_of(render_markdown(run()))
    assert [re.sub(r"\\|&#64;p95", "", row[0]) for row in rows] == [
        each.path.replace("@p95", "") for each in METRICS
    ]
    assert rows[0][1:4] == ["0.75", "0.65 to 0.85 (0.95)", "100"]
    assert rows[2][1] == "12.5 ms" and rows[3][2] == ""
    assert rows[4][1:] == ["—", "", "", "absent: no sensor; see slmbench doctor"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_name_stays_text(text: str) -> None:
    page = render_markdown(run([metric("a/b/m", text), metric("a/b/n", 1.0, how=text)], name=text))
    assert len(rows_of(page)) == 2 and all(len(row) == 5 for row in rows_of(page))
    assert page.count("\n### ") + page.startswith("### ") == 1
    # What is left without the escaped signs has no sign that Markdown or a code host obeys.
    bare = re.sub(r"\\[\\`*_\[\]|~!#]|&(amp|lt|gt|#64);", "", page.replace("### ", "", 1))
    assert not re.search(r"[\\`*_\[\]~!#<>@&\u202e]", bare.replace("| --- |", ""))


def test_failed_jobs_are_told() -> None:
    record = run()
    job = record.jobs[0].model_copy(
        update={"job_id": "x/y", "status": "failed", "reason": "killed", "metrics": ()}
    )
    page = render_markdown(record.model_copy(update={"jobs": (*record.jobs, job)}))
    assert page.endswith("- x/y, failed: killed\n")


def test_a_run_without_metrics_is_refused() -> None:
    with pytest.raises(InputError, match="no metric to export"):
        render_markdown(run(()))
