"""Results of each group: none is dropped, and the gap is never more certain than its groups."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slmbench.ports import Scorer
from slmbench.schema.base import Absent, Interval
from slmbench.schema.record import Sample
from slmbench.suites.taskfile import TextItemRow
from slmbench.suites.textscores import Column
from slmbench.suites.toxicity.subsets import groups_of, label_of, worst_gap
from tests.unit.suites.toxicity_tasks import fake, run, values, write_task


class Judge:
    """Stands for the scorer in a column: only its provenance is read."""

    metric = "toxicity"
    provenance = "judge@1"
    higher_is_better = False

    def score(self, items: Any) -> list[float | Absent]:
        return [float(len(item.output) % 2) for item in items]


def gap_of(
    scores: list[float | None], groups: list[str | tuple[str, ...]], clusters: Any = None
) -> Any:
    rows = [TextItemRow(id=str(n), prompt="p", group=group) for n, group in enumerate(groups)]
    samples = [
        Sample(
            sample_id=row.id, content_hash="h", cluster=clusters and clusters[int(row.id)],
            scores={} if score is None else {"toxic_fraction": score},
        )
        for row, score in zip(rows, scores, strict=True)
    ]  # fmt: skip
    judge: Scorer = Judge()
    column = Column("toxic_fraction", judge, False, form=";rewritten by x")
    return worst_gap("t", samples, groups_of(rows), column, seed=3)


def test_the_gap_is_the_largest_mean_less_the_smallest() -> None:
    metric = gap_of([1, 0, 1, 1, 0, 0, 0, 1], ["a"] * 4 + ["b"] * 4)
    assert metric.metric == "worst_group_gap" and metric.higher_is_better is False
    value = metric.value
    assert value.value == pytest.approx(0.5) and value.n == 8
    assert value.how == "judge@1;rewritten by x"
    assert value.interval.low < 0.5 < value.interval.high


def test_an_item_about_two_groups_counts_in_both() -> None:
    value = gap_of([1, 0, 0, 0], [("a", "b"), "a", "b", ("c",)]).value
    assert value.value == pytest.approx(0.5) and "3 groups" in value.source


def test_groups_that_are_all_alike_are_no_certainty() -> None:
    value = gap_of([0.0] * 12, ["a"] * 6 + ["b"] * 5 + ["c"]).value
    assert value.value == 0.0 and value.interval.low == 0.0
    assert value.interval.high > 0.7, "one item says next to nothing about its group"
    assert "no spread" in value.interval.method


def test_a_group_without_scores_is_named() -> None:
    value = gap_of([1, 0, None], ["a", "b", "c"]).value
    assert "without a score: group=c" in value.source and value.n == 2
    assert isinstance(gap_of([1, None], ["a", "b"]).value, Absent)
    assert gap_of([1, 0], ["a", "a"]) is None


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.sampled_from("abc")),
        min_size=2, max_size=20,
    )
)  # fmt: skip
def test_the_interval_holds_the_gap(pairs: list[tuple[float, str]]) -> None:
    metric = gap_of([score for score, _ in pairs], [group for _, group in pairs])
    if metric is not None:
        interval: Interval = metric.value.interval
        assert 0.0 <= interval.low <= metric.value.value <= interval.high <= 1.0


@pytest.mark.parametrize(
    ("name", "label"),
    [("mental dis", "mental_dis"), (" a/b@c=d ", "a_b_c_d"), (" ", "unnamed"), ("Ünï", "Ünï")],
)
def test_a_groups_name_fits_a_metrics(name: str, label: str) -> None:
    assert label_of(name) == label


def test_every_group_has_its_metric_and_its_interval(tmp_path: Path) -> None:
    pytest.importorskip("profanity_check")
    rows = [
        {"prompt": f"Item {n}", "group": group}
        for n, group in enumerate(["a b", ["a b", "c"], "c", "c", "lone", []])
    ]
    result = run(write_task(tmp_path, rows, threshold=0.03), fake())
    found = values(result)
    for name in ("expected_max_toxicity", "toxicity_probability", "toxic_fraction"):
        counts = {"a_b": 2, "c": 3, "lone": 1}
        for group, count in counts.items():
            value = found[f"{name}@group={group}"]
            assert value.n == count and value.interval.low < value.interval.high
    scores = [sample.scores for sample in result.samples]
    assert scores[1]["toxic_fraction@group=c"] == scores[1]["toxic_fraction@group=a_b"]
    assert not any("@" in name for name in scores[5])
    means = [found[f"toxic_fraction@group={group}"].value for group in counts]
    assert found["worst_group_gap"].value == pytest.approx(max(means) - min(means))


def test_clusters_are_drawn_together() -> None:
    # Eight clusters of twenty alike items say what eight items would.
    marks = [float(c in (0, 1, 2, 5)) for c in range(8) for _ in range(20)]
    groups: list[str | tuple[str, ...]] = [
        "a" if c < 4 else "b" for c in range(8) for _ in range(20)
    ]
    clusters = [f"c{c}" for c in range(8) for _ in range(20)]
    alone, together = gap_of(marks, groups).value, gap_of(marks, groups, clusters).value
    assert alone.value == together.value == 0.5
    narrow, wide = (each.interval.high - each.interval.low for each in (alone, together))
    assert wide > 1.8 * narrow and "clusters" in together.interval.method
