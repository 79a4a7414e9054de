"""Flipped items are counted, named and capped, and only where an outcome is right or wrong."""

from __future__ import annotations

import pytest
from compare_runs import run_of

from slmbench.analyse.compare_details import compare_in_detail
from slmbench.analyse.flips import MOST_ITEMS
from slmbench.stats.interval import wilson

ACC = "accuracy/arc/acc"


def only(old, new):
    (found,) = compare_in_detail(old, new).flips
    return found


def test_both_directions_are_counted_and_named():
    before = [1.0, 1.0, 1.0, 0.0, 0.0, 1.0]
    after = [1.0, 0.0, 0.0, 1.0, 0.0, 1.0]
    found = only(run_of("old", ACC, before), run_of("new", ACC, after, weights="v"))
    assert (found.n, found.lost_count, found.gained_count) == (6, 2, 1)
    assert [item.sample_id for item in found.lost] == ["1", "2"]
    assert [item.sample_id for item in found.gained] == ["3"]
    bounds = wilson(3, 6)
    assert (found.rate, found.low, found.high) == (0.5, bounds.low, bounds.high)


def test_the_samples_themselves_come_with_both_answers():
    old, new = run_of("old", ACC, [1.0, 0.0]), run_of("new", ACC, [0.0, 0.0], weights="v")
    for run, output in ((old, "Paris"), (new, "Rome")):
        run.kept["accuracy.arc"] = [
            sample.model_copy(update={"prompt": "Capital?", "target": "Paris", "output": output})
            for sample in run.kept["accuracy.arc"]
        ]
    (item,) = only(old, new).lost
    assert (item.prompt, item.target) == ("Capital?", "Paris")
    assert (item.baseline_output, item.candidate_output) == ("Paris", "Rome")


def test_of_many_the_first_are_kept_and_all_are_counted():
    count = MOST_ITEMS + 30
    old = run_of("old", ACC, [1.0] * count + [0.0])
    found = only(old, run_of("new", ACC, [0.0] * (count + 1), weights="v"))
    assert found.lost_count == count and len(found.lost) == MOST_ITEMS
    assert found.lost[0].sample_id == "0"


def test_an_item_without_an_outcome_on_a_side_is_no_flip():
    old = run_of("old", ACC, [1.0, None, 1.0, 1.0])
    found = only(old, run_of("new", ACC, [0.0, 0.0, None, 1.0], weights="v"))
    assert (found.n, found.lost_count, found.gained_count) == (2, 1, 0)


@pytest.mark.parametrize(
    ("path", "kind"), [("similarity/t/chrf", "mean"), ("latency/chat/ttft_s", "median")]
)
def test_what_is_not_right_or_wrong_has_no_flips(path, kind):
    old = run_of("old", path, [0.5, 0.7, 0.2] * 5, kind=kind)
    new = run_of("new", path, [0.4, 0.7, 0.9] * 5, kind=kind, weights="v")
    assert compare_in_detail(old, new).flips == ()


def test_where_less_is_better_a_one_is_what_is_wrong():
    path = "toxicity/t/toxic_fraction"
    old = run_of("old", path, [0.0, 0.0, 1.0], up=False)
    found = only(old, run_of("new", path, [1.0, 1.0, 0.0], up=False, weights="v"))
    assert (found.lost_count, found.gained_count) == (2, 1)
