"""Alpha and kappa of a judge and people, where both rate on one scale."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.metrics import cohen_kappa_score

from slmbench.schema.base import Absent, Measured, Measurement
from slmbench.schema.record import Sample
from slmbench.schema.strict import parse
from slmbench.suites.judge.alike import same_ratings
from slmbench.suites.judge.figures import metrics_of, scores_of
from slmbench.suites.judge.task import JudgeRow, JudgeTask
from slmbench.suites.people import Rated

TREE = {"start": {"question": "?", "choices": {"a": 0, "b": 2, "c": 10}}}


def found(
    method: str, people: list[Any], judge: list[float], documents: bool = False, **more: Any
) -> dict[str, Measurement]:
    raw = {"suite": "judge", "task": "t", "version": 1, "data": "d", "method": method}
    task = parse(JudgeTask, {**raw, "criterion": "kind?", "tree": TREE, **more}, "the task")
    rows = [
        JudgeRow(
            id=str(i),
            prompt="p",
            output="o",
            human=human,
            document=f"d{i // 2}" if documents else None,
        )
        for i, human in enumerate(people)
    ]
    samples = [
        Sample(sample_id=str(i), content_hash="", scores={scores_of(task)[0]: score})
        for i, score in enumerate(judge)
    ]
    metrics = metrics_of(task, rows, samples, "scripted@1", "", 0)
    return {metric.metric: metric.value for metric in metrics}


def test_ratings_are_compared_as_whole_numbers_of_the_scale() -> None:
    people, judge = [1, 2, 5, 4, 2], [1.4, 1.5, 4.6, 2.0, 3.2]
    values = found("g_eval", people, judge)
    kappa = values["cohen_kappa"]
    expected = cohen_kappa_score(people, [1, 2, 5, 2, 3], weights="quadratic", labels=range(1, 6))
    assert isinstance(kappa, Measured) and kappa.value == pytest.approx(expected)
    assert kappa.how == "scripted@1" and kappa.interval is not None
    alpha = values["krippendorff_alpha"]
    assert isinstance(alpha, Measured) and 0 < alpha.value < 1 and alpha.n == 5
    same = found("g_eval", people, [1.0, 2.0, 5.0, 4.0, 2.0])
    assert same["krippendorff_alpha"].value == same["cohen_kappa"].value == 1.0


def test_a_judge_that_is_always_one_higher_follows_people_and_is_not_like_them() -> None:
    values = found("g_eval", [1, 2, 3, 4], [2, 3, 4, 5])
    assert values["pearson_sample"].value == pytest.approx(1.0)
    # Differences of 1, squared, against those of all pairs of the eight ratings.
    assert values["krippendorff_alpha"].value == pytest.approx(17 / 24)
    assert values["cohen_kappa"].value < 0.8


def test_a_preference_is_a_label() -> None:
    values = found("pairwise", [1, 0, 1, 0, 0.5], [0.9, 0.2, 0.4, 0.45, 0.5])
    expected = cohen_kappa_score(["w", "l", "w", "l", "t"], ["w", "l", "l", "l", "t"])
    assert values["cohen_kappa"].value == pytest.approx(expected)


def test_a_tree_has_its_leaves_for_labels() -> None:
    values = found("dag", [0, 2, 10, 10], [0.9, 1.0, 7.0, 5.9])
    expected = cohen_kappa_score([0, 2, 10, 10], [0, 2, 10, 2])
    assert values["cohen_kappa"].value == pytest.approx(expected)


def test_other_scales_and_missing_ratings_are_absent_with_the_reason() -> None:
    values = found("g_eval", [10, 90, 50], [1, 5, 3])
    for name in ("krippendorff_alpha", "cohen_kappa"):
        assert isinstance(values[name], Absent) and "from 10 to 90" in values[name].reason
    assert isinstance(values["pearson_sample"], Measured)
    lone = found("g_eval", [3, 3], [3, 3])
    assert isinstance(lone["krippendorff_alpha"], Absent)
    assert "krippendorff_alpha" not in found("g_eval", [None, None], [1, 2])


def test_several_raters_are_averaged_and_compared_with_each_other() -> None:
    values = found("g_eval", [[1, 2], [4, 5], [None, 3]], [1.5, 4.5, 3.0], documents=True)
    assert values["krippendorff_alpha"].value == pytest.approx(1.0)
    people = values["krippendorff_alpha_people"]
    assert isinstance(people, Measured) and people.n == 2 and people.how == "Krippendorff 2011"
    assert "pearson_summary" in values and "pearson_system" not in values


def test_nothing_is_rated_by_both() -> None:
    task = parse(
        JudgeTask,
        {"suite": "judge", "task": "t", "version": 1, "data": "d", "method": "pairwise",
         "criterion": "kind?"},
        "the task",
    )  # fmt: skip
    row = JudgeRow(id="0", prompt="p", human=1)
    rated = Rated("judge", "t", [row], [Sample(sample_id="0", content_hash="")], 0)
    for metric in same_ratings(task, "win_rate", rated, "scripted@1"):
        assert isinstance(metric.value, Absent)


def test_texts_that_name_no_system_belong_to_none() -> None:
    rows = [
        JudgeRow(id=str(n), prompt="p", human=n, system=system)
        for n, system in enumerate(["a", "a", "b", None, None, "c"])
    ]
    samples = [Sample(sample_id=str(n), content_hash="", scores={"s": float(n)}) for n in range(6)]
    found = {m.metric: m.value for m in Rated("judge", "t", rows, samples, 0).follows("s", "x@1")}
    assert "3 systems" in found["pearson_system"].source
    assert "2 texts lack" in found["pearson_system"].source
    assert found["pearson_sample"].n == 6
