"""Two recorded runs of real models, compared and held against policies from the command line."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from slmbench.store.reader import find_run
from tests.conftest import Finished, slmbench


def _gate(store: Path, folder: Path, policy: str, *more: object) -> Finished:
    path = folder / "policy.yaml"
    path.write_text(policy)
    runs = ("--baseline", "pico", "--candidate", "micro", "--store", store)
    return slmbench("gate", path, *runs, *more, cwd=folder)


def test_pass_is_0(reference_store: Path, tmp_path: Path) -> None:
    done = _gate(
        reference_store, tmp_path,
        "name: p\nrules:\n  - {metric: memory/chat/peak_resident_bytes, max: 8 GiB}\n"
        "  - {metric: toxicity/everyday/dist_1, min: 0.01}\n",
        "--junit", tmp_path / "gate.xml", "--markdown", tmp_path / "gate.md",
    )  # fmt: skip
    assert done.code == 0, done.err + done.out
    assert "PASS" in done.out
    suite = ElementTree.parse(tmp_path / "gate.xml").getroot()
    assert len(suite.findall(".//testcase")) == 2
    assert not suite.findall(".//failure")
    assert "PASS" in (tmp_path / "gate.md").read_text()


def test_fail_is_1_and_says_by_how_much(reference_store: Path, tmp_path: Path) -> None:
    policy = "name: p\nrules:\n  - {metric: memory/chat/weight_bytes, max: 1 MiB}\n"
    done = _gate(reference_store, tmp_path, policy, "--json")
    assert done.code == 1, done.err
    verdict = done.json()
    assert verdict["verdict"] == "FAIL"
    (rule,) = verdict["rules"]
    assert "MiB" in rule["reason"]


def test_other_items_are_not_comparable_4(reference_store: Path, tmp_path: Path) -> None:
    limited = slmbench(
        "run", "--model", "ref:pico,name=short", "--suite", "accuracy", "--task", "sentiment",
        "--limit", 20, "--store", "runs", cwd=tmp_path,
    )  # fmt: skip
    assert limited.code == 0, limited.err
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "name: p\nrules:\n"
        "  - {metric: accuracy/sentiment/acc, not_worse_than: baseline, margin: 0.5}\n"
    )
    done = slmbench(
        "gate", policy, "--baseline", find_run("pico", str(reference_store)).location,
        "--candidate", find_run("short", str(tmp_path / "runs")).location, cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 4, done.out + done.err


def test_a_model_is_not_worse_than_itself(reference_store: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "name: p\nrules:\n  - {metric: accuracy/*/acc, not_worse_than: baseline, margin: 0.01}\n"
    )
    done = slmbench("gate", policy, "--baseline", "pico", "--candidate", "pico",
                    "--store", reference_store, cwd=tmp_path)  # fmt: skip
    assert done.code == 0, done.out + done.err


def test_a_metric_that_matches_nothing_is_an_error(reference_store: Path, tmp_path: Path) -> None:
    policy = "name: p\nrules:\n  - {metric: accuracy/sentimet/acc, min: 0.1}\n"
    done = _gate(reference_store, tmp_path, policy)
    assert done.code == 2
    assert "sentiment" in done.err
    missing = tmp_path / "none.yaml"
    assert slmbench("gate", missing, "--candidate", "pico", cwd=tmp_path).code == 2


def test_compare_is_paired_with_intervals(reference_store: Path, tmp_path: Path) -> None:
    done = slmbench("compare", "pico", "micro", "--store", reference_store, "--json",
                    "-o", "difference.md", cwd=tmp_path)  # fmt: skip
    assert done.code == 0, done.err
    rows = {(r["task"], r["metric"]): r for r in done.json()["rows"]}
    accuracy = rows["sentiment", "acc"]
    assert accuracy["paired"] is True
    assert accuracy["n"] == 60
    assert accuracy["difference"] == pytest.approx(accuracy["candidate"] - accuracy["baseline"])
    assert accuracy["low"] <= accuracy["difference"] <= accuracy["high"]
    assert accuracy["standard_error"] is not None and accuracy["detectable"] is not None
    weights = rows["chat", "weight_bytes"]
    assert weights["candidate"] > 5 * weights["baseline"]
    assert "| " in (tmp_path / "difference.md").read_text()


def test_show_prints_runs_and_one_run(reference_store: Path, tmp_path: Path) -> None:
    runs = slmbench("show", "--store", reference_store, cwd=tmp_path)
    assert "pico" in runs.out and "micro" in runs.out
    one = slmbench("show", "micro", "--store", reference_store, "--json", cwd=tmp_path)
    assert one.json()["model"] == "micro"
