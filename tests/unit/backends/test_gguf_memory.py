"""What llama.cpp keeps of a text is measured, and is what the file's head foretells."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from slmbench.backends.gguf_header import read_header
from slmbench.backends.gguf_shape import CACHE_BYTES, cache_dtype, configuration
from slmbench.errors import ModelError
from slmbench.plan.model_text import parse_model
from slmbench.plan.size_estimate import estimate
from slmbench.plan.tasks import local_tasks
from slmbench.ports import MemoryProbe
from slmbench.schema.base import Absent, Measured
from slmbench.schema.plan import Job
from slmbench.suites.memory.kv_cache import CacheShape, cache_shape
from slmbench.suites.memory.suite import Memory
from tests.contract.memory_context import MemoryContext
from tests.served_gguf import gguf_of
from tests.tiny_gguf import KEPT, LAYERS, WINDOW, tiny_gguf

#: Below and beyond Gemma's window of 8, and beyond the 256 cells that are made at once.
LENGTHS = (1, 2, 7, 95, 300)


def load(path: Path, **options: object) -> Any:
    llama = pytest.importorskip("slmbench.backends.gguf_llama")
    written = "".join(f",{key}={value}" for key, value in {"threads": 1, **options}.items())
    return llama.Gguf(parse_model(f"gguf:{path}{written}"), str(path))


@pytest.mark.parametrize("kv_dtype", ["float32", "float16"])
@pytest.mark.parametrize("name", KEPT)
def test_the_prediction_is_what_llama_cpp_keeps(name: str, kv_dtype: str, tmp_path: Path) -> None:
    backend = load(tiny_gguf(name, tmp_path / "tiny.gguf"), kv_dtype=kv_dtype)
    assert isinstance(backend, MemoryProbe)
    kept, key, value = KEPT[name]
    token = LAYERS * kept * (key + value) * CACHE_BYTES[kv_dtype]
    shape = cache_shape(backend.configuration(), backend.element_bytes())
    assert isinstance(shape, CacheShape) and shape.bytes_at(1) == token
    for tokens, found in backend.cache_growth(LENGTHS).items():
        if name == "gemma2" and tokens >= WINDOW:
            # A state that is saved leaves out what lies behind the window, and the cache doesn't.
            assert isinstance(found, Absent) and "sliding window's 8 tokens" in found.reason
            continue
        assert isinstance(found, Measured) and found.how == "counted"
        assert shape.bytes_at(tokens) == pytest.approx(found.value, rel=0.01)
        assert found.value == tokens * token
    each = backend.static_memory()["kv_bytes_per_token"]
    assert isinstance(each, Measured) and each.value == token
    backend.close()


def test_measuring_disturbs_no_text(tmp_path: Path) -> None:
    backend = load(gguf_of("pico", tmp_path))
    before = backend.loglikelihood([([5, 6], [7])])
    backend.cache_growth((1, 400))
    assert backend.loglikelihood([([5, 6], [7])]) == before
    backend.close()


@pytest.mark.parametrize(("kind", "kv_dtype"), [("F32", "float32"), ("Q4_0", "float16")])
def test_the_estimate_without_loading_is_the_measured_one(
    kind: str, kv_dtype: str, tmp_path: Path
) -> None:
    path = gguf_of("pico", tmp_path, kind)
    told = estimate(parse_model(f"gguf:{path}"))
    backend = load(path)
    measured = backend.static_memory()
    weights = measured["weight_bytes"]
    assert isinstance(weights, Measured) and not isinstance(told.need.weight_bytes, Absent)
    assert told.need.weight_bytes == pytest.approx(weights.value, rel=0.01)
    assert isinstance(told.need.cache, CacheShape) and any(kv_dtype in n for n in told.notes)
    for tokens, found in backend.cache_growth((1, 95)).items():
        assert isinstance(found, Measured) and told.need.cache.bytes_at(tokens) == found.value
    backend.close()
    other = "float16" if kv_dtype == "float32" else "float32"
    asked = estimate(parse_model(f"gguf:{path},kv_dtype={other}"))
    assert isinstance(asked.need.cache, CacheShape)
    ratio = asked.need.cache.bytes_at(95) / told.need.cache.bytes_at(95)
    assert ratio == CACHE_BYTES[other] / CACHE_BYTES[kv_dtype]


def test_what_the_head_does_not_tell_is_absent(tmp_path: Path) -> None:
    header = read_header(tiny_gguf("llama", tmp_path / "tiny.gguf"))
    assert cache_dtype(header, None) == "float32" and cache_dtype(header, "float16") == "float16"
    for key, value in (
        ("llama.attention.kv_lora_rank", 8),
        ("llama.block_count", None),
        ("llama.attention.head_count_kv", "many"),
    ):
        kept = header.values.get(key)
        header.values[key] = value
        found = cache_shape(configuration(header), 4)
        assert isinstance(found, Absent) and "no cache_width" in found.reason
        header.values[key] = kept
    header.values["llama.attention.head_count_kv"] = [2, 1]
    assert configuration(header)["cache_width"] == 3 * 32


def test_no_room_for_a_cache_is_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = load(gguf_of("pico", tmp_path))
    native = pytest.importorskip("slmbench.backends.gguf_native")

    def refuse(model: object, params: object) -> None:
        return None

    monkeypatch.setattr(native.llama_cpp, "llama_init_from_model", refuse)
    for found in backend.cache_growth((1, 40)).values():
        assert isinstance(found, Absent) and "no room for a context" in found.reason
    with pytest.raises(ModelError, match="no room"):
        backend.loglikelihood([([5], [6])])
    backend.close()


def test_the_memory_suite_measures_a_file_as_it_does_a_checkpoint(tmp_path: Path) -> None:
    backend = load(gguf_of("pico", tmp_path))
    task = local_tasks()["chat"]
    job = Job(job_id="memory/chat", suite="memory", task=task)
    result = Memory().run(job, backend, MemoryContext())
    found = {metric.metric: metric.value for metric in result.metrics}
    numbers = {name: each.value for name, each in found.items() if isinstance(each, Measured)}
    assert numbers["kv_cache_bytes"] == numbers["kv_cache_predicted_bytes"]
    assert numbers["kv_cache_bytes"] == 95 * numbers["kv_bytes_per_token"]
    assert numbers["baseline_resident_bytes"] > 0 and "overhead_bytes" in found
    assert numbers["largest_context_tokens@phone-6gb"] == 512
    assert "llama.cpp" in result.details["kv_cache"]["rule"]
    backend.close()


def test_sizes_are_read_without_llama_cpp() -> None:
    code = (
        "import sys; sys.modules['llama_cpp'] = None; import slmbench.plan.size_estimate; "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
