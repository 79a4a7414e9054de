"""A policy says exactly what it means, or is refused with the place and the next step."""

from __future__ import annotations

from datetime import date

import pytest

from slmbench.errors import InputError
from slmbench.schema.policy import parse_policy, read_quantity

RULE = {"metric": "accuracy/*/acc", "not_worse_than": "baseline", "margin": 0.01}


def policy_with(**more):
    return parse_policy({"rules": [RULE], **more}, "gate.yaml")


def rule_with(**rule):
    return parse_policy({"rules": [{"metric": "a/b/c", **rule}]}, "gate.yaml").rules[0]


def test_the_defaults_are_the_strict_ones():
    policy = policy_with()
    assert (policy.alpha, policy.on_inconclusive, policy.waivers) == (0.05, "fail", ())
    assert policy.rules[0].severity == "block"
    assert policy.needs_baseline


@pytest.mark.parametrize(
    ("text", "value", "dimension"),
    [
        ("6 GiB", 6 * 2.0**30, "bytes"),
        ("50ms", 0.05, "time"),
        ("5%", 0.05, "ratio"),
        ("0.2 J", 0.2, "energy"),
        ("2 Wh", 7200.0, "energy"),
        ("1e3", 1000.0, "none"),
        ("1e-3 s", 0.001, "time"),
        (0.25, 0.25, "none"),
        (3, 3.0, "none"),
    ],
)
def test_a_quantity_keeps_what_it_measures(text, value, dimension):
    quantity = read_quantity(text)
    assert (quantity.value, quantity.dimension) == (pytest.approx(value), dimension)


def test_only_a_percentage_is_relative():
    assert rule_with(not_worse_than="baseline", margin="5%").margin.relative
    assert not rule_with(not_worse_than="baseline", margin="0.05").margin.relative


def test_one_provenance_may_stand_alone():
    assert rule_with(max=1, how="counter").how == ("counter",)


def test_a_waiver_ends_on_a_date():
    waiver = {"rule": "accuracy/*/acc", "owner": "a@b", "until": "2027-01-31", "why": "known"}
    assert policy_with(waivers=[waiver]).waivers[0].until == date(2027, 1, 31)


def test_a_waiver_may_name_one_metric_of_a_family():
    waiver = {"rule": "accuracy/arc/acc", "owner": "a@b", "until": "2027-01-31", "why": "known"}
    assert policy_with(waivers=[waiver]).waivers[0].rule == "accuracy/arc/acc"


WRONG = {
    "top level": ({"rules": [RULE], "aplha": 0.1}, ["unknown key 'aplha'", "'alpha'"]),
    "in a rule": ({"rules": [RULE | {"margn": 1}]}, ["unknown key 'rules.1.margn'", "'margin'"]),
    "in a waiver": (
        {"rules": [RULE], "waivers": [{"ownr": "x"}]},
        ["unknown key 'waivers.1.ownr'", "Did you mean 'owner'"],
    ),
    "no limit": ({"rules": [{"metric": "a/b/c"}]}, ["rules.1", "give one of"]),
    "two questions": ({"rules": [RULE | {"max": 1}]}, ["give one of"]),
    "not the baseline": (
        {"rules": [{"metric": "a/b/c", "better_than": "gpt"}]},
        ["rules.1.better_than", "'baseline'"],
    ),
    "margin alone": ({"rules": [{"metric": "a/b/c", "max": 1, "margin": 1}]}, ["margin goes with"]),
    "negative margin": ({"rules": [RULE | {"margin": -0.1}]}, ["not negative"]),
    "empty range": ({"rules": [{"metric": "a/b/c", "min": 2, "max": 1}]}, ["nothing can pass"]),
    "unknown unit": ({"rules": [{"metric": "a/b/c", "max": "6 GiX"}]}, ["rules.1.max", "GiX"]),
    "a yes": ({"rules": [{"metric": "a/b/c", "max": True}]}, ["rules.1.max", "not a quantity"]),
    "alpha": ({"rules": [RULE], "alpha": 0.7}, ["'alpha'", "0.5"]),
    "severity": ({"rules": [RULE | {"severity": "wran"}]}, ["rules.1.severity"]),
    "no metric": ({"rules": [{"max": 1}]}, ["'rules.1.metric' is missing"]),
    "no rules": ({"rules": []}, ["has no rules"]),
    "empty file": (None, ["is not a policy"]),
    "a list": ([RULE], ["is not a policy"]),
    "stray waiver": (
        {
            "rules": [RULE],
            "waivers": [{"rule": "accuracy/*/ac", "owner": "o", "until": "2027-01-01", "why": "w"}],
        },
        ["waiver of 'accuracy/*/ac' matches no rule", "Did you mean 'accuracy/*/acc'"],
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_named_with_its_place(name):
    document, expected = WRONG[name]
    with pytest.raises(InputError) as caught:
        parse_policy(document, "gate.yaml")
    assert caught.value.exit_code == 2
    assert str(caught.value).startswith("gate.yaml")
    for text in expected:
        assert text in str(caught.value)
