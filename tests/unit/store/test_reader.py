"""A run is found the way a person means it, and its samples come back as they were."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_records import run_record

from slmbench.errors import RecordError
from slmbench.schema.record import Sample
from slmbench.store.reader import find_run, list_runs, open_run, scan_runs
from slmbench.store.tables import rows_to_table, samples_to_table, table_to_samples
from slmbench.store.writer import RunWriter

IDS = ("20260101T000000.000001-pico-aaaaaa", "20260102T000000.000001-nano-bbbbbb",
       "20260103T000000.000001-pico-cccccc")  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> str:
    folder = tmp_path / "runs"
    for run_id in reversed(IDS):
        writer = RunWriter(folder / run_id)
        writer.save_record(run_record(run_id, run_id.split("-")[1]))
        writer.close()
    (folder / "not a run").mkdir()
    (folder / "a file").write_text("")
    return str(folder)


@pytest.mark.parametrize(
    ("reference", "number"),
    [
        (IDS[0], 0),
        ("20260102", 1),
        ("20260103T000000.000001-pico", 2),
        ("nano", 1),
        ("pico", 2),
    ],
)
def test_a_run_is_found(reference: str, number: int, store: str) -> None:
    assert find_run(reference, store).record.run_id == IDS[number]


def test_a_run_is_found_by_its_folder(store: str) -> None:
    folder = f"{store}/{IDS[1]}"
    for reference in (folder, folder + "/", f"file://{folder}"):
        assert find_run(reference, "no such store").record.run_id == IDS[1]


def test_a_pair_is_not_taken_for_a_run_and_the_error_says_how_to_see_it(store: str) -> None:
    name = "20260104T000000.000001-ab-pico-nano-dddddd"
    (Path(store) / name).mkdir()
    (Path(store) / name / "pair.json").write_text("{}")
    for reference, where in ((name, store), (f"{store}/{name}", "no such store")):
        with pytest.raises(RecordError, match=f"measured in turns.*slmbench ab {store}/{name}"):
            find_run(reference, where)
    assert len(list_runs(store)) == 3


def test_a_store_of_one_run_names_it(store: str, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (Path(store) / IDS[1]).rename(tmp_path / "one" / IDS[1])
    assert find_run(str(tmp_path / "one"), store).record.run_id == IDS[1]
    with pytest.raises(RecordError, match="is a store of 2 runs: name one of"):
        find_run(store, store)


def test_a_start_that_fits_several_is_refused(store: str) -> None:
    with pytest.raises(RecordError, match=r"'202601' fits 3 runs.*write more of it"):
        find_run("202601", store)


def test_an_unknown_run_has_a_suggestion(store: str) -> None:
    with pytest.raises(RecordError, match=r"No run 'picco'.*Did you mean 'pico'\?") as caught:
        find_run("picco", store)
    assert caught.value.exit_code == 2


def test_runs_are_listed_oldest_first(store: str) -> None:
    assert [run.record.run_id for run in list_runs(store)] == list(IDS)
    assert [run.record.run_id for run in list_runs(f"{store}/{IDS[0]}")] == [IDS[0]]


def test_an_empty_or_missing_store_says_how_to_fill_it(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"No store at .*slmbench run"):
        list_runs(str(tmp_path / "none"))
    assert scan_runs(str(tmp_path / "none")) == []
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecordError, match="holds no run"):
        list_runs(str(tmp_path / "empty"))
    assert scan_runs(str(tmp_path / "empty")) == []


def test_a_folder_without_a_run_and_a_strange_url_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"has no run\.json"):
        open_run(str(tmp_path))
    with pytest.raises(RecordError, match="cannot be opened"):
        open_run("strange://bucket/run")


TEXT = st.text(max_size=30) | st.sampled_from(["", "\x00", "e\u0301", "שלום", "👩‍👧", "\u2028\n\t"])
#: A lone surrogate, which a tokenizer can make, has no UTF-8; it becomes ``?``.
ODD = TEXT | st.text(alphabet=st.characters(categories=["Cs", "Lu"]), max_size=5)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
NAMES = st.text(alphabet="abc_@p95,", min_size=1, max_size=8)
SAMPLES = st.builds(
    Sample,
    sample_id=TEXT,
    content_hash=TEXT,
    cluster=st.none() | TEXT,
    prompt=st.none() | ODD,
    output=st.none() | ODD,
    target=st.none() | ODD,
    scores=st.dictionaries(NAMES, NUMBERS, max_size=3),
    unscored=st.dictionaries(NAMES, TEXT, max_size=2),
    loglikelihoods=st.lists(NUMBERS, max_size=4).map(tuple),
    input_tokens=st.none() | st.integers(0, 2**40),
    output_tokens=st.none() | st.integers(0, 2**40),
    elapsed_s=st.none() | st.floats(0, 1e6),
    status=st.sampled_from(["ok", "failed", "unscored"]),
    reason=st.none() | TEXT,
)


def expected(sample: Sample) -> Sample:
    changes = {
        name: value.encode("utf-8", "replace").decode()
        for name in ("prompt", "output", "target")
        if (value := getattr(sample, name)) is not None
    }
    return sample.model_copy(update=changes)


@settings(max_examples=60, deadline=None)
@given(samples=st.lists(SAMPLES, max_size=5))
def test_samples_come_back_as_they_were(
    samples: list[Sample], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "samples.parquet"
    pq.write_table(samples_to_table(samples), path)
    assert table_to_samples(pq.read_table(path)) == [expected(sample) for sample in samples]


def test_a_row_that_lacks_a_reading_is_null_there() -> None:
    table = rows_to_table([{"a": 1}, {"b": "x"}, {"a": 2, "b": "y"}])
    assert table.to_pylist() == [
        {"a": 1, "b": None},
        {"a": None, "b": "x"},
        {"a": 2, "b": "y"},
    ]
    assert rows_to_table([]).num_rows == 0 and math.isfinite(
        rows_to_table([{"a": 1.5}])[0][0].as_py()
    )


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="counts threads in Linux's /proc")
def test_reading_starts_no_thread_that_could_outlive_it(tmp_path: Path) -> None:
    path = tmp_path / "samples.parquet"
    pq.write_table(rows_to_table([{"a": number, "b": "text"} for number in range(1000)]), path)
    code = (
        "import os, sys, pyarrow, pyarrow.parquet\n"
        "from pathlib import Path\n"
        "from slmbench.store.tables import read_parquet\n"
        "before = len(os.listdir('/proc/self/task'))\n"
        "table = read_parquet(Path(sys.argv[1]).read_bytes())\n"
        "assert table.num_rows == 1000\n"
        "sys.exit(len(os.listdir('/proc/self/task')) - before)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 0
