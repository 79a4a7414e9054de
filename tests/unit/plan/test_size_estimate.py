"""A size is told by files, by a configuration or by a name, and a hostile file raises no bug."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tiny_checkpoint import tensors, write_checkpoint

from slmbench.errors import InputError, ModelError
from slmbench.plan.build import build
from slmbench.plan.checkpoint import fingerprint, inspect
from slmbench.plan.size_estimate import NO_LIMIT_TOKENS, SizeEstimate, estimate, weights_here
from slmbench.schema.base import Absent
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.spec import RunSpec
from slmbench.suites.memory.estimate import activation_bytes, longest_context, weight_bytes
from slmbench.suites.memory.kv_cache import CacheShape, cache_shape
from slmbench.suites.memory.parameters import KNOWN_FAMILIES, Parameters, parameters

LLAMA: dict[str, Any] = {
    "model_type": "llama", "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32,
    "max_position_embeddings": 4096, "torch_dtype": "float16",
}  # fmt: skip
COUNT = 6_738_415_616
KEYS = (
    *LLAMA, "head_dim", "n_embd", "n_layer", "n_head", "n_positions", "layer_types", "text_config",
    "sliding_window", "use_sliding_window", "quantization_config", "tie_word_embeddings",
    "num_experts", "num_local_experts", "expand", "time_step_rank", "state_size", "ffn_dim",
    "sliding_window_pattern", "max_window_layers", "word_embed_proj_dim", "multi_query", "dtype",
    "new_decoder_architecture", "num_kv_heads", "attention_bias", "n_inner", "bits", "quant_method",
)  # fmt: skip
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**25), 10**25)
    | st.integers(1, 64)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([*KNOWN_FAMILIES, "full_attention", "sliding_attention", "float16", "gptq"])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
    ),
    max_leaves=12,
)


def folder_of(path: Path, config: object) -> str:
    path.mkdir(exist_ok=True)
    (path / "config.json").write_text(json.dumps(config))
    return str(path)


def told(target: str, **settings: Any) -> SizeEstimate:
    return estimate(ModelSpec(target=target, **settings))


@given(st.dictionaries(st.sampled_from(KEYS), JSON), st.sampled_from(KNOWN_FAMILIES))
@example({"hidden_size": 4, "num_attention_heads": 8, "vocab_size": 9}, "gemma3_text")
@example({"layer_types": "full_attention", "num_hidden_layers": 14}, "llama")
@example({"text_config": {"text_config": {}}}, "llama")
def test_a_hostile_configuration_is_a_size_or_a_reason(config: dict[str, Any], family: str) -> None:
    for hostile in (config, {**LLAMA, **config}, {**LLAMA, **config, "model_type": family}):
        counted = parameters(hostile)
        assert isinstance(counted, Parameters | Absent)
        if isinstance(counted, Parameters):
            assert counted.total > 0 and counted.linear >= 0
        for quantization in (None, "bnb-4bit"):
            found = weight_bytes(hostile, "auto", quantization)
            assert isinstance(found, Absent) or found > 0
        shape = cache_shape(hostile, 2)
        assert isinstance(shape, Absent) or 0 < shape.bytes_at(1) <= shape.bytes_at(100)
        activations = activation_bytes(hostile, 2)
        assert isinstance(activations, Absent) or activations > 0
        longest = longest_context(hostile)
        assert longest is None or longest >= 1


@given(text=st.text(max_size=20))
def test_a_file_that_is_no_configuration_is_a_model_error(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("config")
    (folder / "config.json").write_text(text, encoding="utf-8")
    try:
        estimate(ModelSpec(target=str(folder)))
    except ModelError as error:
        assert "config.json" in str(error)


def test_a_configuration_alone_is_enough(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "llama", LLAMA)
    for target in (folder, f"{folder}/config.json"):
        found = told(target)
        assert found.need.weight_bytes == 2 * COUNT and found.parameter_count == COUNT
        assert isinstance(found.need.cache, CacheShape)
        assert found.need.cache.bytes_at(4096) == 2 * 2**30
        assert found.max_length == found.need.max_length == 4096
    assert "twice as much" in told(folder).notes[0]
    assert told(folder, dtype="float32").need.weight_bytes == 4 * COUNT
    assert told(folder, max_length=100).need.max_length == 100


def test_files_win_over_the_configuration(tmp_path: Path) -> None:
    """The tensor of the test's file is not what its configuration would have."""
    folder = write_checkpoint(tmp_path / "model", config_json=LLAMA)
    found = told(str(folder))
    assert found.need.weight_bytes == 8 * 4 and found.parameter_count == 8
    assert found.weight_source == "the tensors in its files"
    assert told(str(folder), dtype="bfloat16").need.weight_bytes == 8 * 2


def test_a_quantized_checkpoint_takes_what_it_stores(tmp_path: Path) -> None:
    packed = {**LLAMA, "quantization_config": {"quant_method": "gptq", "bits": 4}}
    files = {"model_safetensors": tensors((4, 2), "F16"), "config_json": packed}
    folder = write_checkpoint(tmp_path / "model", **files)
    found = told(str(folder), dtype="float32")
    assert found.need.weight_bytes == 16 and found.parameter_count == COUNT
    weights, _ = weights_here(inspect(folder), ModelSpec(target=str(folder), dtype="float16"))
    assert weights == 16


def test_a_plan_counts_packed_weights(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "model", config_json=LLAMA)
    spec = ModelSpec(target=str(folder), quantization="bnb-4bit")
    (run,) = build(RunSpec(models=(spec,), suites=("similarity",), tasks=("paraphrase",))).runs
    known = weight_bytes(LLAMA, "auto", "bnb-4bit")
    assert not isinstance(known, Absent) and run.memory_bytes == known + 500 * 2**20
    assert "bnb-4bit packs them" in run.memory_note
    assert "2 GiB more at 4096 tokens" in run.memory_note
    odd = ModelSpec(target=str(folder), quantization="torchao:intx_weight_only")
    weights, note = weights_here(inspect(folder), odd)
    assert weights is None and "intx_weight_only" in note


def test_a_quantization_is_another_model(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "model", config_json=LLAMA)
    found = inspect(folder)
    plain = fingerprint(found, ModelSpec(target="m"))
    four, eight = (
        fingerprint(found, ModelSpec(target="m", quantization=name))
        for name in ("bnb-4bit", "bnb-8bit")
    )
    assert plain.quantization == "" and "bnb-4bit" in four.quantization
    assert len({plain, four, eight}) == 3


@pytest.mark.parametrize(
    ("target", "weights"),
    [("owner/falcon-7b", 14e9), ("owner/opt-125m", 250e6), ("owner/mystery", None),
     ("owner/llama-7b-GPTQ", None), ("owner/llama-7b-4bit", None), ("owner/x-7B-AWQ", None),
     ("owner/qwen-7b-w4a16", None), ("owner/llama-7b-int8", None), ("owner/x-7b-Q4_K_M", None)],
)  # fmt: skip
def test_a_name_tells_weights_roughly_or_nothing(
    target: str, weights: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    found = told(target)
    if weights is None:
        assert isinstance(found.need.weight_bytes, Absent)
    else:
        assert found.need.weight_bytes == weights and "size in the name" in found.weight_source
    assert isinstance(found.need.cache, Absent) and isinstance(found.need.activation_bytes, Absent)
    assert found.need.max_length == NO_LIMIT_TOKENS and found.max_length is None


def test_a_published_count_wins_over_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    found = told("owner/mystery", published_parameter_count=1000, dtype="float32")
    assert found.need.weight_bytes == 4000
    packed = told("owner/mystery", published_parameter_count=1000, quantization="bnb-8bit")
    assert isinstance(packed.need.weight_bytes, Absent)


def test_a_cached_configuration_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    model = tmp_path / "models--owner--mystery"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text("abc")
    (model / "snapshots").mkdir()
    folder_of(model / "snapshots" / "abc", LLAMA)
    assert told("owner/mystery").parameter_count == COUNT


def test_what_has_no_files_is_unknown_and_a_wrong_path_is_named() -> None:
    assert isinstance(told("x", backend="fake").need.weight_bytes, Absent)
    with pytest.raises(ModelError, match="No model '/no/where'"):
        told("/no/where")


def test_an_endless_model_says_so(tmp_path: Path) -> None:
    config = {"model_type": "mamba", "vocab_size": 9, "hidden_size": 4, "num_hidden_layers": 2,
              "dtype": "float32"}  # fmt: skip
    found = told(folder_of(tmp_path / "mamba", config))
    assert found.max_length is None and "names no longest context" in found.notes[0]
    assert isinstance(found.need.activation_bytes, int)


@pytest.mark.parametrize(
    "wrong",
    [{"quantization": "int8"}, {"quantization": "bnb-2bit"}, {"quantization": "torchao:"},
     {"quantization": "torchao:x:y"}, {"quantization": "gptq"}, {"device_map": ""},
     {"device_map": "auto", "device": "cuda"}, {"quantization": "bnb-4bit", "backend": "gguf"}],
    ids=str,
)  # fmt: skip
def test_a_wrong_option_of_a_model_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        ModelSpec(target="m", **wrong)
    for known in ("bnb-8bit", "bnb-4bit-fp4", "torchao:int4_weight_only:group_size=32"):
        assert ModelSpec(target="m", quantization=known).quantization == known


def test_a_device_profile_is_read_when_a_run_is_planned(tmp_path: Path) -> None:
    def hash_with(*files: str) -> str:
        settings: dict[str, Any] = {"memory": {"device_profiles": files}} if files else {}
        model = ModelSpec(backend="fake", target="m")
        (run,) = build(RunSpec(models=(model,), suites=("memory",), **settings)).runs
        return run.plan_hash

    path = tmp_path / "mine.yaml"
    hashes = [hash_with()]
    for size in (4, 8):
        path.write_text(
            f"{{name: mine, total_bytes: {size} GiB, system_bytes: 0, runtime_bytes: 0, source: s}}"
        )
        hashes.append(hash_with(str(path)))
    assert len(set(hashes)) == 3
    with pytest.raises(InputError, match=r"none\.yaml"):
        hash_with("none.yaml")
