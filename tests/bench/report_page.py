"""The report of a run of 100,000 samples: ``python -m tests.bench.report_page``.

One run of multiple-choice and toxicity jobs is written to a store; then the command writes its
report in a process of its own, and Chromium opens it from disk. Told are the bytes, the seconds to
write, the command's peak memory, and the seconds to the first view (the first row of the browser
and the first sample are there), to filter by a mark and to search every text. Chromium is found on
the path or in SLMBENCH_CHROMIUM.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
from playwright.sync_api import Page, sync_playwright

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

_TEXT = (
    "the train leaves a town where nobody had the right part for an old clock and a cook who "
    "keeps the key to the garden asks her neighbour for help"
)
_NEEDLE = "a word that stands in one sample"


def main() -> None:
    """Make the run, write its report and open it several times."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.report_page", description=__doc__)
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--jobs", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        write_run(place / "run", options.samples, options.jobs)
        page = place / "report.html"
        start = clock()
        command = [sys.executable, "-m", "slmbench.cli.app", "report", str(place / "run")]
        subprocess.run([*command, "-o", str(page)], check=True, capture_output=True)
        written = clock() - start
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        files = list((place / "report_samples").glob("*.js"))
        beside = sum(path.stat().st_size for path in files)
        print(
            f"{options.samples} samples in {options.jobs} jobs: page {page.stat().st_size} bytes, "
            f"{len(files)} files beside it of {beside} bytes; written in {written:.2f} s with "
            f"{peak / 2**20:.0f} MiB at most"
        )
        told = [opened(page) for _ in range(options.rounds)]
        for name in told[0]:
            values = [each[name] for each in told]
            print(f"{name}: {statistics.median(values):.3f} s [{min(values):.3f}, "
                  f"{max(values):.3f}] of {options.rounds}")  # fmt: skip


def opened(path: Path) -> dict[str, float]:
    """Return the seconds of each step in a browser that was just started."""
    chromium = os.environ.get("SLMBENCH_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        found = {}
        start = clock()
        page.goto(path.as_uri())
        page.wait_for_selector("#samples-detail .text", state="attached")
        found["first view"] = clock() - start
        found["first paint, by the browser's own clock"] = page.evaluate(
            "performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000"
        )
        wrong, toxic = page.locator(".chip").nth(0), page.locator(".chip").nth(1)
        found["filter by wrong"] = step(page, wrong.click)
        wrong.click()
        found["filter by toxic"] = step(page, toxic.click)
        toxic.click()
        page.locator("#samples-search").fill(_NEEDLE)
        found["search every text"] = step(
            page, lambda: page.locator("#samples-search").press("Enter")
        )
        if not page.locator("#samples-status").inner_text().startswith("1 of"):
            raise SystemExit("The search did not find its one sample.")
        browser.close()
    return found


def step(page: Page, act: Callable[[], None]) -> float:
    """Return the seconds from an act until the list shows all that was asked for."""
    start = clock()
    act()
    page.wait_for_selector("#samples-list[aria-busy=false]", timeout=120_000)
    return clock() - start


def write_run(place: Path, samples: int, jobs: int) -> None:
    """Write a stored run whose samples have texts of usual length."""
    draw = random.Random(7)
    records = []
    for number in range(jobs):
        count = samples // jobs + (number < samples % jobs)
        suite = "toxicity" if number % 5 == 4 else "accuracy"
        made = [_sample(draw, suite, number, item) for item in range(count)]
        score = "toxicity_probability" if suite == "toxicity" else "acc"
        rule = Aggregation(kind="mean", score=score)
        job = f"{suite}/task{number}"
        metric = Metric(
            suite=suite, task=f"task{number}", metric=score, aggregation=rule,
            value=measured(rule, made, "", "bench"), higher_is_better=suite == "accuracy",
        )  # fmt: skip
        records.append(
            JobRecord(job_id=job, suite=suite, task=f"task{number}", status="done",
                      sample_count=count, metrics=(metric,))
        )  # fmt: skip
        file = place / layout.SAMPLES / layout.file_name(job)
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(tables.samples_to_table(made), file)
    (place / layout.RECORD).write_text(_record(records).model_dump_json(), "utf-8")


def _sample(draw: random.Random, suite: str, number: int, item: int) -> Sample:
    words = _TEXT.split()
    prompt = " ".join(draw.choices(words, k=70))
    if (number, item) == (9, 1000):
        prompt += _NEEDLE
    is_one = draw.random() < (0.02 if suite == "toxicity" else 0.6)
    score = "toxicity_probability" if suite == "toxicity" else "acc"
    return Sample(
        sample_id=f"task{number}-{item:06d}",
        content_hash=f"{item:064x}",
        prompt=prompt,
        output=" ".join(draw.choices(words, k=20)),
        target="B" if suite == "accuracy" else None,
        scores={score: float(is_one)},
        loglikelihoods=(-1.5, -2.5, -3.5, -4.5) if suite == "accuracy" else (),
        input_tokens=90,
        output_tokens=26,
    )


def _record(jobs: list[JobRecord]) -> RunRecord:
    spec = ModelSpec(target="large")
    mark = ModelFingerprint(weights="w", tokenizer="", chat_template="", dtype="", quantization="")
    return RunRecord(
        run_id="large",
        created="2026-01-01T00:00:00Z",
        status="done",
        spec=RunSpec(models=(spec,)),
        plan_hash="bench",
        model=ModelRecord(name="large", spec=spec, fingerprint=mark),
        environment=Environment(hardware={}, software={}, hardware_hash="", software_hash=""),
        jobs=tuple(jobs),
    )


if __name__ == "__main__":
    main()
