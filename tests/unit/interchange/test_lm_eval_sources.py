"""Each published results file of lm-eval, parsed again without the importer, and its record."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from statistics import NormalDist
from typing import Any, NamedTuple

import pytest

from slmbench.interchange.importing import ImportedRun
from slmbench.interchange.read_files import read_files
from slmbench.schema.base import Measured
from slmbench.schema.record import JobRecord, RunRecord

_QUANTILE = NormalDist().inv_cdf(0.975)
_FOLDERS = ("lm_eval_v04", "pythia")


class Source(NamedTuple):
    """A results file, its document, and the run that was made of it."""

    path: Path
    document: dict[str, Any]
    run: ImportedRun

    @property
    def record(self) -> RunRecord:
        return self.run.record

    @property
    def results(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self.document.get("results", self.document)
        return found

    def job(self, task: str) -> JobRecord:
        (job,) = [job for job in self.record.jobs if job.task == task]
        return job


@pytest.fixture(scope="module")
def sources(shared: Path) -> list[Source]:
    folders = [shared / "published" / name for name in _FOLDERS]
    if not all(folder.is_dir() for folder in folders):
        pytest.skip("no published results of lm-eval beside this checkout")
    runs = {}
    for run in read_files([str(folder) for folder in folders]).runs:
        assert run.record.origin is not None
        # As it is in a store: what JSON can't hold would be lost there.
        record = RunRecord.model_validate_json(run.record.model_dump_json())
        for digest in run.record.origin.files.values():
            runs[digest] = ImportedRun(record, run.samples, run.raw)
    paths = sorted(path for folder in folders for path in folder.rglob("*.json"))
    return [
        Source(path, json.loads(path.read_bytes()), runs[sha256(path.read_bytes()).hexdigest()])
        for path in paths
    ]


def numbers(entry: dict[str, Any]) -> Iterator[tuple[str, str, float, Any]]:
    """Yield (name, filter, number, its standard error) of a task's entry, old or new."""
    for key, value in entry.items():
        name, _, used = key.partition(",")
        if isinstance(value, int | float) and not name.endswith("_stderr"):
            yield name, used, value, entry.get(f"{name}_stderr,{used}" if used else f"{key}_stderr")


def test_every_number_its_error_and_its_count_are_the_sources(sources: list[Source]) -> None:
    compared = counted = 0
    for source in sources:
        assert [job.task for job in source.record.jobs] == list(source.results)
        for task, entry in source.results.items():
            job, found = source.job(task), list(numbers(entry))
            filters = {used for _, used, _, _ in found}
            metrics = {metric.metric: metric for metric in job.metrics}
            counts = source.document.get("n-samples", {}).get(task)
            directions = source.document.get("higher_is_better", {}).get(task, {})
            for name, used, value, error in found:
                metric = metrics.pop(f"{name},{used}" if len(filters) > 1 else name)
                measured = metric.value
                assert isinstance(measured, Measured) and repr(measured.value) == repr(float(value))
                assert measured.source is not None and f"error: {error!r}" in measured.source
                assert measured.interval is not None
                half = (measured.interval.high - measured.interval.low) / 2.0
                assert half / _QUANTILE == pytest.approx(error, rel=1e-9)
                assert directions.get(name) in (metric.higher_is_better, None)
                if counts is not None:
                    assert measured.n == counts["effective"]
                    counted += 1
                compared += 1
            assert metrics == {}, "a number that the source does not have"
            cut = counts is not None and counts["effective"] < counts["original"]
            assert job.limit_items == (counts["effective"] if cut and counts else None)
    assert (len(sources), compared, counted) == (75, 4210, 1347)


def test_what_else_a_source_says_is_in_its_record(sources: list[Source]) -> None:
    for source in sources:
        document, record = source.document, source.record
        config = document.get("config") or {}
        software = record.environment.software
        name = document.get("model_name") or _argument(config, "pretrained")
        if name:
            assert record.model.name.partition("@")[0] == (
                Path(name).name if name.startswith("/") else name
            )
        revision = _argument(config, "revision")
        assert record.model.name.partition("@")[2] == (revision or "")
        if "date" in document:
            assert record.created == (
                datetime.fromtimestamp(document["date"], UTC).isoformat(timespec="microseconds")
            )
        assert record.model.parameter_count == config.get("model_num_parameters")
        if config.get("model_dtype"):
            assert f"torch.{record.model.dtype}" == config["model_dtype"]
            assert record.model.fingerprint.weights == config["model_sha"]
        assert software.get("git") == document.get("git_hash")
        assert software.get("transformers") == document.get("transformers_version")
        shots = set(document.get("n-shot", {}).values()) or {
            config.get("num_fewshot", document.get("num_fewshot"))
        }
        assert record.spec.num_fewshot == (shots.pop() if len(shots) == 1 else None)
        assert record.spec.limit == config.get("limit")
        assert record.spec.seed == config.get("fewshot_seed", 1234)
        assert record.spec.apply_chat_template is bool(document.get("chat_template_sha"))
        if record.spec.apply_chat_template:
            assert record.spec.fewshot_as_multiturn is document["fewshot_as_multiturn"]


def _argument(config: dict[str, Any], key: str) -> str | None:
    found = re.search(rf"(?:^|,){key}=([^,]+)", config.get("model_args") or "")
    return found[1] if found else None


def test_every_row_of_samples_keeps_its_scores_and_its_line(sources: list[Source]) -> None:
    rows_seen = 0
    for source in sources:
        stamp = source.path.stem.rpartition("_")[2]
        for path in source.path.parent.glob(f"samples_*_{stamp}.jsonl"):
            task = path.stem.removeprefix("samples_").removesuffix(f"_{stamp}")
            lines = path.read_text("utf-8").splitlines()
            job = source.job(task)
            found = {each.sample_id: each for each in source.run.samples[job.job_id]}
            assert len(found) == job.sample_count == len(lines)
            kept = source.run.raw[job.job_id]["lm_eval_samples"]
            assert [row["line"] for row in kept] == lines
            for row in map(json.loads, lines):
                sample = found[str(row["doc_id"])]
                assert sample.target == str(row["target"])
                names = {name for name, *_ in numbers(source.results[task])}
                assert sample.scores == {name: row[name] for name in names}
                rows_seen += 1
    assert rows_seen == 220
