"""Time a whole release verdict beside lm-eval's ``hf`` scoring the task.

``python -m tests.bench.sequential_gate`` makes a five-shot multiple-choice task whose examples are
the same for every item, a random checkpoint of a 135M-parameter Llama shape, and a baseline that is
right on 60 % of the items, where the candidate guesses. ``slmbench gate --candidate hf:...`` is
timed as a user runs it: Python's start, loading and recording are in its time. lm-eval scores a
sample of the items in this process, loading and building of requests apart, at the quickest of
several batch sizes. Every item costs it the same (it reads the examples anew for each), so the time
of all items is that of the sample times items / sampled. The ratio errs on lm-eval's side.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import lm_eval
import torch
from lm_eval.models.huggingface import HFLM

from slmbench.schema.base import Measured
from slmbench.schema.record import JobRecord, Sample
from slmbench.stats.interval import measured
from slmbench.store.baseline_file import BaselineRun, save_baseline
from slmbench.store.reader import list_runs
from slmbench.units import clock
from tests.bench import shape

_TASK = "fixed_prefix"
_RIGHT = 0.6
_WORDS = {"example": 90, "question": 60, "choice": 4}


def main() -> None:
    """Make the parts, time both sides and write the figures."""
    options = _options()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sizes = shape.Shape()
        checkpoint = shape.write(sizes, folder / "candidate", options.dtype)
        _task(folder / "tasks" / _TASK, options.items, sizes.vocabulary)
        baseline = _baseline(folder)
        verdict, gate_s = _gate(folder, checkpoint, baseline, options)
        sample_s = {
            batch: _lm_eval_s(folder, checkpoint, batch, options) for batch in options.batches
        }
    best = min(sample_s.values())
    lm_eval_s = best * options.items / options.sample
    figures = {
        "items": options.items, "items_used": verdict["items_used"],
        "verdict": verdict["verdict"], "gate_s": gate_s, "lm_eval_items_timed": options.sample,
        "lm_eval_sample_s": sample_s, "lm_eval_extrapolated_s": lm_eval_s,
        "ratio": lm_eval_s / gate_s, "dtype": options.dtype, "threads": options.threads,
    }  # fmt: skip
    text = json.dumps(figures, indent=1, allow_nan=False)
    print(text)
    if options.output:
        Path(options.output).write_text(text + "\n", "utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=2000)
    parser.add_argument("--sample", type=int, default=32, help="items that lm-eval is timed on")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("-o", "--output")
    return parser.parse_args()


def _task(folder: Path, items: int, vocabulary: int) -> None:
    """Write the task: five examples stand before every question, and four choices follow."""
    draw = random.Random(0)

    def words(count: int) -> str:
        return " ".join(f"w{draw.randrange(2, vocabulary)}" for _ in range(count))

    examples = " ".join(words(_WORDS["example"]) for _ in range(5))
    folder.mkdir(parents=True)
    rows = [
        {
            "id": f"item-{number:05d}",
            "question": words(_WORDS["question"]),
            "choices": [words(_WORDS["choice"]) for _ in range(4)],
            "answer": draw.randrange(4),
        }
        for number in range(items)
    ]
    lines = "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows)
    (folder / f"{_TASK}.jsonl").write_text(lines, "utf-8")
    (folder / f"{_TASK}.yaml").write_text(
        f"task: {_TASK}\ndataset_path: json\ndataset_kwargs:\n  data_files:\n"
        f"    test: {_TASK}.jsonl\ntest_split: test\noutput_type: multiple_choice\n"
        f'doc_to_text: "{examples} {{{{question}}}}"\ndoc_to_choice: choices\n'
        "doc_to_target: answer\nmetric_list:\n  - metric: acc\n    aggregation: mean\n"
        "    higher_is_better: true\nmetadata:\n  version: 1.0\n",
        "utf-8",
    )


def _command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "slmbench.cli.app", *map(str, arguments)]


def _baseline(folder: Path) -> Path:
    """Return the file of a baseline: what a fake was asked, and answers of our making."""
    subprocess.run(
        _command("run", "--model", "fake:base", "--suite", "accuracy", "--task", _TASK,
                 "--include-path", folder / "tasks", "--store", folder / "made"),
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    (run,) = list_runs(str(folder / "made"))
    (job,) = run.record.jobs
    draw = random.Random(1)
    samples = [
        each.model_copy(update={"scores": {**each.scores, "acc": float(draw.random() < _RIGHT)}})
        for each in run.samples(job.job_id)
    ]
    record = run.record.model_copy(update={"jobs": (_with_scores(job, samples),)})
    return save_baseline(BaselineRun(record, "", {job.job_id: samples}), folder / "baseline.json")


def _with_scores(job: JobRecord, samples: list[Sample]) -> JobRecord:
    (metric,) = [each for each in job.metrics if each.metric == "acc"]
    assert metric.aggregation is not None and isinstance(metric.value, Measured)
    value = measured(metric.aggregation, samples, "", metric.value.how)
    return job.model_copy(update={"metrics": (metric.model_copy(update={"value": value}),)})


def _gate(
    folder: Path, checkpoint: Path, baseline: Path, options: argparse.Namespace
) -> tuple[Any, float]:
    policy = folder / "policy.yaml"
    policy.write_text(
        "name: release\nrules:\n"
        f"  - {{metric: accuracy/{_TASK}/acc, not_worse_than: baseline, margin: 0.02}}\n"
    )
    model = f"hf:{checkpoint},dtype={options.dtype},threads={options.threads}"
    start = clock()
    done = subprocess.run(
        _command("gate", policy, "--baseline", baseline, "--candidate", model, "--store",
                 folder / "runs", "--json"),
        check=False, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "SLMBENCH_CACHE": str(folder / "cache")},
    )  # fmt: skip
    elapsed_s = clock() - start
    if done.returncode not in (0, 1, 3):
        raise SystemExit(f"the gate ended with {done.returncode}")
    return json.loads(done.stdout), elapsed_s


def _lm_eval_s(folder: Path, checkpoint: Path, batch: int, options: argparse.Namespace) -> float:
    """Return the seconds in which lm-eval's ``hf`` answers the sample's requests."""
    model = HFLM(pretrained=str(checkpoint), dtype=options.dtype, batch_size=batch, device="cpu")
    spent = 0.0
    answer = model.loglikelihood

    def timed(requests: Any, **more: Any) -> Any:
        nonlocal spent
        start = clock()
        found = answer(requests, **more)
        spent += clock() - start
        return found

    model.loglikelihood = timed
    here = Path.cwd()
    os.chdir(folder / "tasks" / _TASK)
    try:
        lm_eval.simple_evaluate(
            model, tasks=[_TASK], limit=options.sample, bootstrap_iters=0,
            task_manager=lm_eval.tasks.TaskManager(
                include_path=str(folder / "tasks" / _TASK), include_defaults=False
            ),
        )  # fmt: skip
    finally:
        os.chdir(here)
    return spent


if __name__ == "__main__":
    main()
