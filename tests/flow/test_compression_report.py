"""A base and its rounded copy, run, compared and reported from the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from slmbench.resources import reference_dir
from tests.conftest import Finished, slmbench

torch = pytest.importorskip("torch")
pytest.importorskip("lm_eval")


def rounded_copy(folder: Path) -> Path:
    """Write pico again with its numbers in bfloat16."""
    from safetensors.torch import load_file, save_file

    base = reference_dir() / "pico"
    shutil.copytree(base, folder)
    tensors = load_file(folder / "model.safetensors")
    small = {name: each.to(torch.bfloat16).float() for name, each in tensors.items()}
    save_file(small, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of two runs: pico and its copy, both held against pico."""
    made = tmp_path_factory.mktemp("compression")
    copy = rounded_copy(made / "small")
    done = slmbench(
        "run", "--model", "ref:pico", "--model", f"hf:{copy}", "--reference", "ref:pico",
        "--suite", "accuracy,fidelity", "--task", "sentiment", "--limit", 24,
        "--store", "runs", cwd=made,
    )  # fmt: skip
    assert done.code == 0, done.err
    return made


def compare(folder: Path, *more: object) -> Finished:
    return slmbench("compare", "pico", "small", "--store", "runs", *more, cwd=folder)


def test_the_report_comes_by_itself_and_is_of_the_baseline(folder: Path) -> None:
    done = compare(folder, "--json", "-o", "report.html")
    assert done.code == 0, done.err
    report = done.json()["compression"]
    assert report["notes"] == []
    figures = {each["metric"]: each for each in report["fidelity"]}
    divergence = figures["kl_divergence"]["number"]
    assert 0.0 < divergence["value"] < 0.01
    assert divergence["low"] <= divergence["value"] <= divergence["high"]
    assert figures["top_1_agreement"]["number"]["value"] > 0.9
    assert figures["perplexity_ratio"]["number"]["value"] == pytest.approx(1.0, abs=0.02)
    itself = {r["metric"]: r["baseline"] for r in done.json()["rows"] if r["suite"] == "fidelity"}
    assert itself["kl_divergence"] == 0.0 and itself["top_1_agreement"] == 1.0
    (score,) = [each for each in report["scores"] if each["metric"] == "acc"]
    assert score["n"] == 24 and score["chance"] == 0.5


def test_the_page_and_the_terminal_tell_the_same(folder: Path) -> None:
    done = compare(folder, "--compression", "-o", "report.md")
    assert done.code == 0, done.err
    assert "kl_divergence" in done.out and "top_1_agreement" in done.out
    assert "Compression report" in (folder / "report.md").read_text("utf-8")
    page = (folder / "report.html").read_text("utf-8")
    assert "Next-token distributions" in page and "<svg" in page
    assert str(folder) not in page
