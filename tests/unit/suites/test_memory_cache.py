"""The predicted key/value cache is the one that transformers' models keep, byte for byte."""

from __future__ import annotations

import json
from typing import Any

import pytest

from slmbench.schema.base import Absent, Measured
from slmbench.suites.memory.kv_cache import CacheShape, cache_shape
from tests.parity.architectures import FURTHER, REQUIRED, SLIDING, VOCABULARY, Architecture

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
hf_memory = pytest.importorskip("slmbench.backends.hf_memory")

TINY = {name: row for name, row in REQUIRED.items() if not row.seq2seq} | {
    name: FURTHER[name] for name in ("gemma", "gemma3_seeing")
}
#: Below, at and beyond a window of 8 tokens, and beyond one pass that fills the cache.
LENGTHS = (1, 2, SLIDING - 1, SLIDING, SLIDING + 1, 60, 300)
WINDOWED = {"mistral", "qwen2_sliding", "gemma2", "gemma3", "phi3_sliding", "gemma3_seeing"}


def config_of(row: Architecture) -> Any:
    settings = dict(row.settings)
    if "text_config" not in settings:
        settings["vocab_size"] = VOCABULARY
    if "max_position_embeddings" in settings:
        settings["max_position_embeddings"] = 512
    if "n_positions" in settings:
        settings["n_positions"] = 512
    return transformers.AutoConfig.for_model(row.model_type, **settings)


@pytest.mark.parametrize("name", TINY)
def test_prediction_is_what_the_model_keeps(name: str) -> None:
    config = config_of(TINY[name])
    model = transformers.AutoModelForCausalLM.from_config(config).eval()
    shape = cache_shape(json.loads(config.to_json_string()), 4)
    assert isinstance(shape, CacheShape), shape
    found = hf_memory.cache_growth(model, 3, LENGTHS)
    for length in LENGTHS:
        assert isinstance(found[length], Measured)
        assert shape.bytes_at(length) == pytest.approx(found[length].value, rel=0.01)
        assert shape.bytes_at(length) == found[length].value
    assert shape.bytes_at(60, sequences=3) == 3 * shape.bytes_at(60)
    assert shape.is_linear == (name not in WINDOWED | {"mamba"})


def test_a_window_bends_the_curve_and_a_state_does_not_grow() -> None:
    config = {**config_of(TINY["mistral"]).to_dict()}
    shape = cache_shape(config, 2)
    assert isinstance(shape, CacheShape)
    assert shape.bytes_at(500) == shape.bytes_at(SLIDING - 1) == 7 * shape.bytes_at(1)
    state = cache_shape(config_of(TINY["mamba"]).to_dict(), 4)
    assert isinstance(state, CacheShape) and state.bytes_at(1) == state.bytes_at(10**6) > 0


def test_real_shapes_take_what_their_papers_say() -> None:
    """Mistral-7B in float16: 8 heads of 128, 32 layers: 128 KiB a token up to its window."""
    mistral = {
        "model_type": "mistral", "hidden_size": 4096, "num_attention_heads": 32,
        "num_key_value_heads": 8, "num_hidden_layers": 32, "sliding_window": 4096,
    }  # fmt: skip
    shape = cache_shape(mistral, 2)
    assert isinstance(shape, CacheShape)
    assert shape.bytes_at(1) == 128 * 2**10
    assert shape.bytes_at(32768) == 4095 * 128 * 2**10
    endless = cache_shape({**mistral, "sliding_window": None}, 2)
    assert isinstance(endless, CacheShape) and endless.bytes_at(32768) == 4 * 2**30
    # Left out, it is the 4096 tokens that transformers takes.
    silent = {key: value for key, value in mistral.items() if key != "sliding_window"}
    assert cache_shape(silent, 2) == shape


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"model_type": "mystery"}, "no rule for the cache"),
        ({"layer_types": ["full_attention"]}, "doesn't name its 2 layers"),
        ({"layer_types": ["full_attention", "linear_attention"]}, "other than full and sliding"),
        ({"layer_types": ["full_attention", []]}, "other than full and sliding"),
        ({"num_key_value_heads": 0}, "num_key_value_heads is 0"),
        ({"layer_types": ["full_attention", "sliding_attention"]}, "no sliding_window"),
    ],
)
def test_what_is_not_known_is_absent(changes: dict[str, Any], why: str) -> None:
    config = {
        "model_type": "llama", "hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 2,
        **changes,
    }  # fmt: skip
    found = cache_shape(config, 4)
    assert isinstance(found, Absent) and why in found.reason


def test_what_keeps_no_cache_says_so() -> None:
    row = FURTHER["openai_gpt"]
    config = transformers.AutoConfig.for_model(
        row.model_type, **{"vocab_size": VOCABULARY, **row.settings}
    )
    model = transformers.AutoModelForCausalLM.from_config(config).eval()
    found = hf_memory.bytes_per_token(model, 3)
    assert isinstance(found, Absent) and "keeps no key/value cache" in found.reason


def test_bytes_per_token_hold_where_the_window_is_short() -> None:
    config = config_of(TINY["mistral"])
    model = transformers.AutoModelForCausalLM.from_config(config).eval()
    found = hf_memory.bytes_per_token(model, 3)
    shape = cache_shape(config.to_dict(), 4)
    assert isinstance(found, Measured) and isinstance(shape, CacheShape)
    assert found.value == shape.bytes_at(1)
