"""The load suite from the command line; `transformers serve` is asked in test_openai_server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slmbench.resources import reference_dir
from tests.conftest import slmbench
from tests.served_gguf import gguf_of, serving_gguf

PICO = reference_dir() / "pico"


def test_a_llama_server_is_put_under_load(tmp_path: Path) -> None:
    """It answers one request at a time, so the second user waits for the first."""
    with serving_gguf(gguf_of("pico", tmp_path)) as server:
        model = f"openai:{server.url},model={server.model},tokenizer={PICO},name=served"
        done = slmbench(
            "run", "--model", model, "--suite", "load", "--load", "mode=closed", "--load",
            "concurrencies=1,4", "--load", "duration_s=3s", "--load", "ramp_s=300ms", "--slo",
            "ttft:60s", "--store", "runs", "--json", cwd=tmp_path,
        )  # fmt: skip
    assert done.code == 0, done.err
    (run,) = done.json()["runs"]
    found = {each["metric"]: each for each in run["metrics"]}
    for stage in ("closed_1", "closed_4"):
        assert found[f"{stage}_requests_per_s"]["value"] > 0
        assert found[f"{stage}_failed_share"]["value"] == 0
        assert found[f"{stage}_slo_share"]["value"] == 1
    one, four = (found[f"closed_{users}_ttft_s"] for users in (1, 4))
    # A busy host may leave too few requests for a median.
    if one["value"] and four["value"]:
        assert four["value"] > 1.5 * one["value"]
    record = json.loads((Path(tmp_path, run["path"]) / "run.json").read_text())
    (job,) = record["jobs"]
    assert [each["stage"] for each in job["details"]["stages"]] == ["closed_1", "closed_4"]
    assert sorted(path.name for path in Path(tmp_path, run["path"], "raw").iterdir())


def test_a_model_in_this_process_has_no_load(tmp_path: Path) -> None:
    done = slmbench(
        "run", "--model", "fake:x", "--suite", "load", "--store", "runs", "--json", cwd=tmp_path
    )
    assert done.code == 0, done.err
    (run,) = done.json()["runs"]
    assert run["metrics"] and {each["value"] for each in run["metrics"]} == {None}
    assert all("load is of a server" in each["absent"] for each in run["metrics"])


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--slo", "tfft:1s"), "'tfft:1s' is no bound"),
        (("--load", "rate=1"), "Did you mean 'rates'"),
        (("--load", "mode=open"), "mode open needs rates"),
        (("--load", "rates"), "is not key=value"),
    ],
)
def test_wrong_settings_are_named_before_anything_runs(
    flags: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    done = slmbench("run", "--model", "fake:x", "--suite", "load", *flags, cwd=tmp_path)
    assert done.code == 2 and said in done.err and "Traceback" not in done.err
    assert not list(tmp_path.iterdir())
