"""Files of other tools are told apart by what is in them, and what is read goes into a store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tool_results import FILES, read, write

from slmbench.errors import InputError
from slmbench.interchange.importing import FORMATS, ImportFile, importer
from slmbench.interchange.read_files import read_files
from slmbench.store.import_run import import_run
from slmbench.store.reader import list_runs

WRITTEN = {
    "llama_bench.json": "llama-bench",
    "vllm_serve_summary.json": "vllm-serve",
    "guidellm_0_8_1.json": "guidellm",
    "optimum_benchmark.json": "optimum-benchmark",
    "codecarbon_emissions.csv": "codecarbon",
    "codecarbon_tasks.csv": "codecarbon",
}


@pytest.mark.parametrize("name", WRITTEN)
def test_each_is_recognised_by_its_own_importer_alone(name: str) -> None:
    file = ImportFile(FILES / name)
    assert [form for form in FORMATS if importer(form).recognises(file)] == [WRITTEN[name]]


@pytest.mark.parametrize("name", WRITTEN)
def test_what_was_read_is_in_the_store_as_it_was(tmp_path: Path, name: str) -> None:
    runs = read_files([str(FILES / name)]).runs
    for run in runs:
        import_run(str(tmp_path), run.record, run.samples, run.raw)
    stored = {each.record.run_id: each for each in list_runs(str(tmp_path))}
    assert len(stored) == len(runs)
    for run in runs:
        found = stored[run.record.run_id]
        assert found.record == run.record
        for job_id, samples in run.samples.items():
            assert found.samples(job_id) == list(samples)
    (again, *_) = read(WRITTEN[name], FILES / name)
    assert again.record == runs[0].record


@pytest.mark.parametrize("form", sorted(set(WRITTEN.values())))
def test_a_file_of_another_kind_is_an_input_error(tmp_path: Path, form: str) -> None:
    nested = "[" * 5000 + "]" * 5000
    others = ["", "null", "[]", "[1]", "{}", '{"benchmarks": 1}', "a,b\n1,2\n", nested]
    for number, whole in enumerate(others):
        file = ImportFile(write(tmp_path, whole, f"other{number}.json"))
        assert not importer(form).recognises(file)
        with pytest.raises(InputError, match=f"other{number}"):
            importer(form).read(file)


def test_deep_settings_are_cut_and_not_a_traceback(tmp_path: Path) -> None:
    entry = json.loads((FILES / "llama_bench.json").read_text())[0]
    deep: object = 1
    for _ in range(300):
        deep = {"in": deep}
    (run,) = read("llama-bench", write(tmp_path, [{**entry, "extra": deep}], "deep.json"))
    assert "nested too deeply" in run.record.model_dump_json()
