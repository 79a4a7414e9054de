"""lm-eval's layout: what came from lm-eval goes back as it was; own runs in its words."""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from exported_runs import run as made_run
from lm_eval_files import DATE, OLD, results, row, write, write_samples

from slmbench.errors import InputError
from slmbench.interchange.importing import ImportedRun
from slmbench.interchange.lm_eval_layout import render_lm_eval
from slmbench.interchange.read_files import read_files
from slmbench.schema.base import Absent
from slmbench.schema.record import Aggregation, JobRecord, Metric, RunRecord, Sample
from slmbench.stats.interval import measured
from slmbench.store.import_run import import_run
from slmbench.store.reader import StoredRun, find_run


@dataclass(frozen=True)
class InMemory(StoredRun):
    """A run that was never written."""

    kept: dict[str, list[Sample]] = field(default_factory=dict)

    def samples(self, job_id: str) -> list[Sample]:
        return self.kept.get(job_id, [])


def stored(run: ImportedRun, store: Path) -> StoredRun:
    """Return a run after it went through a store."""
    assert import_run(str(store), run.record, run.samples, run.raw)
    return find_run(run.record.run_id, str(store))


def written(files: dict[str, str], folder: Path) -> Path:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
    return folder


@pytest.mark.parametrize("kind", ["whole", "bare", "old"])
def test_out_as_it_went_in_and_in_again(tmp_path: Path, kind: str) -> None:
    document = {"whole": results(), "bare": {"wnli": {"acc,none": 0.5}}, "old": OLD}[kind]
    source = tmp_path / "in" / "org__model"
    name = "old.json" if kind == "old" else f"results_{DATE}.json"
    text = write(source, document, name).read_text("utf-8")
    if kind == "whole":
        write_samples(source, "quiz_b", [row(i, i % 2, odd="ü\u2028") for i in range(8)])
    (run,) = read_files([str(source)]).runs
    files = render_lm_eval(stored(run, tmp_path / "store"))
    assert files[name] == text
    if kind == "whole":
        there = source / f"samples_quiz_b_{DATE}.jsonl"
        assert files[there.name] == there.read_text("utf-8")
    (tmp_path / "out").mkdir()
    (again,) = read_files([str(written(files, tmp_path / "out" / "org__model"))]).runs
    assert again.record == run.record and again.samples == run.samples


def own(values: list[float]) -> InMemory:
    """Return an own run of one task with a sample for each value, and one of another suite."""
    samples = [
        Sample(
            sample_id=f"item-{i}", content_hash=f"hash-{i}", prompt="Say", output="no",
            target="yes", scores={"acc": value}, loglikelihoods=(-1.25, -0.5),
        )
        for i, value in enumerate(values)
    ]  # fmt: skip
    rule = Aggregation(kind="mean", score="acc")
    job = JobRecord(
        job_id="accuracy/quiz",
        suite="accuracy",
        task="quiz",
        status="done",
        sample_count=len(samples),
        metrics=(
            Metric(
                suite="accuracy", task="quiz", metric="acc", higher_is_better=True,
                value=measured(rule, samples, "", "lm-eval@0.4.13"), aggregation=rule,
            ),
            Metric(suite="accuracy", task="quiz", metric="ece", value=Absent(reason="few")),
        ),
        details={"versions": {"quiz": "1.0"}, "num_fewshot": {"quiz": 2},
                 "items": {"quiz": {"original": 9, "effective": len(values)}}},
    )  # fmt: skip
    others = made_run()
    record = others.model_copy(update={"jobs": (job, *others.jobs)})
    return InMemory(record, "nowhere", {"accuracy/quiz": samples})


def test_an_own_run_has_lm_evals_names_and_its_standard_error(tmp_path: Path) -> None:
    values = [1.0, 0.0, 1.0, 1.0, 0.0]
    files = render_lm_eval(own(values))
    (name,) = [name for name in files if name.startswith("results_")]
    assert name == "results_2026-01-31T12-00-00.000000.json"
    document = json.loads(files[name])
    entry = document["results"]["quiz"]
    assert entry["acc,none"] == 0.6 and "ece,none" not in entry
    assert entry["acc_stderr,none"] == pytest.approx(statistics.stdev(values) / 5**0.5, rel=1e-15)
    assert document["n-samples"]["quiz"] == {"original": 9, "effective": 5}
    assert document["n-shot"]["quiz"] == 2 and document["versions"]["quiz"] == 1.0
    # A number of another suite has no error that lm-eval would know.
    memory = document["results"]["all_chat"]
    assert memory["weight_bytes,none"] == 2.0**20 and memory["weight_bytes_stderr,none"] == "N/A"


def test_an_own_run_comes_back_with_its_items(tmp_path: Path) -> None:
    run = own([1.0, 0.0, 1.0])
    (back,) = read_files([str(written(render_lm_eval(run), tmp_path / "out"))]).runs
    found = back.samples["accuracy/quiz"]
    for mine, theirs in zip(run.samples("accuracy/quiz"), found, strict=True):
        for name in ("sample_id", "content_hash", "prompt", "target", "scores", "loglikelihoods"):
            assert getattr(mine, name) == getattr(theirs, name), name
    values = {metric.path: metric.value for metric in back.record.metrics}
    first = run.record.metrics[0].value
    assert values["accuracy/quiz/acc"].value == first.value
    assert values["accuracy/quiz/acc"].n == 3


def test_lm_eval_reads_what_is_written(tmp_path: Path) -> None:
    utils = pytest.importorskip("lm_eval.utils")
    files = render_lm_eval(own([1.0, 0.0, 1.0]))
    (name,) = [name for name in files if name.startswith("results_")]
    table = utils.make_table(json.loads(files[name]))
    (line,) = [line for line in table.splitlines() if line.startswith("|quiz")]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[1:5] == ["1.0", "none", "2", "acc"] or cells[1:5] == ["1", "none", "2", "acc"]
    assert "0.6667" in cells and "0.3333" in cells
    names = [f"out/{each}" for each in files]
    assert utils.get_results_filenames(names) == [f"out/{name}"]
    (samples,) = utils.get_sample_results_filenames(names)
    assert utils.get_file_task_name(Path(samples).name) == "quiz"
    assert utils.get_file_datetime(samples) == "2026-01-31T12-00-00.000000"


def test_groups_and_filters_of_an_own_run() -> None:
    rule = Aggregation(kind="mean", score="exact_match,vote")
    samples = [
        Sample(sample_id=f"{task}/{i}", content_hash="h", scores={"exact_match,vote": float(i)})
        for task in ("a", "b")
        for i in range(2)
    ]
    job = JobRecord(
        job_id="accuracy/g",
        suite="accuracy",
        task="g",
        status="done",
        metrics=tuple(
            Metric(
                suite="accuracy", task=task, metric=name, aggregation=kind,
                value=measured(kind, samples if task != "g" else (), "", "lm-eval", value=0.5),
            )
            for task, name, kind in (
                ("a", "exact_match,vote", rule),
                ("b", "exact_match,vote", rule),
                ("g", "exact_match", Aggregation(kind="other")),
            )
        ),
        details={"filters": {"a": ["first", "vote"], "b": ["first", "vote"], "g": ["vote"]}},
    )  # fmt: skip
    record: RunRecord = made_run().model_copy(update={"jobs": (job,)})
    files = render_lm_eval(InMemory(record, "nowhere", {"accuracy/g": samples}))
    (document,) = [json.loads(text) for name, text in files.items() if name.startswith("results")]
    assert document["groups"]["g"]["exact_match,vote"] == 0.5
    assert document["group_subtasks"]["g"] == ["a", "b"]
    assert document["results"]["a"]["exact_match_stderr,vote"] == pytest.approx(0.5)
    rows: dict[str, Any] = {
        name: [json.loads(line) for line in text.splitlines()]
        for name, text in files.items()
        if name.startswith("samples_")
    }
    assert [len(each) for each in rows.values()] == [2, 2]
    assert all(each["filter"] == "vote" for found in rows.values() for each in found)


def test_nothing_measured_is_refused() -> None:
    with pytest.raises(InputError, match="no measured metric"):
        render_lm_eval(InMemory(made_run(()), "nowhere"))


def test_every_shared_file_comes_back_byte_for_byte(shared: Path, tmp_path: Path) -> None:
    folders = [shared / "published" / name for name in ("lm_eval_v04", "pythia")]
    if not all(folder.is_dir() for folder in folders):
        pytest.skip("no published results of lm-eval beside this checkout")
    texts: dict[str, set[str]] = {}
    for path in (path for folder in folders for path in folder.rglob("*.json*")):
        texts.setdefault(path.name, set()).add(path.read_text("utf-8"))
    seen = 0
    for run in read_files([str(folder) for folder in folders]).runs:
        record = RunRecord.model_validate(json.loads(json.dumps(run.record.model_dump())))
        for name, text in render_lm_eval(Unwritten(record, "nowhere", run)).items():
            assert text in texts[name], name
            seen += 1
    assert seen == sum(map(len, texts.values())) == 81


@dataclass(frozen=True)
class Unwritten(StoredRun):
    """An imported run before it is in a store."""

    run: ImportedRun

    def samples(self, job_id: str) -> list[Sample]:
        return list(self.run.samples.get(job_id, ()))

    def raw(self, meter: str, job_id: str) -> list[dict[str, Any]]:
        return [dict(row) for row in self.run.raw.get(job_id, {}).get(meter, ())]
