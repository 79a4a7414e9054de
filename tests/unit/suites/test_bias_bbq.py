"""BBQ's items and scores: lm-eval's own numbers from the same answers, and what can't be known."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slmbench.errors import InputError
from slmbench.reference.bias_items import rumour_questions
from slmbench.resources import tasks_dir
from slmbench.schema.base import Absent, Measured
from slmbench.schema.record import Metric
from slmbench.suites.bias.bbq import _metrics, _sample
from slmbench.suites.bias.bbq_item import read_item
from slmbench.suites.bias.figures import Figures
from slmbench.suites.bias.task import BbqRow, BbqTask
from slmbench.suites.taskfile import load_task

NAMES = ("The violet robot", "The green robot", "Not known")


def task(**more: Any) -> BbqTask:
    return BbqTask(suite="bias", protocol="bbq", task="t", version=1, data="t.jsonl", **more)


def row(number: int = 0, **more: Any) -> BbqRow:
    given_row: dict[str, Any] = {
        "id": f"row-{number}", "question": "Who?", "answer": 2, "condition": "ambig",
        "polarity": "neg", "target": 0, **{f"ans{i}": name for i, name in enumerate(NAMES)},
    }  # fmt: skip
    return BbqRow.model_validate({**given_row, **more})


def metrics(rows: list[BbqRow], answers: list[int], **more: Any) -> dict[str, Metric]:
    """Return the metrics of a model that gives these answers."""
    items = [read_item(each, task(**more)) for each in rows]
    samples = [
        _sample(item, "p", tuple(-1.0 - (i != chosen) for i in range(len(item.choices))), 5)
        for item, chosen in zip(items, answers, strict=True)
    ]
    return {m.metric: m for m in _metrics(Figures("t", samples, "test@1"), items)}


def values(rows: list[BbqRow], answers: list[int], **more: Any) -> dict[str, float | None]:
    found = metrics(rows, answers, **more)
    return {k: m.value.value if isinstance(m.value, Measured) else None for k, m in found.items()}


def test_by_hand():
    # Ambiguous: two biased, one opposite, one unknown. Told: of three who answer, two are biased.
    ambiguous = [row(i, polarity=p) for i, p in enumerate(("neg", "neg", "nonneg", "nonneg"))]
    told = [row(9 + i, condition="disambig", answer=0, polarity="neg") for i in range(4)]
    found = values(ambiguous + told, [0, 1, 1, 2, 0, 0, 1, 2])
    assert found["accuracy_ambiguous"] == 0.25 and found["accuracy_disambiguated"] == 0.5
    assert found["acc"] == 3 / 8
    assert found["bias_score_ambiguous"] == pytest.approx(0.75 * (2 * 2 / 3 - 1))
    assert found["bias_score_disambiguated"] == pytest.approx(2 * 2 / 3 - 1)


outcome = st.tuples(
    st.booleans(), st.sampled_from(["neg", "nonneg"]), st.integers(0, 1), st.integers(0, 2)
)


@given(st.lists(outcome, min_size=2, max_size=30))
@settings(deadline=None, max_examples=30)
def test_the_scores_are_lm_evals_own(outcomes):
    pytest.importorskip("lm_eval")
    from lm_eval.tasks.bbq import utils

    rows, answers, known = [], [], []
    for number, (ambiguous, polarity, target, chosen) in enumerate(outcomes):
        condition, gold = ("ambig", 2) if ambiguous else ("disambig", number % 2)
        rows.append(row(number, condition=condition, polarity=polarity, target=target, answer=gold))
        answers.append(chosen)
        biased = chosen == (target if polarity == "neg" else 1 - target)
        known.append((float(chosen == gold), float(biased), float(chosen != 2), not ambiguous))
    found = values(rows, answers)
    for name, rule, ambiguous in (
        ("bias_score_ambiguous", utils.agg_amb_bias_scores, True),
        ("bias_score_disambiguated", utils.agg_disamb_bias_scores, False),
    ):
        own = [each for each in known if each[3] != ambiguous]
        if not own:
            assert found[name] is None
        elif not ambiguous and not any(each[2] for each in own):
            # lm-eval gives 0 where no answer leans either way; here there is no number.
            assert found[name] is None
        elif any(each[1] for each in own):
            assert found[name] == pytest.approx(rule(known))
        else:
            # lm-eval gives 0 where no answer is biased, even if all others are the opposite.
            assert rule(known) == 0.0 and found[name] <= 0.0


def test_a_model_that_follows_every_stereotype_and_one_that_follows_none():
    rows = [BbqRow.model_validate(each) for each in rumour_questions()]
    items = [read_item(each, task()) for each in rows]
    biased = metrics(rows, [item.biased for item in items])
    fair = metrics(rows, [item.gold for item in items])
    assert biased["bias_score_ambiguous"].value.value == 1.0
    assert biased["bias_score_disambiguated"].value.value == 1.0
    assert biased["accuracy_ambiguous"].value.value == 0.0
    assert biased["accuracy_disambiguated"].value.value == 0.5
    # Rumours are true as often as not, so a model that is right leans neither way.
    assert fair["bias_score_ambiguous"].value.value == 0.0
    assert fair["bias_score_disambiguated"].value.value == 0.0
    assert fair["worst_group_gap"].value.value == 0.0
    opposite = metrics(rows, [1 - item.biased if item.biased < 2 else 0 for item in items])
    assert opposite["bias_score_disambiguated"].value.value < 0


def test_the_shipped_items_are_balanced():
    rows = [BbqRow.model_validate(each) for each in rumour_questions()]
    assert len(rows) == 192 and len({each.id for each in rows}) == len(rows)
    items = [read_item(each, task()) for each in rows]
    assert all(item.unknown is not None and item.biased is not None for item in items)
    assert {sum(item.gold == place for item in items) for place in range(3)} == {64}
    assert all(item.ambiguous == (item.gold == item.unknown) for item in items)
    told = [item for item in items if not item.ambiguous]
    assert sum(item.gold == item.biased for item in told) == len(told) / 2


def test_gaps_are_best_less_worst():
    rows = [
        row(i, condition="disambig", answer=i % 2, category=f"c{i % 2}", group0="A", group1="B")
        for i in range(40)
    ]
    found = metrics(rows, [0] * 40)
    assert found["acc@category=c0"].value.value == 1.0
    assert found["accuracy_disambiguated@group=B"].value.value == 0.0
    for name in ("worst_category_gap", "worst_group_gap"):
        assert found[name].value.value == 1.0 and found[name].value.n == 40
    mixed = metrics(rows, [i % 3 % 2 for i in range(40)])["worst_group_gap"].value
    assert 0 <= mixed.interval.low <= mixed.value <= mixed.interval.high <= 1
    few = metrics(rows[:8], [0] * 8)["worst_category_gap"].value
    assert isinstance(few, Absent) and "5 items" in few.reason


def test_what_the_items_do_not_say_is_absent_with_its_reason():
    bare = [row(i, condition=None, polarity=None, target=None) for i in range(4)]
    found = metrics(bare, [0, 1, 2, 2])
    # The right answer says "not known", so the context is ambiguous; nobody is the target.
    assert found["accuracy_ambiguous"].value.value == 0.5
    assert "no item has a context" in found["accuracy_disambiguated"].value.reason
    assert "polarity" in found["bias_score_ambiguous"].value.reason
    assert "no item has a context" in found["bias_score_disambiguated"].value.reason
    nobody = metrics([row(i, target=None) for i in range(3)], [0, 0, 0])
    assert "whom the stereotype is about" in nobody["bias_score_ambiguous"].value.reason
    silent = metrics([row(i, condition=None, ans2="Maybe") for i in range(3)], [0, 0, 0])
    for name in ("accuracy_ambiguous", "accuracy_disambiguated", "bias_score_ambiguous"):
        assert "'condition'" in silent[name].value.reason


def test_answers_of_unknown_alone_lean_nowhere():
    rows = [row(i, condition="disambig", answer=0) for i in range(5)]
    value = metrics(rows, [2] * 5)["bias_score_disambiguated"].value
    assert isinstance(value, Absent) and "every answer was 'unknown'" in value.reason


def test_letters_are_read_off_the_question():
    text = "A robot came.\n\nA. Violet\nB. Can't be determined\nC. Green"
    each = BbqRow(id="x", question=text, answer="B")
    item = read_item(each, task(options=r"^([A-Z])\. (.+)$"))
    assert item.choices == ("Violet", "Can't be determined", "Green")
    assert item.continuations == ("A", "B", "C")
    assert (item.gold, item.unknown, item.ambiguous) == (1, 1, True)


@pytest.mark.parametrize(
    ("answer", "place"), [(1, 1), ("1", 1), ("B", 1), ("b", 1), ("Not known", 2), (0, 0)]
)
def test_the_right_answer_may_be_a_place_a_letter_or_a_text(answer, place):
    assert read_item(row(answer=answer), task()).gold == place


@pytest.mark.parametrize("answer", [3, -1, "D", "", "nobody"])
def test_a_right_answer_that_is_none_is_told(answer):
    with pytest.raises(InputError, match="'row-0' has the answer"):
        read_item(row(answer=answer), task())


def test_bbqs_own_groups_name_the_target():
    groups = {"group0": "F-Black", "group1": "M-White", "group2": "unknown"}
    for stereotyped, target in (
        (("Black", "African American"), 0),
        ("m-white", 1),
        ("Asian", None),
    ):
        each = row(target=None, stereotyped=stereotyped, polarity="neg", **groups)
        assert read_item(each, task()).biased == target
        turned = row(target=None, stereotyped=stereotyped, polarity="nonneg", **groups)
        expected = None if target is None else 1 - target
        assert read_item(turned, task()).biased == expected


@pytest.mark.parametrize(
    ("more", "definition", "complaint"),
    [
        ({"ans1": None, "ans2": None}, {}, "ans0, ans1 and ans2"),
        ({"ans1": NAMES[0]}, {}, "different answers"),
        ({}, {"options": r"^([A-Z])\. (.+)$"}, "lines that match"),
        ({}, {"options": "("}, "two groups"),
        ({"question": "A. x\nB. y"}, {"options": "^[A-Z]"}, "two groups"),
    ],
)
def test_answers_that_cannot_be_read_are_told(more, definition, complaint):
    with pytest.raises(InputError, match=complaint):
        read_item(row(**more), task(**definition))


def test_intervals_stay_in_range_and_hold_their_value():
    rows = [BbqRow.model_validate(each) for each in rumour_questions()[:40]]
    for shift in range(3):
        for metric in metrics(rows, [(i + shift) % 3 for i in range(40)]).values():
            value = metric.value
            if isinstance(value, Measured) and value.interval is not None:
                low, high = value.interval.low, value.interval.high
                floor = -1 if "bias_score" in metric.metric else 0
                assert floor <= low <= value.value <= high <= 1 and math.isfinite(low)


def test_the_data_of_the_task_reads_as_it_is_drawn():
    path = tasks_dir() / "rumour_questions" / "rumour_questions.yaml"
    _, rows = load_task(path, BbqTask, BbqRow)
    assert rows == [BbqRow.model_validate(each) for each in rumour_questions()]


@pytest.mark.parametrize("leaning", [0, 3, 5, 10])
def test_the_ambiguous_scores_interval_takes_no_side(leaning):
    rows = [row(i) for i in range(10)]
    mirrored = []
    for answer in (0, 1):
        found = metrics(rows, [answer] * leaning + [2] * (10 - leaning))
        mirrored.append(found["bias_score_ambiguous"].value)
    biased, opposite = mirrored
    assert biased.value == -opposite.value == leaning / 10
    assert biased.interval.low == pytest.approx(-opposite.interval.high)
    assert biased.interval.high == pytest.approx(-opposite.interval.low)
    assert biased.interval.low < biased.value or leaning == 0
    # That all are unknown, or all biased, is no certainty.
    assert biased.interval.high - biased.interval.low > 0.2
