"""What a pair's turns mean, on turns that were written down for it."""

from __future__ import annotations

import random
from typing import Any

import pytest

from slmbench.analyse.pair import block_ratios, result_of
from slmbench.analyse.resolution import advice, resolution_of
from slmbench.render.ab_text import render_ab_markdown, render_ab_text
from slmbench.schema.base import Absent, Measured
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.pair import PairRecord, PairSpec, PairTask, Turn
from slmbench.schema.record import Environment, Fingerprints, ModelFingerprint, ModelRecord

SECONDS = ("ttft_s", "tpot_s", "e2e_s")


def record_of(tasks: tuple[str, ...] = ("chat",), **changes: Any) -> PairRecord:
    old, new = (ModelSpec(backend="fake", target=name) for name in ("old|model", "new"))
    fingerprint = ModelFingerprint(
        weights="", tokenizer="", chat_template="", dtype="", quantization=""
    )
    size = Measured(value=2.0**20, unit="bytes", n=1, interval=None, how="counter")
    given: dict[str, Any] = {
        "pair_id": "pair", "created": "2026-01-01T00:00:00+00:00", "status": "done",
        "spec": PairSpec(baseline=old, candidate=new, tasks=tasks),
        "models": {
            "a": ModelRecord(name="old|model", spec=old, fingerprint=fingerprint),
            "b": ModelRecord(name="new", spec=new, fingerprint=fingerprint),
        },
        "environment": Environment(hardware={}, software={}, hardware_hash="", software_hash=""),
        "tasks": tuple(
            PairTask(name=name, workload={},
                     fingerprints={"a": Fingerprints(prompt="1"), "b": Fingerprints(prompt="1")})
            for name in tasks
        ),
        "memory": {
            "a": {"peak_resident_bytes": size, "peak_device_bytes": Absent(reason="no GPU")},
            "b": {"peak_resident_bytes": size.model_copy(update={"value": 2.0**21}),
                  "peak_device_bytes": Absent(reason="no GPU")},
        },
    }  # fmt: skip
    return PairRecord(**{**given, **changes})


def turns_of(
    blocks: int = 20, b: float = 1.0, a2: float = 1.0, noise: float = 0.01, task: str = "chat",
    more: dict[str, float] | None = None, unscored: dict[str, str] | None = None,
) -> list[Turn]:  # fmt: skip
    """Turns whose times are 0.1 s times a stream's slowness, with seeded noise."""
    draw, slowness = random.Random(5), {"a": 1.0, "b": b, "a2": a2}
    found = []
    for block in range(blocks):
        for position, stream in enumerate(("a", "b", "a2", "a2", "b", "a")):
            times = [0.1 * slowness[stream] * (1 + draw.gauss(0, noise)) for _ in SECONDS]
            scores = {**dict(zip(SECONDS, times, strict=True)), **(more or {})}
            scores["decode_tokens_per_s"] = 1 / scores["tpot_s"]
            found.append(
                Turn(task=task, block=block, position=position, stream=stream, started_s=0.0,
                     elapsed_s=1.0, scores=scores, unscored=unscored or {},
                     token_times_s=(((0.1, 0.2),),))
            )  # fmt: skip
    return found


def test_a_slower_model_is_worse_and_a_faster_one_better() -> None:
    for slowness, reading in ((1.1, "worse"), (0.9, "better")):
        found = result_of(record_of(), turns_of(b=slowness))
        rows = {row.metric: row for row in found.rows}
        assert found.verdict == "DIFFERENT" and found.host == "quiet"
        assert {rows[name].reading for name in (*SECONDS, "decode_tokens_per_s")} == {reading}
        assert rows["ttft_s"].ratio is not None
        assert rows["ttft_s"].ratio.ratio == pytest.approx(slowness, rel=0.02)
        assert rows["ttft_s"].baseline == pytest.approx(0.1, rel=0.02)
        # A rate and its time are one question, so both carry the same p.
        assert rows["decode_tokens_per_s"].ratio is not None and rows["tpot_s"].ratio is not None
        assert rows["decode_tokens_per_s"].ratio.p_adjusted == rows["tpot_s"].ratio.p_adjusted


def test_equal_models_show_nothing_and_say_what_could_have_been_shown() -> None:
    found = result_of(record_of(), turns_of())
    assert found.verdict == "NO_DIFFERENCE_SHOWN" and "% would have been" in found.reason
    assert {row.reading for row in found.rows if row.ratio} == {"no difference shown"}


def test_a_difference_of_the_baseline_from_itself_hides_everything() -> None:
    found = result_of(record_of(), turns_of(b=2.0, a2=1.1))
    assert found.verdict == "INCONCLUSIVE" and found.host == "noisy"
    assert {row.reading for row in found.rows if row.ratio} == {"inconclusive"}
    assert "chat/ttft_s" in found.reason


def test_too_few_blocks_are_inconclusive_whatever_they_say() -> None:
    few = result_of(record_of(), turns_of(blocks=6, b=2.0))
    assert few.verdict == "INCONCLUSIVE" and "at least 7" in few.reason
    assert result_of(record_of(), turns_of(blocks=7, b=2.0)).verdict == "DIFFERENT"
    nothing = result_of(record_of(status="failed", reason="it died", memory={}), [])
    assert nothing.verdict == "INCONCLUSIVE" and "it died" in nothing.reason
    assert all(row.absent for row in nothing.rows)


def test_only_whole_blocks_count() -> None:
    turns = turns_of(blocks=10, b=1.5)
    assert len(block_ratios(turns, "chat", "e2e_s")) == 10
    assert len(block_ratios(turns[:-4], "chat", "e2e_s")) == 9
    assert block_ratios(turns, "other", "e2e_s") == []


def test_workloads_are_kept_apart_and_share_the_alpha() -> None:
    turns = [*turns_of(b=1.1, task="chat"), *turns_of(task="batch")]
    found = result_of(record_of(("chat", "batch")), turns)
    reading = {row.path: row.reading for row in found.rows}
    assert reading["latency/chat/e2e_s"] == "worse"
    assert reading["latency/batch/e2e_s"] == "no difference shown"
    assert "memory/chat+batch/peak_resident_bytes" in reading


def test_what_was_not_measured_says_why() -> None:
    found = result_of(record_of(), turns_of(unscored={"j_per_request": "no counter here"}))
    rows = {row.metric: row for row in found.rows}
    assert rows["j_per_request"].absent == "no counter here" and rows["j_per_request"].ratio is None
    assert rows["j_per_output_token"].absent == "no whole block"
    assert rows["peak_device_bytes"].absent == "no GPU"
    assert rows["peak_resident_bytes"].plain_ratio == 2.0
    energy = result_of(record_of(), turns_of(more={"j_per_request": 2.0}))
    joules = next(row for row in energy.rows if row.metric == "j_per_request")
    assert joules.suite == "energy" and joules.ratio is not None and joules.ratio.ratio == 1.0


def test_different_tokenizers_and_a_missing_check_are_told() -> None:
    prints = {"a": Fingerprints(prompt="1"), "b": Fingerprints(prompt="2")}
    task = PairTask(name="chat", workload={}, fingerprints=prints)
    record = record_of(tasks=("chat",)).model_copy(
        update={"tasks": (task,), "check_absent": "there was no room"}
    )
    turns = [turn for turn in turns_of() if turn.stream != "a2"]
    found = result_of(record, turns)
    assert found.host == "not checked"
    assert "there was no room" in found.notes[0] and "tokenizers" in found.notes[1]


def test_the_text_tells_all_of_it() -> None:
    found = result_of(record_of(), turns_of(b=1.1, unscored={"j_per_request": "no counter"}))
    text, page = render_ab_text(found), render_ab_markdown(found)
    assert "new (B) against old|model (A)" in text and "95 % interval" in text
    assert text.rstrip().splitlines()[-1].startswith("DIFFERENT: ")
    assert "latency/chat/ttft_s" in text and "energy/chat/j_per_request: no counter." in text
    assert page.startswith("## ") and "**DIFFERENT" in page and "| latency/chat/ttft_s |" in page
    quiet = render_ab_text(result_of(record_of(), turns_of()))
    assert "no difference shown; can show" in quiet


def test_the_doctor_says_yes_with_the_repeats_or_no() -> None:
    draw = random.Random(1)
    noise = [draw.gauss(0.0, 0.03) for _ in range(60)]
    found = resolution_of(noise, 0.03, "work", 0.05)
    assert found.noise == pytest.approx(0.03, rel=0.4) and found.blocks == 60
    assert found.repeats_for_80 is not None and found.repeats_for_95 is not None
    assert 7 <= found.repeats_for_80 <= found.repeats_for_95
    assert found.shown_by_default is not None and 0.005 < found.shown_by_default < 0.1
    assert f"--repeats {found.repeats_for_95}'" in advice([found])
    wild = resolution_of([20 * each for each in noise], 0.03, "work", 0.05)
    assert wild.repeats_for_95 is None and advice([found, wild]).startswith("No: not even")
