"""What a correct answer took belongs to a host: compared on one only, and kept off the board."""

from __future__ import annotations

import pytest
from compare_runs import make_job, make_metric, make_run

from slmbench.analyse.board_columns import find_columns
from slmbench.analyse.board_entries import Entry
from slmbench.analyse.board_marks import HOST_METRICS
from slmbench.analyse.compare import compare
from slmbench.schema.energy_spec import PER_CORRECT


def run(name, seconds, **host):
    path = f"accuracy/t/{PER_CORRECT[0]}"
    job = make_job([make_metric("accuracy/t/acc", 0.5), make_metric(path, seconds, up=False)])
    return make_run(name, [job], **host)


def test_it_is_compared_on_one_host_and_refused_between_two():
    found = compare(run("a", 1.0), run("b", 2.0))
    (row,) = [each for each in found.rows if each.metric == PER_CORRECT[0]]
    assert row.difference == 1.0 and row.higher_is_better is False
    found = compare(run("a", 1.0), run("b", 2.0, hardware="h2", cpu="B"))
    (refused,) = found.not_comparable
    assert refused.metric == PER_CORRECT[0] and "hardware differs" in refused.reason
    assert [each.metric for each in found.rows] == ["acc"]


@pytest.mark.parametrize("name", PER_CORRECT)
def test_the_board_knows_it_and_shows_it_not(name):
    assert name in HOST_METRICS
    entry = Entry("a", run("a", 1.0).record, ())
    assert [column.metric for column in find_columns([entry])] == ["acc"]
