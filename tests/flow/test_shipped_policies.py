"""The shipped policies by name, on recorded runs of real models, and what an editor reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slmbench.gate.policy import policy_names
from tests.conftest import slmbench


def test_they_are_listed(tmp_path: Path) -> None:
    done = slmbench("list", "policies", "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    rows = {row["name"]: row for row in done.json()}
    assert set(rows) == set(policy_names()) >= {"edge", "quantization", "release"}
    assert all(row["about"] for row in rows.values())


def test_the_schema_is_printed_for_editors(tmp_path: Path) -> None:
    done = slmbench("gate", "--schema", cwd=tmp_path)
    assert done.code == 0, done.err
    assert set(done.json()["properties"]) >= {"rules", "waivers", "alpha"}


def test_a_misspelt_policy_is_told_the_near_one(tmp_path: Path) -> None:
    done = slmbench("gate", "relaese", "--candidate", "pico", cwd=tmp_path)
    assert done.code == 2
    assert "Did you mean 'release'" in done.err and "quantization" in done.err


def test_a_budget_is_judged_without_a_baseline(reference_store: Path, tmp_path: Path) -> None:
    policy = tmp_path / "small.yaml"
    policy.write_text(
        "name: small\nrules:\n  - {metric: memory/*/peak_resident_bytes, max: 4 GiB}\n"
        "  - {metric: memory/*/peak_resident_bytes, not_worse_than: baseline, margin: 5%}\n"
    )
    runs = ("--baseline", "micro", "--candidate", "pico", "--store", reference_store)
    done = slmbench("gate", policy, *runs, "--json", cwd=tmp_path)
    assert done.code == 0, done.out + done.err


@pytest.mark.parametrize("name", ["release", "edge"])
def test_a_policy_whose_suites_were_not_run_is_no_pass(
    reference_store: Path, tmp_path: Path, name: str
) -> None:
    """The store has no latency: a rule that matches nothing is an error and not a pass."""
    runs = ("--baseline", "pico", "--candidate", "pico", "--store", reference_store)
    done = slmbench("gate", name, *runs, cwd=tmp_path)
    assert done.code == 2 and "latency" in done.err, done.out + done.err
    assert json.dumps(done.out).count("PASS") == 0
