"""A/B mode and the doctor as a user runs them: on the reference models, and with a dying worker."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from slmbench.cli.app import dispatch
from tests.conftest import Finished, slmbench
from tests.house.test_light_import import MODEL_LIBRARIES, command, loaded_after
from tests.unit.execute.clockwork_backend import install, write_workload

BLOCKS = 8
CHAT = {"ttft_s", "tpot_s", "e2e_s", "prefill_tokens_per_s", "decode_tokens_per_s"}


def write_small(folder: Path) -> None:
    """Write a workload of a few tokens, so that a turn of a reference model is short."""
    folder.mkdir()
    (folder / "text.txt").write_text("The day was light and the water was green. " * 60)
    (folder / "small.yaml").write_text(
        "{workload: small, version: 1, text: text.txt, prompt_tokens: 256, output_tokens: 8, "
        "warmup: 2, repeats: 2}\n"
    )


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Finished]:
    """pico against micro, which has many times its weights, by a few blocks."""
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("ab")
    write_small(folder / "workloads")
    done = slmbench(
        "ab", "ref:pico", "ref:micro", "--task", "small", "--include-path", "workloads",
        "--repeats", BLOCKS, "--store", "pairs", "--json", cwd=folder,
    )  # fmt: skip
    return folder, done


def row_of(document: Any, metric: str) -> Any:
    return next(row for row in document["rows"] if row["metric"] == metric)


def test_the_larger_model_is_found_slower(measured: tuple[Path, Finished]) -> None:
    _, done = measured
    document = done.json()
    assert document["status"] == "done" and document["alpha"] == 0.05
    assert (document["baseline"], document["candidate"]) == ("pico", "micro")
    # On a noisy host A may differ from A, and the exit code says so; the ratio stays large.
    assert done.code == (3 if document["verdict"] == "INCONCLUSIVE" else 0), done.err
    assert document["host"] in ("quiet", "noisy")
    row = row_of(document, "e2e_s")
    assert row["ratio"]["ratio"] > 1.1 and row["ratio"]["low"] > 1.0
    # A single block may fall to the host's noise; not more, at weights a dozen times pico's.
    assert row["ratio"]["blocks"] == BLOCKS and row["ratio"]["p"] <= 0.05
    assert row_of(document, "decode_tokens_per_s")["ratio"]["ratio"] < 1.0


def test_the_baseline_is_measured_against_itself(measured: tuple[Path, Finished]) -> None:
    """By its structure: what the times say of it is the host's affair."""
    document = measured[1].json()
    for metric in CHAT:
        check = row_of(document, metric)["check"]
        assert check["blocks"] == BLOCKS and check["low"] <= check["ratio"] <= check["high"]
        assert 0.0 < check["p"] <= check["p_adjusted"] <= 1.0
    peak = row_of(document, "peak_resident_bytes")
    assert peak["baseline"] > 2**20 and peak["plain_ratio"] > 0.5 and peak["ratio"] is None
    energy = row_of(document, "j_per_request")
    assert (energy["ratio"] is None) == (energy["absent"] is not None)


def test_a_pair_is_shown_again_without_torch(measured: tuple[Path, Finished]) -> None:
    folder, done = measured
    document = done.json()
    again = slmbench("ab", document["pair_id"], "--store", "pairs", "--json", cwd=folder)
    assert again.code == done.code, again.err
    assert again.json() == document
    shown = command("ab", str(folder / document["path"]), "-o", str(folder / "ab.md"))
    assert loaded_after(shown) & MODEL_LIBRARIES == set()
    page = (folder / "ab.md").read_text("utf-8")
    assert "latency/small/ttft_s" in page and document["verdict"] in page


def test_a_worker_that_dies_ends_in_exit_code_5_with_its_turns_kept(tmp_path: Path) -> None:
    install(tmp_path / "site")
    write_workload(tmp_path / "workloads")
    done = slmbench(
        "ab", "clockwork:1.0", "clockwork:1.2;die=6", "--task", "short", "--no-check",
        "--include-path", "workloads", "--store", "pairs", cwd=tmp_path,
        PYTHONPATH=str(tmp_path / "site"),
    )  # fmt: skip
    assert done.code == 5 and "exit code 9" in done.out and "Traceback" not in done.err
    (folder,) = (tmp_path / "pairs").iterdir()
    again = slmbench("ab", folder, "--json", cwd=tmp_path)
    assert again.code == 5
    document = again.json()
    assert document["status"] == "failed" and row_of(document, "e2e_s")["ratio"]["blocks"] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ab", "ref:pico"), "is no pair"),
        (("ab", "ref:pico", "ref:pica"), "'pica'"),
        (("ab", "ref:pico", "ref:nano", "--task", "chatt"), "chat"),
        (("ab", "ref:pico", "ref:nano", "--alpha", "0.7"), "alpha"),
        (("ab", "ref:pico", "ref:nano", "--repeats", "0"), "repeats"),
        (("ab", "ref:pico", "ref:nano", "-o", "a.html"), ".md"),
        (("doctor", "--difference", "5"), "5%"),
        (("doctor", "--model", "ref:pica", "--quick"), "pica"),
    ],
)
def test_wrong_input_is_told_and_measures_nothing(
    arguments: tuple[str, ...],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert dispatch(list(arguments)) == 2
    told = capsys.readouterr()
    assert said in told.err and "Traceback" not in told.err and told.out == ""
    assert list(tmp_path.iterdir()) == []


def test_the_doctor_tells_what_can_be_shown_and_loads_no_model_library(tmp_path: Path) -> None:
    code = (
        "import io, contextlib, json\n"
        "from slmbench.cli.app import dispatch\n"
        "with contextlib.redirect_stdout(io.StringIO()) as out:\n"
        "    assert dispatch(['doctor', '--quick', '--json']) == 0\n"
        f"open({str(tmp_path / 'found.json')!r}, 'w').write(out.getvalue())"
    )
    assert loaded_after(code) & MODEL_LIBRARIES == set()
    found = json.loads((tmp_path / "found.json").read_text("utf-8"))
    assert {"sensors", "host", "extras"} <= {check["area"] for check in found["checks"]}
    assert {check["status"] for check in found["checks"]} <= {"ok", "note", "warn"}
    (resolution,) = found["resolutions"]
    assert resolution["difference"] == 0.05 and resolution["noise"] > 0
    assert resolution["blocks"] >= 20 and resolution["turn_s"] > 0.001
    few, many = resolution["repeats_for_80"], resolution["repeats_for_95"]
    assert many is None or (few is not None and 7 <= few <= many)
    assert found["advice"].startswith("No:" if many is None else "Yes:")


def test_the_doctor_calibrates_with_a_model_and_leaves_nothing_behind(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    write_small(tmp_path / "workloads")
    done = slmbench(
        "doctor", "--model", "ref:pico", "--task", "small", "--include-path", "workloads",
        "--quick", "--difference", "20%", cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "pico small/ttft_s" in done.out and "Can a difference of 20 % be shown" in done.out
    assert [path.name for path in tmp_path.iterdir()] == ["workloads"]


@pytest.mark.parametrize("name", ["ab", "doctor"])
def test_help_is_light(name: str) -> None:
    assert loaded_after(command(name, "--help")) & MODEL_LIBRARIES == set()
