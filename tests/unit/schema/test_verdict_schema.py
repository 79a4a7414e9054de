"""A verdict's exit code and its JSON document."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from slmbench.schema.verdict import RuleVerdict, Verdict


def verdict_of(kind):
    rule = RuleVerdict(rule="a/*/c", metric="a/b/c", verdict=kind, reason="because 1 < 2")
    return Verdict(policy="p", verdict=kind, alpha=0.05, candidate="c", baseline="b", rules=(rule,))


@pytest.mark.parametrize(
    ("kind", "code"), [("PASS", 0), ("FAIL", 1), ("INCONCLUSIVE", 3), ("NOT_COMPARABLE", 4)]
)
def test_each_verdict_has_its_exit_code(kind, code):
    assert verdict_of(kind).exit_code == code


def test_the_document_has_the_keys_of_the_contract():
    document = json.loads(json.dumps(verdict_of("FAIL").to_json(), allow_nan=False))
    assert document["verdict"] == "FAIL"
    assert {"rule", "verdict", "reason"} <= document["rules"][0].keys()
    assert (document["items_used"], document["items_total"]) == (0, 0)


def test_a_number_that_is_none_is_refused():
    with pytest.raises(ValidationError):
        RuleVerdict(rule="r", metric=None, verdict="FAIL", reason="r", value=float("nan"))
