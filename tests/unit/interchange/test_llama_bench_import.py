"""llama-bench's JSON: means of repetitions with their interval, one run for a configuration."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from tool_results import FILES, damaged, numbers, read, runs_or_input_error, write

from slmbench.errors import InputError
from slmbench.interchange.importing import ImportFile
from slmbench.interchange.llama_bench import recognises
from slmbench.stats.interval import mean_interval

FORM = "llama-bench"
WRITTEN = FILES / "llama_bench.json"


def entries() -> list[dict[str, Any]]:
    return json.loads(WRITTEN.read_text())


def test_figures_are_llama_benchs_means_with_students_interval() -> None:
    (run,) = read(FORM, WRITTEN)
    found = numbers(run.record)
    for entry in entries():
        prompt, written = entry["n_prompt"], entry["n_gen"]
        depth = f"-d{entry['n_depth']}" if entry["n_depth"] else ""
        if prompt and written:
            value = found[f"latency/llama-bench-pp{prompt}-tg{written}{depth}/e2e_s"]
            assert value.value == pytest.approx(entry["avg_ns"] / 1e9, rel=1e-6)
            continue
        name = f"pp{prompt}/prefill" if prompt else f"tg{written}/decode"
        name = name.replace("/", f"{depth}/")
        value = found[f"latency/llama-bench-{name}_tokens_per_s"]
        # llama-bench prints six digits of each repetition.
        assert value.value == pytest.approx(entry["avg_ts"], rel=1e-5)
        assert value.n == len(entry["samples_ts"])
        whole = mean_interval(entry["samples_ts"])
        assert (value.interval.low, value.interval.high) == (max(0.0, whole.low), whole.high)
        assert value.how.startswith("imported: llama-bench")
    tpot = found["latency/llama-bench-tg16/tpot_s"]
    (alone,) = (e for e in entries() if (e["n_prompt"], e["n_gen"], e["n_depth"]) == (0, 16, 0))
    assert tpot.value == pytest.approx(mean(alone["samples_ns"]) / 1e9 / 16, rel=1e-12)
    assert found["memory/llama-bench/weight_bytes"].value == alone["model_size"]
    assert run.record.model.parameter_count == alone["model_n_params"]


def test_repetitions_are_samples_and_the_entry_is_kept() -> None:
    (run,) = read(FORM, WRITTEN)
    (job,) = (job for job in run.record.jobs if job.task == "llama-bench-tg16")
    samples = run.samples[job.job_id]
    (alone,) = (e for e in entries() if (e["n_prompt"], e["n_gen"], e["n_depth"]) == (0, 16, 0))
    assert [s.scores["decode_tokens_per_s"] for s in samples] == alone["samples_ts"]
    assert job.details[FORM] == alone


def test_json_lines_are_the_same_runs(tmp_path: Path) -> None:
    lines = "\n".join(json.dumps(entry) for entry in entries())
    (run,) = read(FORM, write(tmp_path, lines, "bench.jsonl"))
    (same,) = read(FORM, WRITTEN)
    assert numbers(run.record) == numbers(same.record)
    with pytest.raises(InputError, match=r"bench\.jsonl', entry 2"):
        read(FORM, write(tmp_path, json.dumps(entries()[0]) + '\n{"build_', "bench.jsonl"))


def test_another_configuration_or_model_is_another_run(tmp_path: Path) -> None:
    first, *_ = entries()
    other = {**first, "n_threads": first["n_threads"] + 6}
    far = {**first, "model_filename": "/srv/somebody/else/" + first["model_filename"]}
    runs = read(FORM, write(tmp_path, [first, other, far, first], "bench.json"))
    assert [len(run.record.jobs) for run in runs] == [3, 2, 2]
    assert "somebody" not in runs[2].record.model_dump_json()
    assert runs[2].record.model.name == runs[0].record.model.name


def test_an_entry_without_repetitions_has_no_interval(tmp_path: Path) -> None:
    first = {key: value for key, value in entries()[0].items() if "samples" not in key}
    (run,) = read(FORM, write(tmp_path, [first], "bench.json"))
    value = run.record.metrics[0].value
    assert (value.value, value.n, value.interval) == (first["avg_ts"], 0, None)
    assert run.samples[run.record.jobs[0].job_id] == []


def test_what_is_none_of_it_is_refused(tmp_path: Path) -> None:
    assert not recognises(ImportFile(write(tmp_path, [{"build_commit": "x"}], "other.json")))
    with pytest.raises(InputError, match="-o json"):
        read(FORM, write(tmp_path, [*entries(), {"n_gen": 1}], "bench.json"))


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(document=damaged(entries()))
def test_any_json_gives_runs_or_an_input_error(tmp_path: Path, document: Any) -> None:
    runs_or_input_error(FORM, write(tmp_path, document, "any.json"))
