"""The reference models on a GPU: same answers as on the CPU, and device memory measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from slmbench.store.reader import list_runs
from tests.conftest import slmbench

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU on this host"),
]


def test_same_scores_on_both_devices(tmp_path: Path) -> None:
    pytest.importorskip("lm_eval")
    done = slmbench(
        "run", "--model", "ref:pico,device=cpu,name=cpu",
        "--model", "ref:pico,device=cuda,name=gpu", "--suite", "accuracy",
        "--task", "agreement,heldout_perplexity", "--limit", 50, "--store", "runs", cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    cpu, gpu = (run.record for run in list_runs(str(tmp_path / "runs")))
    assert gpu.model.device == "cuda"
    for ours, theirs in zip(cpu.metrics, gpu.metrics, strict=True):
        assert ours.value.value == pytest.approx(theirs.value.value, rel=1e-3)


def test_resource_suites_measure_the_device(tmp_path: Path) -> None:
    done = slmbench(
        "run", "--model", "ref:micro,device=cuda", "--suite", "latency,energy,memory",
        "--store", "runs", cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    (run,) = list_runs(str(tmp_path / "runs"))
    values = {metric.path: metric.value for metric in run.record.metrics}
    assert values["memory/chat/peak_device_bytes"].kind == "measured"
    energy = values["energy/chat/j_per_output_token"]
    assert energy.kind == "absent" or energy.how in ("counter", "polled", "rapl")
