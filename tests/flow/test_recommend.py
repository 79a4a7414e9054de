"""``slmbench recommend`` and ``slmbench route`` as a person runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from slmbench.cli.app import dispatch
from slmbench.schema.record import RunRecord
from tests.conftest import slmbench
from tests.unit.render.board_records import elsewhere, family, job, measured, record


def stored(folder: Path, records: list[RunRecord]) -> str:
    for number, made in enumerate(records):
        run = made.model_copy(update={"run_id": f"run-{number:02}"})
        (folder / run.run_id).mkdir(parents=True)
        (folder / run.run_id / "run.json").write_text(run.model_dump_json(), "utf-8")
    return str(folder)


@pytest.fixture
def store(tmp_path: Path) -> str:
    return stored(tmp_path / "runs", family())


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    code = dispatch(["recommend", *arguments, "--json"])
    out = capsys.readouterr().out
    return code, json.loads(out) if out else None


@pytest.mark.parametrize(
    ("budgets", "code", "verdict", "recommended"),
    [
        (("--max-memory", "2.5GiB", "--min", "accuracy=0.5"), 0, "RECOMMENDED", "Qwen3-0.6B"),
        (("--max-memory", "100MiB"), 1, "NONE", None),
        (("--min", "accuracy=0.65"), 3, "INCONCLUSIVE", None),
        (("--max-tpot", "20ms", "--workload", "chat"), 0, "RECOMMENDED", "Qwen3-0.6B"),
        (("--device", "phone-6gb", "--max-energy", "1J"), 0, "RECOMMENDED", "Qwen3-0.6B"),
        (("--metric", "memory/*/weight_bytes<=300 MB"), 0, "RECOMMENDED", "SmolLM2-135M-Instruct"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_the_exit_code_is_the_verdict(
    budgets: tuple[str, ...],
    code: int,
    verdict: str,
    recommended: str | None,
    store: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found, document = answer(capsys, store, *budgets)
    (only,) = document["answers"]
    assert (found, document["verdict"], only["recommended"]) == (code, verdict, recommended)
    assert len(only["candidates"]) == 12
    for each in only["candidates"]:
        assert (each["standing"] == "meets") == all(
            check["standing"] == "meets" for check in each["checks"]
        )


def test_the_text_says_why_who_and_who_not(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch(["recommend", store, "--max-memory", "3GiB", "--max-toxicity", "0.12"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("RECOMMENDED Qwen3-0.6B on AMD EPYC 9554: 6 of 12 models")
    assert "Open, a limit lies within an interval: Llama-3.2-1B-Instruct" not in out
    assert "Qwen3-4B: memory/chat/peak_resident_bytes is" in out
    assert "beyond the limit (at most 3 GiB)" in out and "lies within its interval" in out
    assert "on the front of capability against memory/chat/peak_resident_bytes" in out
    assert "fallback" in out and "Traceback" not in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--max-memory", "6"), "6GiB"),
        (("--max-memory", "50ms"), "does not fit"),
        (("--max-tpot", "fast"), "not a quantity"),
        (("--min", "accuracy"), "NAME=VALUE"),
        (("--metric", "accuracy>0.5"), "suite/task/metric<=x"),
        (("--metric", "latency/chat/tpot<=1s"), "Did you mean"),
        (("--device", "phone-6"), "phone-6gb"),
        (("--by", "accuracy/arc/ac"), "rank by"),
        (("--by", "accuracy=x"), "METRIC=WEIGHT"),
        (("--max-cost", "0.1"), "no run has a metric"),
    ],
    ids=str,
)
def test_wrong_input_names_the_next_step(
    arguments: tuple[str, ...], told: str, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dispatch(["recommend", store, *arguments]) == 2
    captured = capsys.readouterr()
    assert told in captured.err and captured.out == ""


def test_imported_accuracy_and_own_speed_make_one_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def speed(name: str, tpot: float) -> RunRecord:
        return record(name, [job("latency", "chat", {"tpot_s": measured(tpot, 0.001, "s")})])

    own = stored(tmp_path / "own", [speed("a", 0.02), speed("b", 0.04), speed("c", 0.09)])
    imports = [elsewhere("org/a", 0.4), elsewhere("b", 0.6), elsewhere("c", 0.9)]
    other = stored(tmp_path / "imports", [*imports, elsewhere("d", 0.95)])
    code, document = answer(capsys, own, other, "--max-tpot", "50ms")
    assert code == 0 and document["answers"][0]["recommended"] == "b"
    assert [each["label"] for each in document["unplaced"]] == ["d"]
    assert document["answers"][0]["candidates"][0]["marks"] == ["imp."]
    code, _ = answer(capsys, own, other, "--max-tpot", "50ms", "--no-join")
    assert code == 1


def test_real_runs_are_recommended_and_routed(reference_store: Path, tmp_path: Path) -> None:
    found = slmbench("recommend", reference_store, "--max-memory", "6GiB", "--json", cwd=tmp_path)
    assert found.code == 0, found.err
    document = found.json()
    assert {each["model"] for each in document["answers"][0]["candidates"]} == {"pico", "micro"}
    assert "bootstrap over samples" in document["answers"][0]["front_how"]
    done = slmbench("route", "pico", "micro", "--store", reference_store, "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    for route in done.json()["routes"]:
        assert 0.0 <= route["oracle_share"] <= 1.0 and route["n"] == 60
        assert route["confidence"]["kind"] == "measured" and route["points"]
        assert isinstance(route["cost"], str) and route["weak_cost"] > 0.0
        assert route["oracle"] >= max(route["weak"]["value"], route["strong"]["value"])
    text = slmbench("route", "pico", "micro", "--store", reference_store, cwd=tmp_path)
    assert text.code == 0 and "to strong" in text.out
