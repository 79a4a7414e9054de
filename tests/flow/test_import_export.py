"""What lm-eval itself wrote, in and out: beside own runs, on a board, through a gate and back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from slmbench.errors import InputError
from slmbench.interchange.read_files import read_files
from slmbench.resources import reference_dir, tasks_dir
from slmbench.schema.base import Measured
from slmbench.store.reader import StoredRun, list_runs
from tests.conftest import slmbench
from tests.flow.lm_eval_tasks import write_tasks

pytest.importorskip("torch")
pytest.importorskip("lm_eval")

_PICO = f"pretrained={reference_dir() / 'pico'},dtype=float32"
_POLICY = """\
name: as good
rules:
  - {metric: accuracy/sentiment/acc, not_worse_than: baseline, margin: 0.2}
"""


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that lm-eval wrote with its own ``hf`` model: pico on a group and three tasks."""
    folder = tmp_path_factory.mktemp("tasks")
    write_tasks(folder, 16)
    for path in (tasks_dir() / "sentiment").iterdir():
        shutil.copy(path, folder)
    done = slmbench(
        "lm-eval", "run", "--model", "hf", "--model_args", _PICO, "--device", "cpu",
        "--tasks", "quiz_all,tell,story,sentiment", "--include_path", folder, "--limit", 60,
        "--output_path", folder / "out", "--log_samples", "--batch_size", 16, cwd=folder,
    )  # fmt: skip
    assert done.code == 0, done.err
    return folder / "out"


@pytest.fixture(scope="module")
def results(output: Path) -> dict[str, Any]:
    (path,) = output.rglob("results_*.json")
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


@pytest.fixture(scope="module")
def store(output: Path, reference_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with own runs of pico and micro and, imported, lm-eval's of pico."""
    place = tmp_path_factory.mktemp("stores") / "runs"
    shutil.copytree(reference_store, place)
    done = slmbench("import", output, "--store", place, "--json", cwd=place)
    assert done.code == 0, done.err
    (run,) = done.json()["runs"]
    assert run["new"] is True and run["samples"] == 4 * 16 + 60
    assert run["origin"]["tool"].startswith("lm-eval 0.4.") and len(run["origin"]["files"]) == 6
    return place


def imported(store: Path) -> StoredRun:
    (run,) = [run for run in list_runs(str(store)) if run.record.origin is not None]
    return run


def own_pico(store: Path) -> StoredRun:
    own = [run for run in list_runs(str(store)) if run.record.origin is None]
    return [run for run in own if run.record.model.name == "pico" and run.record.metrics][-1]


@pytest.mark.slow
def test_every_number_of_lm_eval_is_there(store: Path, results: dict[str, Any]) -> None:
    found = {metric.path: metric.value for metric in imported(store).record.metrics}
    count = 0
    for task, entry in results["results"].items():
        for key, value in entry.items():
            name, comma, used = key.partition(",")
            if comma and not name.endswith("_stderr"):
                shown = name if used == "none" else key
                measured = found[f"accuracy/{task}/{shown}"]
                assert isinstance(measured, Measured) and measured.value == value
                count += 1
    assert count == len(found) == 10
    assert found["accuracy/quiz_all/acc"].n == 32
    assert found["accuracy/sentiment/acc"].n == 60


@pytest.mark.slow
def test_importing_again_changes_nothing(store: Path, output: Path) -> None:
    before = sorted(path for path in store.rglob("*"))
    (path,) = output.rglob("results_*.json")
    done = slmbench("import", path, output, "--store", store, cwd=store)
    assert done.code == 0 and "already there" in done.out, done.err
    assert "0 runs imported" in done.out
    assert sorted(path for path in store.rglob("*")) == before


@pytest.mark.slow
def test_items_pair_with_those_of_an_own_run(store: Path) -> None:
    """lm-eval's hashes and ours agree, so the two runs are compared item by item."""
    own, theirs = own_pico(store).record, imported(store).record
    done = slmbench("compare", own.run_id, theirs.run_id, "--store", store, "--json", cwd=store)
    assert done.code == 0, done.err
    rows = {f"{row['task']}/{row['metric']}": row for row in done.json()["rows"]}
    row = rows["sentiment/acc"]
    assert row["paired"] is True and row["n"] == 60
    assert row["baseline"] == row["candidate"] and row["difference"] == 0.0


@pytest.mark.slow
def test_gate_and_board_take_imported_runs(store: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(_POLICY)
    own, theirs = own_pico(store).record, imported(store).record
    gated = slmbench(
        "gate", policy, "--baseline", own.run_id, "--candidate", theirs.run_id,
        "--store", store, "--json", cwd=tmp_path,
    )  # fmt: skip
    assert gated.json()["verdict"] == "PASS", gated.out
    ranked = slmbench("leaderboard", store, "-o", tmp_path / "board", cwd=tmp_path)
    assert ranked.code == 0, ranked.err
    page = (tmp_path / "board" / "index.html").read_text("utf-8")
    assert "quiz_all" in page and "word_perplexity" in page


@pytest.mark.slow
def test_out_again_as_lm_eval_wrote_it(store: Path, output: Path, tmp_path: Path) -> None:
    run_id = imported(store).record.run_id
    arguments = ("export", run_id, "--store", store, "--format", "lm-eval")
    refused = slmbench(*arguments, cwd=tmp_path)
    assert refused.code == 2 and "-o FOLDER" in refused.err
    done = slmbench(*arguments, "-o", tmp_path / "out", cwd=tmp_path)
    assert done.code == 0, done.err
    theirs = {path.name: path.read_bytes() for path in output.rglob("*.json*")}
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == theirs
    again = slmbench("import", tmp_path / "out", "--store", store, "--json", cwd=tmp_path)
    assert [(run["run_id"], run["new"]) for run in again.json()["runs"]] == [(run_id, False)]


@pytest.mark.slow
def test_an_own_run_has_lm_evals_numbers(
    store: Path, results: dict[str, Any], tmp_path: Path
) -> None:
    own = own_pico(store).record
    arguments = ("export", own.run_id, "--store", store, "--format", "lm-eval")
    done = slmbench(*arguments, "-o", tmp_path / "out", cwd=tmp_path)
    assert done.code == 0, done.err
    (path,) = (tmp_path / "out").glob("results_*.json")
    ours = json.loads(path.read_text("utf-8"))["results"]["sentiment"]
    theirs = results["results"]["sentiment"]
    for key in ("acc,none", "acc_stderr,none"):
        assert ours[key] == theirs[key], key
    (run,) = read_files([str(tmp_path / "out")]).runs
    assert len(run.samples["accuracy/sentiment"]) == 60


def test_one_damaged_file_and_nothing_is_written(tmp_path: Path) -> None:
    good = {"task": {"acc,none": 0.5, "acc_stderr,none": 0.1}}
    (tmp_path / "good.json").write_text(json.dumps(good))
    (tmp_path / "bad.json").write_text(json.dumps(good)[:-9])
    names = (tmp_path / "good.json", tmp_path / "bad.json")
    done = slmbench("import", *names, "--store", tmp_path / "runs", cwd=tmp_path)
    assert done.code == 2 and "bad.json" in done.err and "line 1, column" in done.err
    assert not (tmp_path / "runs").exists() and "Traceback" not in done.err
    named = slmbench(
        "import", names[0], "--store", tmp_path / "runs", "--model", "mine", cwd=tmp_path
    )
    assert named.code == 0 and "mine" in named.out, named.err
    (run,) = list_runs(str(tmp_path / "runs"))
    assert run.record.model.name == "mine"


def test_one_name_for_several_models_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.json").write_text(json.dumps({"t": {"acc,none": 0.5}}))
    done = slmbench("import", tmp_path, "--store", tmp_path / "runs", "--model", "x", cwd=tmp_path)
    assert done.code == 2 and "2 models: a, b" in done.err
    with pytest.raises(InputError):
        read_files([str(tmp_path / "nothing")])


def test_published_files_go_in_and_out_by_the_commands_with_every_byte(
    shared: Path, tmp_path: Path
) -> None:
    published = shared / "published"
    asdiv = published / "lm_eval_v04" / "asdiv_pr" / "results" / "asdiv"
    new = next(asdiv.rglob("results_2024-08-21T03-44-09.*.json"), None)
    old = published / "pythia" / "70m_step143000.json"
    if new is None or not old.is_file():
        pytest.skip("no published results of lm-eval beside this checkout")
    done = slmbench("import", new, old, "--store", tmp_path / "runs", "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    runs = {run["origin"]["form"]: run for run in done.json()["runs"]}
    entry = json.loads(new.read_bytes())["results"]["asdiv"]
    (metric,) = runs["lm-eval"]["metrics"]
    assert metric["value"] == entry["acc,none"] and metric["n"] == 50
    half = (metric["high"] - metric["low"]) / 2 / 1.959963984540054
    assert half == pytest.approx(entry["acc_stderr,none"], rel=1e-12)
    for form, source in (("lm-eval", new), ("lm-eval-old", old)):
        out = tmp_path / form
        arguments = ("export", runs[form]["run_id"], "--store", tmp_path / "runs")
        done = slmbench(*arguments, "--format", "lm-eval", "-o", out, cwd=tmp_path)
        assert done.code == 0, done.err
        stamp = source.stem.removeprefix("results_")
        files = {source, *source.parent.glob(f"samples_*_{stamp}.jsonl")}
        assert len(files) == len(runs[form]["origin"]["files"])
        written = {path.name: path.read_bytes() for path in out.iterdir()}
        assert written == {path.name: path.read_bytes() for path in files}
