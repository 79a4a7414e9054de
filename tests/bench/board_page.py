"""Build and open a leaderboard of many models: ``python -m tests.bench.board_page``.

Synthetic runs, 40 metrics each over five suites, in a store on disk. Told are the seconds to read
them, to build the board and to render its page, the bytes of the page and, in Chromium from disk,
the time until it can be used (navigation to the first frame after its script: table, advice,
budgets), until its picture is there too, of a sort and of a budget.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from time import process_time

from slmbench.analyse.board_runs import board_of
from slmbench.render.leaderboard import render_leaderboard
from slmbench.schema.base import Interval, Measured
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.record import (
    Environment,
    JobRecord,
    Metric,
    ModelFingerprint,
    ModelRecord,
    RunRecord,
)
from slmbench.schema.spec import RunSpec
from slmbench.store.collection import no_collection
from slmbench.store.reader import list_runs
from slmbench.store.writer import RunWriter
from slmbench.units import clock

_ACCURACY = 24
_RESOURCES = (
    ("latency", "chat", "ttft_s", "s", 0.05),
    ("latency", "chat", "tpot_s", "s", 0.012),
    ("latency", "chat", "e2e_s", "s", 1.0),
    ("latency", "chat", "decode_tokens_per_s", "tokens/s", 80.0),
    ("latency", "long", "ttft_s", "s", 0.2),
    ("latency", "long", "tpot_s", "s", 0.015),
    ("energy", "chat", "j_per_output_token", "J", 0.8),
    ("energy", "chat", "j_per_request", "J", 90.0),
    ("energy", "chat", "wh_per_1000_requests", "Wh", 25.0),
    ("memory", "chat", "weight_bytes", "bytes", 3e9),
    ("memory", "chat", "peak_resident_bytes", "bytes", 4e9),
    ("memory", "chat", "kv_bytes_per_token", "bytes", 9e3),
    ("toxicity", "everyday", "expected_max_toxicity", "", 0.2),
    ("toxicity", "everyday", "toxic_fraction", "", 0.1),
    ("similarity", "summaries", "chrf", "", 40.0),
    ("similarity", "summaries", "rouge_l", "", 0.3),
)
_UP = ("decode_tokens_per_s", "chrf", "rouge_l")

_USABLE = "performance.getEntriesByName('usable')[0].startTime"
_COMPLETE = "performance.getEntriesByName('complete')[0].startTime"
_SORT = """async () => {
  const times = [];
  for (const at of [3, 9, 15, 21, 0]) {
    const button = document.querySelectorAll('#head .sort')[at];
    const start = performance.now();
    button.click();
    document.body.offsetHeight;
    times.push(performance.now() - start);
    await new Promise((done) => setTimeout(done, 120));
  }
  return times;
}"""
_BUDGET = """async () => {
  const input = document.getElementById('budget-0');
  const start = performance.now();
  input.value = Math.floor(input.max / 2);
  input.dispatchEvent(new Event('input', { bubbles: true }));
  const frame = () => new Promise(requestAnimationFrame);
  await frame();
  await frame();
  await new Promise((done) => setTimeout(() => setTimeout(done)));
  return performance.now() - start;
}"""


def main() -> None:
    """Print the figures of each size."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.board_page", description=__doc__)
    parser.add_argument("--models", default="250,1000,10000", help="comma-separated: %(default)s")
    parser.add_argument("--open", type=int, default=1000, help="the size that is opened")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for count in (int(text) for text in options.models.split(",")):
            page = build(count, Path(folder) / str(count))
            if count == options.open:
                path = Path(folder) / "index.html"
                path.write_text(page, encoding="utf-8")
                use(path)


def build(count: int, store: Path) -> str:
    """Store that many runs, make their page as the command does, print how long it took."""
    for record in synthetic(count):
        writer = RunWriter(store / record.run_id)
        writer.save_record(record)
        writer.close()
    times = [(clock(), process_time())]
    with no_collection():
        runs = list_runs(str(store))
        times.append((clock(), process_time()))
        made = board_of(runs)
        times.append((clock(), process_time()))
        page = render_leaderboard(made)
        times.append((clock(), process_time()))
    steps = [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(times)]
    read, built, shown = (f"{wall:.2f} s (processor {own:.2f} s)" for wall, own in steps)
    print(
        f"{count} models x {len(made.columns)} columns: {len(page.encode()) / 1e6:.2f} MB, "
        f"read {read}, board {built}, page {shown}; in all {times[-1][0] - times[0][0]:.2f} s, "
        f"{1e3 * (times[-1][1] - times[0][1]) / count:.2f} ms of the processor a model",
        flush=True,
    )
    return page


def use(path: Path) -> None:
    """Open the page in Chromium and print how long it takes to answer."""
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("SLMBENCH_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        usable, complete = [], []
        for _ in range(5):
            page.goto(path.as_uri(), timeout=120_000)
            while not page.evaluate("performance.getEntriesByName('complete').length"):
                page.wait_for_timeout(20)
            usable.append(page.evaluate(_USABLE))
            complete.append(page.evaluate(_COMPLETE))
        print(f"usable after {_milliseconds(usable)}", flush=True)
        print(f"with its picture after {_milliseconds(complete)}", flush=True)
        print(f"sort {_milliseconds(page.evaluate(_SORT))}", flush=True)
        print(f"budget {_milliseconds([page.evaluate(_BUDGET)])}", flush=True)
        browser.close()


def _milliseconds(times: Sequence[float]) -> str:
    return ", ".join(f"{time:.0f}" for time in times) + " ms"


def synthetic(count: int) -> list[RunRecord]:
    """Return runs with 40 numbers each, of models whose names differ."""
    chance = random.Random(7)
    spec = ModelSpec(target="fake:x", name="x")
    plan = RunSpec(models=(spec,))
    hosts = [
        Environment(
            hardware={"cpu": f"host {at}"}, software={"python": "3.11"},
            hardware_hash=f"h{at}", software_hash="s",
        )
        for at in range(4)
    ]  # fmt: skip
    return [_record(number, chance, spec, plan, hosts[number % 4]) for number in range(count)]


def _record(
    number: int, chance: random.Random, spec: ModelSpec, plan: RunSpec, host: Environment
) -> RunRecord:
    size = 10 ** chance.uniform(7.0, 10.5)
    skill = 0.3 + 0.1 * (size / 1e7) ** 0.15 + chance.gauss(0.0, 0.03)
    metrics = [
        Metric(
            suite="accuracy", task=f"task_{at:02d}", metric="acc_norm", higher_is_better=True,
            value=_measured(skill + 0.005 * at + chance.gauss(0, 0.02), 0.04, "", "lm-eval 0.4.13"),
        )
        for at in range(_ACCURACY)
    ]  # fmt: skip
    for suite, task, name, unit, level in _RESOURCES:
        value = level * (size / 1e9) ** 0.5 * chance.uniform(0.7, 1.4)
        shown = _measured(value, 0.05, unit, "test 1.0")
        up = name in _UP
        metrics.append(
            Metric(suite=suite, task=task, metric=name, value=shown, higher_is_better=up)
        )
    places = dict.fromkeys((metric.suite, metric.task) for metric in metrics)
    jobs = tuple(
        JobRecord(
            job_id=f"{suite}.{task}", suite=suite, task=task, status="done", sample_count=500,
            metrics=tuple(m for m in metrics if (m.suite, m.task) == (suite, task)),
        )
        for suite, task in places
    )  # fmt: skip
    mark = ModelFingerprint(
        weights=f"w{number}", tokenizer="t", chat_template="", dtype="bfloat16", quantization="none"
    )
    model = ModelRecord(
        name=f"org-{number % 37}/model-{number}", spec=spec, parameter_count=round(size),
        dtype="bfloat16", device="cpu", fingerprint=mark,
    )  # fmt: skip
    return RunRecord(
        run_id=f"run-{number:05d}",
        created=f"2026-03-01T10:{number // 60 % 60:02d}:{number % 60:02d}Z",
        status="done", spec=plan, plan_hash="p", model=model, environment=host, jobs=jobs,
    )  # fmt: skip


def _measured(value: float, share: float, unit: str, how: str) -> Measured:
    half = share * value
    span = Interval(low=value - half, high=value + half, method="bootstrap")
    return Measured(value=value, unit=unit, n=500, interval=span, how=how)


if __name__ == "__main__":
    main()
