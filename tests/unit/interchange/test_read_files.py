"""Which files are read, and that any document at all gives runs or an InputError."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lm_eval_files import OLD, results, write

from slmbench.errors import InputError
from slmbench.interchange.imported_record import renamed
from slmbench.interchange.importing import FORMATS, ImportFile, importer
from slmbench.interchange.read_files import read_files
from slmbench.store.import_run import import_run
from slmbench.store.reader import list_runs

_KEYS = st.sampled_from(
    ["results", "versions", "configs", "n-shot", "n-samples", "groups", "group_subtasks", "config",
     "acc,none", "acc_stderr,none", "acc", "acc_stderr", "alias", "task", "metric_list", "date",
     "effective", "model_args", "model_name", "higher_is_better", "$float"]
) | st.text(max_size=4)  # fmt: skip
_LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
    | st.sampled_from([10**400, -1, 0, 0.5, "N/A", "task"])
)  # fmt: skip
_DOCUMENTS = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=6),
    max_leaves=40,
)
_TABLES = st.dictionaries(_KEYS, _DOCUMENTS, max_size=5)
_NEARLY = st.fixed_dictionaries(
    {"results": st.dictionaries(_KEYS, st.dictionaries(_KEYS, _LEAVES, max_size=5), max_size=4)},
    optional={key: _TABLES | _DOCUMENTS for key in results() if key != "results"},
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(document=_NEARLY | _DOCUMENTS)
def test_any_json_gives_runs_or_an_input_error(tmp_path: Path, document: Any) -> None:
    path = write(tmp_path, document, "any.json")
    for form in (None, "lm-eval", "lm-eval-old"):
        try:
            found = read_files([str(path)], form)
        except InputError:
            continue
        for run in found.runs:
            json.dumps(run.record.model_dump(), allow_nan=False)
            assert run.record.metrics


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.binary(max_size=200), suffix=st.sampled_from([".json", ".jsonl", ".csv", ""]))
def test_any_bytes_give_an_input_error(tmp_path: Path, data: bytes, suffix: str) -> None:
    path = tmp_path / f"any{suffix}"
    path.write_bytes(data)
    with pytest.raises(InputError):
        read_files([str(path)])


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": ' * 50_000, '{"results": {"a": '])
def test_what_breaks_off_is_named_with_its_place(tmp_path: Path, text: str) -> None:
    good = write(tmp_path, results())
    (tmp_path / "bad.json").write_text(text)
    for named in ([str(tmp_path)], [str(good), str(tmp_path / "bad.json")]):
        with pytest.raises(InputError, match=r"bad\.json' is damaged: (line 1|it is nested)"):
            read_files(named)


def test_every_format_has_its_importer(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    for name in FORMATS:
        assert importer(name).recognises(ImportFile(empty)) is False, name


def test_a_folder_may_hold_other_files(tmp_path: Path) -> None:
    write(tmp_path / "deep" / "down", results())
    write(tmp_path, {"no": "results"}, "other.json")
    write(tmp_path / ".cache", results(), "hidden.json")
    (tmp_path / "README.md").write_text("# results")
    found = read_files([str(tmp_path)])
    assert len(found.runs) == 1
    assert [path.name for path in found.passed_over] == ["README.md", "other.json"]
    with pytest.raises(InputError, match=r"Known formats: .*lm-eval"):
        read_files([str(tmp_path / "README.md")])


@pytest.mark.parametrize(
    ("names", "form", "said"),
    [
        (["none.json"], None, "no file and no folder"),
        (["empty"], None, "No file of a known format"),
        (["old.json"], "lm-evl", "Did you mean 'lm-eval'"),
        (["old.json"], "lm-eval", "holds no results of lm-eval"),
    ],
)
def test_what_is_not_there_or_not_meant(tmp_path: Path, names, form, said) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path, OLD, "old.json")
    with pytest.raises(InputError, match=said):
        read_files([str(tmp_path / name) for name in names], form)


def test_a_table_that_was_read_with_the_results_is_not_passed_over(tmp_path: Path) -> None:
    rows = "model,arc,hellaswag,truthfulqa\norg/one,50.5,60.0,40.0\n"
    (tmp_path / "score.csv").write_text(rows)
    (tmp_path / "schema.yaml").write_text("gpu: []")
    (tmp_path / "models.json").write_text('{"org/one": {"params": 7}}')
    found = read_files([str(tmp_path)])
    assert found.runs[0].record.model.parameter_count == 7_000_000_000
    assert [path.name for path in found.passed_over] == ["schema.yaml"]


def test_the_same_file_twice_is_one_run(tmp_path: Path) -> None:
    path = write(tmp_path, results())
    copy = write(tmp_path / "copy", results(), "results_renamed.json")
    first, second = (read_files([str(each)]).runs[0].record for each in (path, copy))
    assert first.run_id == second.run_id
    store = str(tmp_path / "store")
    assert [import_run(store, each, {}, {}) for each in (first, second)] == [True, False]
    assert [run.record for run in list_runs(store)] == [first]


def test_another_name_is_another_run(tmp_path: Path) -> None:
    record = read_files([str(write(tmp_path, results()))]).runs[0].record
    mine = renamed(record, "mine")
    assert mine.model.name == mine.spec.models[0].name == "mine"
    assert mine.run_id != record.run_id and mine.jobs == record.jobs
    assert renamed(record, "mine") == mine
