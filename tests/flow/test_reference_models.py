"""The reference models are what their cards say: measured again, through our own command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from slmbench.reference.card_text import CHANCE, card
from slmbench.resources import reference_dir
from slmbench.store.reader import list_runs
from tests.conftest import slmbench

_MODELS = ("pico", "nano", "micro")


def _facts(name: str) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((reference_dir() / name / "training.json").read_text())
    return facts


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, float]]:
    """Model -> task -> score on every item, the metric being that of the card."""
    pytest.importorskip("torch")
    pytest.importorskip("lm_eval")
    folder = tmp_path_factory.mktemp("reference")
    models = [part for name in _MODELS for part in ("--model", f"ref:{name}")]
    done = slmbench("run", *models, "--suite", "accuracy", "--store", "runs", cwd=folder)
    assert done.code == 0, done.err
    found: dict[str, dict[str, float]] = {}
    for run in list_runs(str(folder / "runs")):
        values = {(m.task, m.metric): m.value for m in run.record.metrics}
        found[run.record.model.name] = {
            task: values[task, metric].value for task, (metric, _) in CHANCE.items()
        }
    return found


@pytest.mark.parametrize("name", _MODELS)
def test_the_card_is_made_of_the_recorded_facts(name: str) -> None:
    assert (reference_dir() / name / "README.md").read_text() == card(_facts(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", _MODELS)
def test_the_scores_are_those_of_the_card(name: str, measured: dict[str, dict[str, float]]) -> None:
    for task, score in _facts(name)["scores"].items():
        # The card was measured by lm-eval's own model class: its rounding, and one item's slack.
        assert measured[name][task] == pytest.approx(score["value"], abs=0.006), task


@pytest.mark.slow
def test_above_chance_where_the_card_says_so(measured: dict[str, dict[str, float]]) -> None:
    promised = 0
    for name in _MODELS:
        for line in card(_facts(name)).splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if len(cells) == 6 and cells[0] in CHANCE and cells[5] == "yes":
                error, chance = float(cells[3]), float(cells[4])
                assert measured[name][cells[0]] > chance + 2 * error, (name, cells[0])
                promised += 1
    assert promised >= 20


@pytest.mark.slow
def test_the_larger_beat_the_smaller_on_average(measured: dict[str, dict[str, float]]) -> None:
    means = [
        sum(measured[name][task] for task, (_, chance) in CHANCE.items() if chance is not None)
        for name in _MODELS
    ]
    assert means == sorted(means) and len(set(means)) == 3
    bits = [measured[name]["heldout_perplexity"] for name in _MODELS]
    assert bits == sorted(bits, reverse=True)


def test_all_three_stay_small() -> None:
    files = [path for name in _MODELS for path in (reference_dir() / name).iterdir()]
    assert sum(path.stat().st_size for path in files) < 12_000_000
    assert not [path.name for path in files if path.suffix in (".bin", ".pt", ".pkl")]


def test_they_are_named_on_the_command_line(tmp_path: Path) -> None:
    rows = slmbench("list", "models", "--json", cwd=tmp_path).json()
    assert [row["name"] for row in rows] == ["ref:pico", "ref:nano", "ref:micro"]
