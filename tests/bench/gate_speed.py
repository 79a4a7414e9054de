"""Time the gate on a large record: ``python -m tests.bench.gate_speed``.

Two runs of 14,042 items (as many as MMLU's test set has, in 57 subjects) with 20 scored metrics,
held against a policy of 20 rules by the command itself, in a process of its own. Told are the
seconds of the clock and of the processor, imports included, and the model libraries it loaded.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.record import (
    Aggregation,
    Environment,
    JobRecord,
    Metric,
    ModelFingerprint,
    ModelRecord,
    RunRecord,
    Sample,
)
from slmbench.schema.spec import RunSpec
from slmbench.stats.interval import measured
from slmbench.store import layout, tables
from slmbench.units import clock

_MODEL_LIBRARIES = ("torch", "transformers", "lm_eval")
_CODE = """
import json, resource, sys
from slmbench.cli.app import dispatch
code = dispatch(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_SELF)
loaded = [name for name in {libraries!r} if name in sys.modules]
sys.stderr.write(json.dumps([code, used.ru_utime + used.ru_stime, loaded]) + "\\n")
"""


def main() -> None:
    """Make the runs, gate them several times and print the seconds."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gate_speed", description=__doc__)
    parser.add_argument("--items", type=int, default=14_042)
    parser.add_argument("--rules", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for number, name in enumerate(("old", "new")):
            write_run(place / name, name, options.items, options.rules, number)
        policy = write_policy(place / "policy.yaml", options.rules)
        walls, processors = [], []
        for _ in range(options.rounds):
            code, wall, processor, loaded = timed(place, policy)
            walls.append(wall)
            processors.append(processor)
    print(
        f"{options.items} items x {options.rules} rules: exit code {code}; "
        f"{statistics.median(walls):.2f} s on the clock [{min(walls):.2f}, {max(walls):.2f}], "
        f"{statistics.median(processors):.2f} s of the processor; "
        f"model libraries loaded: {', '.join(loaded) or 'none'}"
    )


def timed(place: Path, policy: Path) -> tuple[int, float, float, list[str]]:
    """Gate once; return the exit code, both seconds and the model libraries that were loaded."""
    arguments = ["gate", str(policy), "--baseline", str(place / "old")]
    arguments += ["--candidate", str(place / "new"), "--json"]
    code = _CODE.format(libraries=_MODEL_LIBRARIES)
    start = clock()
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    wall = clock() - start
    found, processor, loaded = json.loads(done.stderr.splitlines()[-1])
    return found, wall, processor, loaded


def write_policy(path: Path, rules: int) -> Path:
    """Write a policy with one rule for each metric."""
    lines = [
        f"  - {{metric: accuracy/exam/score_{number}, not_worse_than: baseline, margin: 0.01}}"
        for number in range(rules)
    ]
    path.write_text("name: speed\nrules:\n" + "\n".join(lines) + "\n", "utf-8")
    return path


def write_run(place: Path, name: str, items: int, metrics: int, seed: int) -> None:
    """Write a stored run whose items share 57 subjects and have so many 0/1 scores each."""
    ability = np.random.default_rng(7).random((items, metrics))
    right = (np.random.default_rng(seed).random((items, metrics)) < 0.2 + 0.6 * ability).astype(
        float
    )
    names = [f"score_{number}" for number in range(metrics)]
    samples = [
        Sample(
            sample_id=str(item),
            content_hash=f"{item:064x}",
            cluster=f"subject {item % 57}",
            prompt="Which of the four is right? " * 12,
            output="B",
            target="B",
            scores=dict(zip(names, row.tolist(), strict=True)),
            loglikelihoods=(-1.0, -2.0, -3.0, -4.0),
        )
        for item, row in enumerate(right)
    ]
    found = []
    for score in names:
        rule = Aggregation(kind="mean", score=score)
        found.append(
            Metric(
                suite="accuracy", task="exam", metric=score, aggregation=rule,
                value=measured(rule, samples, "", "bench"), higher_is_better=True,
            )
        )  # fmt: skip
    record = _record(name, found, items)
    job = record.jobs[0].job_id
    file = place / layout.SAMPLES / layout.file_name(job)
    file.parent.mkdir(parents=True)
    pq.write_table(tables.samples_to_table(samples), file)
    (place / layout.RECORD).write_text(record.model_dump_json(), "utf-8")


def _record(name: str, metrics: list[Metric], items: int) -> RunRecord:
    spec = ModelSpec(target=name)
    mark = ModelFingerprint(weights=name, tokenizer="", chat_template="", dtype="", quantization="")
    return RunRecord(
        run_id=name,
        created="2026-01-01T00:00:00Z",
        status="done",
        spec=RunSpec(models=(spec,)),
        plan_hash="bench",
        model=ModelRecord(name=name, spec=spec, fingerprint=mark),
        environment=Environment(hardware={}, software={}, hardware_hash="", software_hash=""),
        jobs=(
            JobRecord(
                job_id="accuracy.exam", suite="accuracy", task="exam", status="done",
                sample_count=items, metrics=tuple(metrics),
            ),
        ),
    )  # fmt: skip


if __name__ == "__main__":
    main()
