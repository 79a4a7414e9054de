"""What a judge's reply is taken for: an option, a rating, or nothing."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmbench.schema.base import Absent
from slmbench.suites.judge.reply import Drawn, Reply, Unread, counted, merged, rating, read

SCALE = ("1", "2", "3", "4", "5")


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("4", "4"),
        (" 4\n", "4"),
        ("**4**", "4"),
        ("4.", "4"),
        ("4/5", "4"),
        ("4.5", None),
        ("- 4", "4"),
        ("-4", None),
        ("3-4", None),
        ("3 \u2013 4", None),
        ("45", None),
        ("six", None),
        ("I would say 4", None),
        ("", None),
        ("\x00\ud800", None),
    ],
)
def test_a_rating_is_read_only_where_it_begins_the_reply(text: str, option: str | None) -> None:
    assert read(text, SCALE) == option


def test_the_longer_option_wins_and_case_does_not_matter() -> None:
    assert read(" 10", ("1", "10")) == "10"
    assert read("YES, it does", ("yes", "no")) == "yes"
    assert read("nobody knows", ("yes", "no")) is None


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("A", "A"), (" B.", "B"), ("(A)", "A"), ("B: it is shorter", "B"), ("A\nbecause", "A"),
        ("a better answer is B", None), ("A better answer is B", None), ("b", None),
    ],
)  # fmt: skip
def test_a_letter_is_no_article(text: str, option: str | None) -> None:
    assert read(text, ("A", "B")) == option


def test_the_faults_of_a_fair_judge_who_draws_are_none_on_the_whole() -> None:
    """A judge that tosses a coin leans nowhere and agrees with itself half of the time."""
    toss = random.Random(3)
    for draws in (3, 10):
        found = []
        for _ in range(400):
            both = []
            for _order in range(2):
                heads = sum(toss.random() < 0.5 for _ in range(draws))
                shares = {"yes": heads / draws, "no": 1 - heads / draws}
                both.append(Drawn(shares, draws))
            reply = merged(*both, 0.0)
            assert isinstance(reply, Reply)
            found.append((reply.order_effect, reply.agreement))
        bias, agreement = (math.fsum(each) / len(found) for each in zip(*found, strict=True))
        assert agreement == pytest.approx(0.5, abs=0.03)
        # What is below chance counts as none, so a little is left of it.
        assert bias < 0.11


def test_a_judge_who_draws_and_leans_is_seen() -> None:
    reply = merged(Drawn({"yes": 0.9, "no": 0.1}, 10), Drawn({"yes": 0.1, "no": 0.9}, 10), 0.0)
    assert isinstance(reply, Reply) and reply.order_effect > 0.6
    assert reply.agreement == pytest.approx(0.8)


@given(st.text(max_size=60))
def test_any_text_is_an_option_or_nothing(text: str) -> None:
    assert read(text, SCALE) in (*SCALE, None)
    value = rating(text, 1, 5)
    assert isinstance(value, Absent) or 1 <= value <= 5


def test_drawn_replies_are_counted_and_ramblers_are_absent() -> None:
    assert counted(["yes", "no.", "yes!", "hm"], ("yes", "no")) == {"yes": 0.5, "no": 0.25}
    assert counted(["hm", "well"], ("yes", "no")) == Absent(
        reason="none of 2 replies was one of yes, no"
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("**Rating:** 4", 4.0),
        ("Rating: **4**", 4.0),
        ("It is fine.\nRating: 4", 4.0),
        ("It is fine.\n**Rating: 4**", 4.0),
        ("rating : 3.5", 3.5),
    ],
)
def test_the_last_line_is_the_rating(text: str, value: float) -> None:
    assert rating(text, 1, 5) == value


def test_a_rating_may_be_below_zero_where_the_scale_is() -> None:
    assert rating("Rating: -1", -2, 2) == -1.0
    assert isinstance(rating("Rating: -1", 1, 5), Absent)


@pytest.mark.parametrize("text", ["", "4", "Rating: 4\nbut then again", "Rating: 9", "Rating: -1"])
def test_what_is_no_rating_is_absent_and_never_zero(text: str) -> None:
    value = rating(text, 1, 5)
    assert isinstance(value, Absent) and value.reason


def test_both_orders_are_merged() -> None:
    reply = merged({"yes": 0.6, "no": 0.2}, {"yes": 0.1, "no": 0.3}, 0.01)
    assert isinstance(reply, Reply)
    assert reply.chances == pytest.approx({"yes": 0.5, "no": 0.5})
    assert reply.mass == pytest.approx(0.6)
    assert reply.order_effect == pytest.approx(0.5)
    assert reply.agreement == pytest.approx(0.5)


def test_expected_is_the_mean_of_the_scale() -> None:
    reply = merged({"1": 0.1, "5": 0.3}, {"1": 0.1, "5": 0.3}, 0.0)
    assert isinstance(reply, Reply) and reply.expected == pytest.approx(4.0)
    assert reply.chosen == "5" and reply.order_effect == 0.0


def test_a_judge_that_says_something_else_is_unread_with_its_mass() -> None:
    reply = merged({"yes": 0.001, "no": 0.002}, {"yes": 0.5, "no": 0.5}, 0.01)
    assert isinstance(reply, Unread) and reply.mass == pytest.approx(0.003)
    gone = Absent(reason="gone")
    assert merged(gone, {"yes": 1.0, "no": 0.0}, 0.0) == gone
    assert isinstance(merged({"yes": 0.0}, {"yes": 0.0}, 0.0), Unread)


@given(st.dictionaries(st.sampled_from(SCALE), st.floats(1e-6, 0.2), min_size=2))
def test_a_reply_is_a_distribution(listed: dict[str, float]) -> None:
    turned = dict(zip(listed, reversed(list(listed.values())), strict=True))
    reply = merged(listed, turned, 0.0)
    assert isinstance(reply, Reply)
    assert math.fsum(reply.chances.values()) == pytest.approx(1.0)
    assert 0 <= reply.order_effect <= 1 and 0 < reply.agreement <= 1
    assert min(map(float, listed)) <= reply.expected <= max(map(float, listed)) + 1e-9
