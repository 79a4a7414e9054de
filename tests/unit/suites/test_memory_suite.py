"""The memory suite sees a known allocation, takes the peak apart, and judges devices."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slmbench.backends.fake import Fake
from slmbench.plan.tasks import local_tasks
from slmbench.ports import Generation, MemoryProbe, Sampling, Tokens
from slmbench.resources import reference_dir
from slmbench.schema.base import Absent, Interval, Measured, Measurement
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.plan import Job
from slmbench.schema.record import JobResult
from slmbench.suites.memory.parts import activations, overhead, working
from slmbench.suites.memory.suite import Memory
from tests.contract.memory_context import MemoryContext

HELD = 200 * 10**6
CONFIG = {
    "model_type": "llama", "hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2,
    "num_hidden_layers": 3, "vocab_size": 97,
}  # fmt: skip
#: Two of the 64 numbers' four heads, for keys and values of three layers, in float32.
TOKEN_BYTES = 2 * 3 * 2 * 16 * 4


def counted(value: float) -> Measured:
    interval = Interval(low=value, high=value, method="exact count")
    return Measured(value=value, unit="bytes", n=1, interval=interval, how="counted", source="test")


class Hungry(Fake):
    """Holds a known block while it answers, and says how its cache grows."""

    def __init__(self, token_bytes: int = TOKEN_BYTES) -> None:
        super().__init__(ModelSpec(backend="fake", target="hungry"), "hungry")
        self.info = replace(self.info, device="cpu")
        self._token_bytes = token_bytes

    def generate(self, prompts: Sequence[Tokens], how: Sampling, k: int) -> list[list[Generation]]:
        block = mmap.mmap(-1, HELD)
        for offset in range(0, HELD, 4096):
            block[offset] = 1
        block.close()
        return super().generate(prompts, how, k)

    def static_memory(self) -> dict[str, Measurement]:
        names = {"weight_bytes": 1e6, "file_bytes": 1e6, "kv_bytes_per_token": self._token_bytes}
        return {name: counted(value) for name, value in names.items()}

    def configuration(self) -> dict[str, Any]:
        return CONFIG

    def element_bytes(self) -> int:
        return 4

    def cache_growth(self, contexts: Sequence[int]) -> dict[int, Measurement]:
        return {tokens: counted(float(self._token_bytes * tokens)) for tokens in contexts}

    def baseline_bytes(self) -> Measurement:
        return counted(1e6)


def run(backend: Fake, workload: str = "chat", **spec: Any) -> JobResult:
    task = local_tasks()[workload]
    job = Job(job_id=f"memory/{workload}", suite="memory", task=task)
    return Memory().run(job, backend, MemoryContext(**spec))


def values(result: JobResult) -> dict[str, Measurement]:
    return {metric.metric: metric.value for metric in result.metrics}


def number(found: dict[str, Measurement], name: str) -> float:
    value = found[name]
    assert isinstance(value, Measured), value
    return value.value


def test_the_peak_is_the_known_allocation_within_two_percent() -> None:
    found = values(run(Hungry()))
    rise = number(found, "running_peak_resident_bytes") - number(found, "loaded_resident_bytes")
    assert rise == pytest.approx(HELD, rel=0.02)
    assert number(found, "activation_bytes") == pytest.approx(HELD, rel=0.02)
    assert number(found, "peak_resident_bytes") >= number(found, "running_peak_resident_bytes")


def test_the_parts_add_up_to_the_peak() -> None:
    found = values(run(Hungry()))
    parts = ("weight_bytes", "kv_cache_bytes", "baseline_resident_bytes", "overhead_bytes")
    assert sum(number(found, part) for part in parts) == number(found, "peak_resident_bytes")


@pytest.mark.parametrize(("workload", "sequences"), [("chat", 1), ("batch", 4)])
def test_the_cache_is_that_of_all_requests(workload: str, sequences: int) -> None:
    """64 tokens in and 32 out; the last of them is written and never read."""
    result = run(Hungry(), workload)
    found = values(result)
    assert number(found, "kv_cache_bytes") == 95 * TOKEN_BYTES * sequences
    assert found["kv_cache_predicted_bytes"].how == "estimated"  # type: ignore[union-attr]
    assert number(found, "kv_cache_predicted_bytes") == 95 * TOKEN_BYTES * sequences


def test_the_curve_is_kept_measured_and_predicted() -> None:
    result = run(Hungry())
    rows = result.raw["kv_cache"]
    assert [row["context_tokens"] for row in rows] == [16, 32, 64, 95, 128, 256, 512, 1024]
    for row in rows:
        tokens = row["context_tokens"]
        assert row["predicted_bytes"] == tokens * TOKEN_BYTES  # type: ignore[operator]
        assert ("measured_bytes" in row) == (tokens <= 512)  # type: ignore[operator]
    assert result.details["kv_cache"]["rows"] == list(rows)


def test_a_prediction_that_is_measured_otherwise_is_not_used() -> None:
    result = run(Hungry(token_bytes=TOKEN_BYTES * 2))
    found = values(result)
    assert isinstance(found["kv_cache_predicted_bytes"], Absent)
    assert number(found, "kv_cache_bytes") == 95 * TOKEN_BYTES * 2
    longest = found["largest_context_tokens@phone-6gb"]
    assert isinstance(longest, Absent) and "measured" in longest.reason
    assert all("predicted_bytes" not in row for row in result.raw["kv_cache"])


def test_devices_are_judged_and_a_users_own_too(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "{name: mine, total_bytes: 250 MB, system_bytes: 0, runtime_bytes: 0, source: a test}"
    )
    small = tmp_path / "small.yaml"
    small.write_text(
        "{name: small, total_bytes: 150 MB, system_bytes: 0, runtime_bytes: 0, source: a test}"
    )
    result = run(Hungry(), memory={"device_profiles": [str(path), str(small)]})
    found = values(result)
    assert number(found, "largest_context_tokens@phone-6gb") == 1024
    assert number(found, "largest_context_tokens@mine") == 1024
    assert number(found, "largest_context_tokens@small") == 0
    for metric in result.metrics:
        if metric.metric.startswith("largest_context_tokens@"):
            assert metric.higher_is_better and isinstance(metric.value, Measured)
            assert metric.value.how == "estimated" and metric.value.unit == "tokens"


def test_a_backend_without_a_probe_leaves_absents_with_reasons() -> None:
    backend = Fake(ModelSpec(backend="fake", target="plain"), "plain")
    assert not isinstance(backend, MemoryProbe) and isinstance(Hungry(), MemoryProbe)
    result = run(backend)
    found = values(result)
    for name in ("kv_cache_bytes", "overhead_bytes", "largest_context_tokens@phone-6gb"):
        value = found[name]
        assert isinstance(value, Absent) and value.reason
    assert isinstance(found["peak_resident_bytes"], Measured) and result.raw == {}


def test_weights_that_were_not_all_read_leave_the_rest_absent() -> None:
    names = ("peak_resident_bytes", "weight_bytes", "kv_cache_bytes", "baseline_resident_bytes")
    found: dict[str, Measurement] = {name: counted(10.0) for name in names}
    rest = overhead(found, "cpu")
    assert isinstance(rest, Absent) and "not all resident" in rest.reason


def test_on_a_gpu_the_parts_are_the_devices() -> None:
    names = {"peak_device_bytes": 100.0, "weight_bytes": 60.0, "kv_cache_bytes": 15.0}
    found: dict[str, Measurement] = {name: counted(value) for name, value in names.items()}
    rest = overhead(found, "cuda:0")
    assert isinstance(rest, Measured) and rest.value == 25.0
    assert working(found, "cuda:0") == 40.0
    own = activations(found, "cuda:0")
    assert isinstance(own, Measured) and own.value == 25.0
    found["kv_cache_bytes"] = counted(50.0)
    nothing = activations(found, "cuda:0")
    assert isinstance(nothing, Measured) and nothing.value == 0.0
    found["kv_cache_bytes"] = Absent(reason="not told")
    assert activations(found, "cuda:0") == Absent(reason="kv_cache_bytes: not told")
    assert isinstance(working(found, "mps"), Absent)


def test_pages_of_weights_are_no_activations() -> None:
    """Of a mapped file little is resident before it is used: 10 of 60 here."""
    names = {
        "running_peak_resident_bytes": 190.0,
        "loaded_resident_bytes": 110.0,
        "baseline_resident_bytes": 100.0,
        "weight_bytes": 60.0,
    }
    found: dict[str, Measurement] = {name: counted(value) for name, value in names.items()}
    assert working(found, "cpu") == 30.0
    found["baseline_resident_bytes"] = Absent(reason="not told")
    assert working(found, "cpu") == 80.0


def test_a_real_model_is_predicted_as_it_is_measured() -> None:
    huggingface = pytest.importorskip("slmbench.backends.huggingface")
    folder = str(reference_dir() / "pico")
    spec = ModelSpec(target=folder, dtype="float32", device="cpu", threads=1)
    result = run(huggingface.HuggingFace(spec, folder))
    found = values(result)
    assert number(found, "kv_cache_bytes") == number(found, "kv_cache_predicted_bytes")
    assert number(found, "kv_cache_bytes") == 95 * number(found, "kv_bytes_per_token")
    assert number(found, "baseline_resident_bytes") > 0
    for row in result.raw["kv_cache"]:
        assert row.get("measured_bytes", row["predicted_bytes"]) == row["predicted_bytes"]
