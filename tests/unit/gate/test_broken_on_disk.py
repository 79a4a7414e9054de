"""What lies on the disk broken, cut, edited or missing gives a verdict or exit code 2, no PASS."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slmbench.cli.app import dispatch
from slmbench.store.baseline_file import save_baseline
from slmbench.store.reader import open_run
from tests.unit.gate.test_gate_fails_closed import any_case

GOLDEN = Path(__file__).parents[2] / "golden" / "records_v1"
POLICY = """
name: closed
rules:
  - {metric: similarity/paraphrase/chrf, min: 0.0001}
  - {metric: similarity/*/chrf, not_worse_than: baseline, margin: 100}
  - {metric: toxicity/everyday/toxic_fraction, max: 1}
"""


def gate(folder, policy, baseline=GOLDEN, candidate=GOLDEN):
    path = folder / "policy.yaml"
    if isinstance(policy, bytes):
        path.write_bytes(policy)
    else:
        path.write_text(policy)
    return dispatch(
        ["gate", str(path), "--baseline", str(baseline), "--candidate", str(candidate), "--json"]
    )


def broken_copy(folder, change):
    """Copy the golden run and let ``change`` spoil its record; None leaves the record out."""
    place = folder / "broken"
    shutil.copytree(GOLDEN, place)
    record = place / "run.json"
    made = change(json.loads(record.read_text()))
    record.unlink()
    if made is not None:
        record.write_text(made if isinstance(made, str) else json.dumps(made))
    return place


def first_job(document, suite="similarity", task="paraphrase", **update):
    for job in document["jobs"]:
        if (job["suite"], job["task"]) == (suite, task):
            job.update(update)
    return document


BROKEN = {
    "no record": lambda document: None,
    "empty record": lambda document: "",
    "half a record": lambda document: json.dumps(document)[:500],
    "a list": lambda document: [],
    "no jobs": lambda document: {**document, "jobs": []},
    "no metrics": lambda document: first_job(document, metrics=[]),
    "a failed job": lambda document: first_job(document, status="failed", reason="killed"),
    "a job that waits": lambda document: first_job(document, status="pending"),
    "a later schema": lambda document: {**document, "schema_version": 999},
    "a metric twice": lambda document: {**document, "jobs": [*document["jobs"]] * 2},
    "another count of samples": lambda document: first_job(document, sample_count=7),
    "brackets": lambda document: "[" * 200_000,
    "a level of 0": lambda document: json.dumps(document).replace('"level": 0.95', '"level": 0.0'),
    "bounds in no order": lambda document: json.dumps(document).replace('"low": ', '"low": 1e9'),
    "a negative count": lambda document: json.dumps(document).replace('"n": 5', '"n": -5'),
    "NaN": lambda document: json.dumps(document).replace('"value": 0.', '"value": NaN, "x": 0.'),
}


@pytest.mark.parametrize("side", ["baseline", "candidate"])
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_run_is_never_a_pass(tmp_path, capsys, name, side):
    place = broken_copy(tmp_path, BROKEN[name])
    code = gate(tmp_path, POLICY, **{side: place})
    shown = capsys.readouterr()
    assert code in (1, 2, 4), shown
    assert "Traceback" not in shown.err and "fault of slmbench" not in shown.err


def without_scores(table):
    kept = pa.array([[]] * table.num_rows, table.schema.field("scores").type)
    return table.set_column(table.column_names.index("scores"), "scores", kept)


def one_item_all_over(table):
    return pa.concat_tables([table.slice(0, 1)] * table.num_rows)


@pytest.mark.parametrize("spoil", [without_scores, one_item_all_over])
def test_samples_that_are_not_the_record_s_never_pass(tmp_path, capsys, spoil):
    """Both runs are spoilt alike, so that their items agree."""
    for name in ("old", "new"):
        shutil.copytree(GOLDEN, tmp_path / name)
        path = tmp_path / name / "samples" / "similarity.paraphrase.parquet"
        pq.write_table(spoil(pq.read_table(path)), path)
    assert gate(tmp_path, POLICY, tmp_path / "old", tmp_path / "new") == 4
    assert "counts 5 items with this score" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["x" * 5000, "a/" + "y" * 300])
def test_a_name_that_no_file_can_have_is_exit_code_2(tmp_path, capsys, name):
    assert gate(tmp_path, POLICY, candidate=name) == 2
    assert "too long" in capsys.readouterr().err


def test_the_same_policy_passes_on_whole_runs(tmp_path, capsys):
    assert gate(tmp_path, POLICY) == 0, capsys.readouterr()


@settings(any_case, max_examples=20)
@given(data=st.data())
def test_any_policy_file_gives_a_verdict_or_exit_code_2(tmp_path, capsys, data):
    text = POLICY.encode()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 30)))
    middle = data.draw(st.binary(max_size=10) | st.sampled_from([b": ", b"\n", b"- ", b"{", b"*"]))
    code = gate(tmp_path, text[:start] + middle + text[end:])
    shown = capsys.readouterr()
    assert code in (0, 1, 2, 3, 4), shown.err
    assert "Traceback" not in shown.err


@settings(any_case, max_examples=25)
@given(data=st.data())
def test_any_damage_to_a_record_gives_a_verdict_or_exit_code_2(tmp_path_factory, capsys, data):
    folder = tmp_path_factory.mktemp("damage")

    def spoil(document):
        node = document
        for _ in range(data.draw(st.integers(0, 6))):
            deeper = [
                each
                for each in (node.values() if isinstance(node, dict) else node)
                if isinstance(each, dict | list) and each
            ]
            if deeper:
                node = data.draw(st.sampled_from(deeper))
        key = data.draw(st.sampled_from(list(node) if isinstance(node, dict) else range(len(node))))
        if data.draw(st.booleans()):
            del node[key]
        else:
            node[key] = data.draw(st.none() | st.integers(-1, 1) | st.text(max_size=3))
        return document

    code = gate(folder, POLICY, candidate=broken_copy(folder, spoil))
    shown = capsys.readouterr()
    assert code in (0, 1, 2, 3, 4), shown.err
    assert "Traceback" not in shown.err and "fault of slmbench" not in shown.err


def spoil_file(data, path):
    """Cut, fill with noise, empty or remove a file; say whether its bytes are other ones now."""
    old = path.read_bytes()
    kind = data.draw(st.sampled_from(["gone", "empty", "cut", "noise", "swapped"]))
    if kind == "gone":
        path.unlink()
        return True
    place = data.draw(st.integers(0, len(old) - 1))
    noise = data.draw(st.binary(min_size=1, max_size=40))
    made = {
        "empty": b"",
        "cut": old[:place],
        "noise": old[:place] + noise + old[place + len(noise) :],
        "swapped": (GOLDEN / "samples" / "latency.chat.parquet").read_bytes(),
    }[kind]
    path.write_bytes(made)
    return made != old


@settings(any_case, max_examples=30)
@given(data=st.data(), side=st.sampled_from(["baseline", "candidate"]))
def test_any_damage_to_samples_gives_a_verdict_or_exit_code_2(tmp_path_factory, capsys, data, side):
    folder = tmp_path_factory.mktemp("samples")
    place = folder / "run"
    shutil.copytree(GOLDEN, place)
    name = data.draw(st.sampled_from(["similarity.paraphrase", "similarity.summary"]))
    spoil_file(data, place / "samples" / f"{name}.parquet")
    code = gate(folder, POLICY, **{side: place})
    shown = capsys.readouterr()
    assert code in (0, 1, 2, 3, 4), shown.err
    assert "Traceback" not in shown.err and "fault of slmbench" not in shown.err


@pytest.mark.parametrize("damage", ["gone", "empty", "half of the rows"])
@pytest.mark.parametrize("side", ["baseline", "candidate"])
def test_samples_that_are_missing_never_pass(tmp_path, capsys, side, damage):
    place = tmp_path / "run"
    shutil.copytree(GOLDEN, place)
    path = place / "samples" / "similarity.paraphrase.parquet"
    if damage == "gone":
        path.unlink()
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        table = pq.read_table(path)
        pq.write_table(table.slice(0, table.num_rows // 2), path)
    assert gate(tmp_path, POLICY, **{side: place}) == 2
    assert "similarity.paraphrase" in capsys.readouterr().err


@settings(any_case, max_examples=25)
@given(data=st.data())
def test_any_damage_to_a_baseline_file_is_exit_code_2(tmp_path_factory, capsys, data):
    folder = tmp_path_factory.mktemp("baseline")
    path = save_baseline(open_run(str(GOLDEN)), folder / "baseline.json")
    assert gate(folder, POLICY, baseline=path) == 0
    whole = path.read_bytes()
    changed = spoil_file(data, path)
    code = gate(folder, POLICY, baseline=path)
    shown = capsys.readouterr()
    assert code == 2 or not changed or says_the_same(path, whole), shown
    assert "Traceback" not in shown.err and "fault of slmbench" not in shown.err


def says_the_same(path, whole):
    """Say whether the file's bytes mean what they meant: a space may have become a tab."""
    try:
        return json.loads(path.read_bytes()) == json.loads(whole)
    except ValueError:
        return False


def test_letters_that_are_no_utf8_are_told_of(tmp_path, capsys):
    """Behind the checks of the file's frame: only who reads the letters sees them."""
    place = tmp_path / "run"
    shutil.copytree(GOLDEN, place)
    path = place / "samples" / "similarity.paraphrase.parquet"
    table = pq.read_table(path)
    at = table.column_names.index("sample_id")
    broken = pa.array([b"\xb7" + str(i).encode() for i in range(table.num_rows)], pa.binary())
    letters = pa.Array.from_buffers(pa.string(), len(broken), broken.buffers())
    pq.write_table(table.set_column(at, "sample_id", letters), path)
    assert gate(tmp_path, POLICY, candidate=place) == 2
    shown = capsys.readouterr().err
    assert "similarity.paraphrase" in shown and "holds no samples" in shown
