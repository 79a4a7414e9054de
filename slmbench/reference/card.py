"""Measures a reference model on the shipped tasks through lm-eval and writes its model card."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import yaml
from lm_eval import simple_evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

from slmbench.reference.card_text import CHANCE, card
from slmbench.resources import reference_dir, tasks_dir

MODELS = ("pico", "nano", "micro")


def task_config(name: str) -> dict[str, Any]:
    """A task's definition with the path of its data made absolute."""
    folder = tasks_dir() / name
    config: dict[str, Any] = yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8"))
    config["dataset_kwargs"] = {"data_files": {"test": str(folder / f"{name}.jsonl")}}
    return config


def measure(folder: Path) -> dict[str, dict[str, float | None]]:
    """Score a model in single precision on every accuracy task: value and standard error."""
    model = HFLM(pretrained=str(folder), dtype="float32", device="cpu", batch_size=16)
    outcome = simple_evaluate(
        model=model,
        tasks=[task_config(name) for name in CHANCE],
        task_manager=TaskManager(include_path=str(tasks_dir()), include_defaults=False),
        bootstrap_iters=100,
        log_samples=False,
    )
    scores: dict[str, dict[str, float | None]] = {}
    for name, (metric, _) in CHANCE.items():
        found = outcome["results"][name]
        value = next(v for k, v in found.items() if k.split(",")[0] == metric)
        error = next(v for k, v in found.items() if k.split(",")[0] == f"{metric}_stderr")
        scores[name] = {
            "value": round(float(value), 4),
            "standard_error": None if isinstance(error, str) else round(float(error), 4),
        }
    return scores


def write(folder: Path) -> None:
    """Measure the model in a folder and write the card beside its weights."""
    facts_file = folder / "training.json"
    facts = json.loads(facts_file.read_text(encoding="utf-8"))
    facts["scores"] = measure(folder)
    facts_file.write_text(json.dumps(facts, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(card(facts), encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Measure the models named, or all three."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(MODELS))
    parser.add_argument("--into", type=Path, default=reference_dir())
    options = parser.parse_args(arguments)
    for name in options.names:
        write(options.into / name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
