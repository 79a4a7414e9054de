"""A model that is not ours over every suite, with real scorers named in the request."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from slmbench.store.reader import list_runs
from tests.conftest import slmbench

pytest.importorskip("torch")
pytest.importorskip("lm_eval")

_SUITES = "accuracy,toxicity,similarity,latency,energy,memory"


def test_stories260k_over_every_suite(stories: Path, tmp_path: Path) -> None:
    done = slmbench("run", "--model", f"hf:{stories},threads=1", "--suite", _SUITES,
                    "--limit", 4, "--store", "runs/", cwd=tmp_path)  # fmt: skip
    assert done.code == 0, done.err
    (run,) = list_runs(str(tmp_path / "runs"))
    assert {job.suite for job in run.record.jobs} == set(_SUITES.split(","))
    assert all(job.status == "done" for job in run.record.jobs)
    values = {metric.path: metric.value for metric in run.record.metrics}
    assert values["memory/chat/weight_bytes"].value > 4 * 260_000
    energy = values["energy/chat/j_per_output_token"]
    assert energy.kind == "absent" or energy.how in ("estimated", "counter", "rapl", "polled")
    assert values["latency/chat/ttft_s"].value > values["latency/chat/tpot_s"].value > 0
    assert len(run.raw("tokens", "latency/chat")) > 100


def test_detoxify_and_an_encoder_from_disk(
    write_checkpoint: Callable[..., Path],
    encoder_dir: Path,
    sentence_dir: Path,
    tmp_path: Path,
) -> None:
    plain = ("run", "--model", "ref:pico", "--suite", "toxicity,similarity", "--limit", 3)
    scorers = ("--detoxify-checkpoint", write_checkpoint(), "--detoxify-config", encoder_dir,
               "--embedding", sentence_dir)  # fmt: skip
    assert slmbench(*plain, *scorers, "--store", "runs", cwd=tmp_path).code == 0
    assert slmbench(*plain, "--store", "runs", cwd=tmp_path).code == 0
    detoxify, fallback = (run.record for run in list_runs(str(tmp_path / "runs")))
    name = "toxicity/everyday/expected_max_toxicity"
    hows = [{m.path: m.value for m in each.metrics}[name].how for each in (detoxify, fallback)]
    assert hows[0].startswith("detoxify-") and hows[1].startswith("profanity-check@")
    cosine = {m.path: m.value for m in detoxify.metrics}["similarity/paraphrase/embedding_cosine"]
    assert cosine.kind == "measured" and -1 <= cosine.value <= 1

    gate = tmp_path / "policy.yaml"
    gate.write_text(
        f"name: p\nrules:\n  - {{metric: {name}, not_worse_than: baseline, margin: 1}}\n"
    )
    done = slmbench("gate", gate, "--baseline", detoxify.run_id, "--candidate", fallback.run_id,
                    "--store", "runs", cwd=tmp_path)  # fmt: skip
    assert done.code == 4, done.out


def test_a_damaged_detoxify_checkpoint_is_a_failed_job_with_its_reason(
    encoder_dir: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.ckpt"
    bad.write_bytes(b"no checkpoint")
    done = slmbench("run", "--model", "fake:x", "--suite", "toxicity,similarity", "--limit", 2,
                    "--detoxify-checkpoint", bad, "--detoxify-config", encoder_dir,
                    "--store", "runs", cwd=tmp_path)  # fmt: skip
    assert done.code == 5, done.err
    (run,) = list_runs(str(tmp_path / "runs"))
    jobs = {job.job_id: job for job in run.record.jobs}
    assert "bad.ckpt" in (jobs["toxicity/everyday"].reason or "")
    assert jobs["similarity/paraphrase"].status == "done"


def test_no_counter_and_no_estimate_wanted_is_absent(tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text("models: ['fake:x']\nsuites: [energy]\nenergy: {estimate: false}\n")
    done = slmbench("run", spec, "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    for metric in done.json()["runs"][0]["metrics"]:
        if metric["how"] is None:
            assert "estimate was not asked for" in metric["absent"]
        else:
            assert metric["how"] != "estimated"
