"""lm-eval's results files, new and old: every value, error and count as the file has it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from statistics import NormalDist
from typing import Any

import pytest
from lm_eval_files import DATE, OLD, results, write

from slmbench.errors import InputError
from slmbench.interchange.lm_eval_entry import figures, old_figures
from slmbench.interchange.read_files import read_files
from slmbench.schema.base import Absent, Measured
from slmbench.schema.record import RunRecord
from slmbench.suites.taskfile import text_hash

_QUANTILE = NormalDist().inv_cdf(0.975)


def read(path: Path) -> RunRecord:
    (run,) = read_files([str(path)]).runs
    return run.record


def numbers(record: RunRecord) -> dict[str, Any]:
    return {metric.path: metric.value for metric in record.metrics}


def test_values_errors_and_counts_are_the_files(tmp_path: Path) -> None:
    record = read(write(tmp_path, results()))
    found = numbers(record)
    first = found["accuracy/quiz_a/acc"]
    assert (first.value, first.n, first.how) == (0.6, 97, "imported: lm-eval 0.4.13")
    half = (first.interval.high - first.interval.low) / 2
    assert half / _QUANTILE == pytest.approx(0.05, rel=1e-12)
    assert "0.05" in first.source and "standard error" in first.interval.method
    # The items of a group are those of its tasks.
    assert found["accuracy/quiz/acc"].n == 105
    jobs = {job.task: job for job in record.jobs}
    limits = [jobs[name].limit_items for name in ("quiz", "quiz_a", "quiz_b", "tell")]
    # A group of which one task was cut was not asked in full.
    assert limits == [105, None, 8, None]
    assert record.spec.num_fewshot == 5 and record.status == "done"


def test_an_error_of_zero_is_no_certainty(tmp_path: Path) -> None:
    value = numbers(read(write(tmp_path, results())))["accuracy/quiz_b/acc"]
    assert value.value == value.interval.high == 1.0 and 0.6 < value.interval.low < 0.7
    assert value.interval.method.startswith("wilson")


def test_filters_name_metrics_as_in_own_runs(tmp_path: Path) -> None:
    found = numbers(read(write(tmp_path, results())))
    first = found["accuracy/tell/exact_match,first"]
    assert first.value == 0.25 and first.interval is None and "N/A" in first.source
    vote = found["accuracy/tell/exact_match,vote"]
    assert isinstance(vote, Absent) and "nan" in vote.reason
    document = results(results={"tell": {"exact_match,strict-match": 0.5}}, groups={})
    assert "accuracy/tell/exact_match" in numbers(read(write(tmp_path / "one", document)))


def test_model_host_and_origin(tmp_path: Path) -> None:
    record = read(write(tmp_path, results()))
    model = record.model
    assert (model.name, model.parameter_count, model.dtype) == (
        "org/model@step3", 1000, "bfloat16"
    )  # fmt: skip
    assert model.fingerprint.weights == "abc" and model.spec.backend == "imported"
    assert record.created == "2025-03-02T23:52:52.260894+00:00"
    assert record.environment.hardware == {
        "gpu": "NVIDIA H100", "gpu_count": "1", "cpu": "Some CPU"
    }  # fmt: skip
    assert record.environment.software["torch"] == "2.6.0"
    assert record.origin is not None and record.origin.tool == "lm-eval 0.4.13"
    assert list(record.origin.files) == [f"results_{DATE}.json"]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("/data/models/tiny", "tiny"),
        ("./tiny/", "tiny"),
        ("org/tiny", "org/tiny"),
        ("tiny", "tiny"),
        ("C:\\models\\tiny", "tiny"),
    ],
)
def test_no_place_on_a_disk_is_a_name(tmp_path: Path, given: str, name: str) -> None:
    document = results(model_name=given, config={})
    assert read(write(tmp_path, document)).model.name == name


def test_model_arguments_may_be_a_dict_and_name_an_adapter(tmp_path: Path) -> None:
    config = {"model_args": {"pretrained": "org/base", "peft": "org/lora", "load_in_4bit": True}}
    model = read(write(tmp_path, results(model_name=None, config=config))).model
    assert (model.name, model.fingerprint.quantization) == ("org/lora", "bnb-4bit")


def test_a_stock_task_has_the_fingerprint_of_an_own_run(tmp_path: Path) -> None:
    jobs = {job.task: job for job in read(write(tmp_path, results())).jobs}
    own = text_hash("quiz_a", "0.4.13", repr({"quiz_a": 1.0}), repr({"quiz_a": 5}))
    assert jobs["quiz_a"].fingerprints.task == own
    assert jobs["quiz_a"].fingerprints.scorer == "lm-eval@0.4.13"


def test_without_a_version_the_definition_counts(tmp_path: Path) -> None:
    one = results(lm_eval_version=None)
    other = results(lm_eval_version=None)
    other["configs"]["quiz_a"]["doc_to_text"] = "Another question: {{word}}"
    first, second = (
        {job.task: job.fingerprints.task for job in read(write(tmp_path / name, each)).jobs}
        for name, each in (("a", one), ("b", other))
    )
    assert first["quiz_a"] != second["quiz_a"] and first["quiz"] != second["quiz"]
    assert first["quiz_b"] == second["quiz_b"] != ""


@pytest.mark.parametrize(
    ("limit", "limits", "asked"),
    [(5, {5, 10}, 5.0), (0.5, {97, None}, 0.5), (98, {98, 196, None}, 98.0), (None, {None}, None)],
)
def test_without_counts_the_limit_tells(
    tmp_path: Path, limit: float | None, limits: set[int | None], asked: float | None
) -> None:
    """97 items follow from the first task's error, so that a limit of 98 did not cut it."""
    document = results(**{"n-samples": None, "config": {"limit": limit, "fewshot_seed": 7}})
    document["results"]["quiz_a"]["acc,none"] = 55 / 97
    document["results"]["quiz_a"]["acc_stderr,none"] = (55 * 42 / 97**2 / 96) ** 0.5
    record = read(write(tmp_path, document))
    assert {job.limit_items for job in record.jobs} == limits
    assert (record.spec.limit, record.spec.seed) == (asked, 7)


def test_a_run_says_how_it_was_asked_as_far_as_its_file_does(tmp_path: Path) -> None:
    document = results(
        fewshot_as_multiturn=False, system_instruction="Be brief.", chat_template_sha="c0ffee"
    )
    spec = read(write(tmp_path, document)).spec
    assert (spec.apply_chat_template, spec.fewshot_as_multiturn) == (True, False)
    assert spec.system_instruction == "Be brief."
    # lm-eval writes it without a template too, where nothing has turns.
    plain = read(write(tmp_path / "plain", results(fewshot_as_multiturn=True))).spec
    assert (plain.apply_chat_template, plain.fewshot_as_multiturn) == (False, None)
    assert RunRecord.model_validate_json(read(tmp_path / f"results_{DATE}.json").model_dump_json())


@pytest.mark.parametrize("part", ["bare", "short"])
def test_cut_down_forms(tmp_path: Path, part: str) -> None:
    entries = {"wnli": {"acc,none": 0.4788732394366197, "acc_stderr,none": 0.05970805879899505}}
    short = {"model": "/w/my-model", "tasks": ["wnli"], "num_fewshot": 0, "results": entries}
    record = read(write(tmp_path / "org__model", entries if part == "bare" else short))
    value = numbers(record)["accuracy/wnli/acc"]
    # 34 of 71: it follows from the share and its error.
    assert value.n == 71 and "follows" in value.source
    assert record.model.name == ("org/model" if part == "bare" else "my-model")
    assert bool(record.jobs[0].notes) is (part == "bare")
    assert record.created == "2025-03-03T00:05:12.300060+00:00"


def test_the_older_format(tmp_path: Path) -> None:
    record = read(write(tmp_path, OLD, "old.json"))
    found = numbers(record)
    assert record.model.name == "org/old@step9" and record.origin.form == "lm-eval-old"
    assert (found["accuracy/arc/acc"].value, found["accuracy/arc/acc"].n) == (0.22, 100)
    perplexity = next(m for m in record.metrics if m.metric == "ppl")
    assert perplexity.higher_is_better is False and perplexity.value.value == 130.9
    # 0.0054 is rounded, so no number of items follows from it: none is made up.
    assert found["accuracy/lambada/acc"].n == 0
    assert record.created.startswith("1970") and record.jobs[0].notes
    cut = {**OLD, "config": {**OLD["config"], "limit": 200}}
    limited = read(write(tmp_path, cut, "cut.json"))
    assert [job.limit_items for job in limited.jobs] == [None, 200] and limited.spec.limit == 200


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (results(versions=[1]), "'versions' is no table"),
        (results(results={}), "holds no results"),
        ({"results": {"a": {}}, "versions": {"a": 0}}, "no task has a number"),
        ({"something": 1}, "of no format"),
        ([1, 2], "of no format"),
    ],
)
def test_damaged_files_are_refused_by_name(tmp_path: Path, document: Any, said: str) -> None:
    path = write(tmp_path, document)
    with pytest.raises(InputError, match=said) as refused:
        read(path)
    assert str(path) in str(refused.value)


def test_every_shared_file_loses_nothing(shared: Path) -> None:
    """Values, errors and counts of each file, old and new, are those of the source."""
    folders = [shared / "published" / name for name in ("lm_eval_v04", "pythia")]
    if not all(folder.is_dir() for folder in folders):
        pytest.skip("no published results of lm-eval beside this checkout")
    sources: dict[str, Any] = {}
    for path in (path for folder in folders for path in folder.rglob("*.json")):
        sources[path.name] = json.loads(path.read_text("utf-8"))
    runs = read_files([str(folder) for folder in folders]).runs
    compared = 0
    for run in runs:
        assert run.record.origin is not None
        (name,) = [name for name in run.record.origin.files if name.endswith(".json")]
        document = sources.pop(name)
        split = old_figures if run.record.origin.form == "lm-eval-old" else figures
        entries = document.get("results", document)
        assert [job.task for job in run.record.jobs] == list(entries)
        for job in run.record.jobs:
            found = split(entries[job.task])
            counts = document.get("n-samples", {}).get(job.task)
            assert len(found) == len(job.metrics) > 0
            for figure, metric in zip(found, job.metrics, strict=True):
                compared += _same(figure, metric.value, counts)
    assert sources == {} and len(runs) == 75 and compared > 3000


def _same(figure: Any, value: Any, counts: dict[str, int] | None) -> int:
    assert isinstance(value, Measured) and value.value == figure.value
    if counts is not None:
        assert value.n == counts["effective"]
    if figure.error == "N/A":
        assert value.interval is None
    elif figure.error > 0:
        half = (value.interval.high - value.interval.low) / 2
        assert math.isclose(half / _QUANTILE, figure.error, rel_tol=1e-9)
    else:
        assert value.interval is not None
    return 1
