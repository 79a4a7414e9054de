"""Parameter counts from a configuration alone are those of the modules that transformers builds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from slmbench.schema.base import Absent
from slmbench.suites.memory.estimate import activation_bytes, element_bytes, weight_bytes
from slmbench.suites.memory.parameters import KNOWN_FAMILIES, parameters
from tests.parity.architectures import FURTHER, REQUIRED, VOCABULARY

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

TINY = {name: row for name, row in REQUIRED.items() if not row.seq2seq} | {
    "gemma": FURTHER["gemma"]
}
LLAMA: dict[str, Any] = {
    "vocab_size": 32000, "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
}  # fmt: skip
#: Shapes as their authors published them -> parameters as the models' cards and papers' files have.
PUBLISHED: dict[str, tuple[dict[str, Any], int]] = {
    "Llama-2-7B": (
        {"model_type": "llama", **LLAMA, "intermediate_size": 11008, "num_key_value_heads": 32,
         "max_position_embeddings": 4096},
        6_738_415_616,
    ),
    "Mistral-7B": (
        {"model_type": "mistral", **LLAMA, "intermediate_size": 14336, "num_key_value_heads": 8,
         "sliding_window": 4096},
        7_241_732_096,
    ),
    "Falcon-7B": (
        {"model_type": "falcon", "vocab_size": 65024, "hidden_size": 4544, "num_hidden_layers": 32,
         "num_attention_heads": 71, "multi_query": True, "parallel_attn": True, "bias": False,
         "new_decoder_architecture": False, "alibi": False},
        6_921_720_704,
    ),
    "GPT-2": (
        {"model_type": "gpt2", "vocab_size": 50257, "n_embd": 768, "n_layer": 12, "n_head": 12,
         "n_positions": 1024},
        124_439_808,
    ),
    "Pythia-70M": (
        {"model_type": "gpt_neox", "vocab_size": 50304, "hidden_size": 512,
         "intermediate_size": 2048, "num_hidden_layers": 6, "num_attention_heads": 8,
         "max_position_embeddings": 2048},
        70_426_624,
    ),
}  # fmt: skip


def config_of(name: str) -> Any:
    row = TINY[name]
    return transformers.AutoConfig.for_model(
        row.model_type, **{"vocab_size": VOCABULARY, **row.settings}
    )


def count_on_meta(config: Any) -> int:
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config)
    return sum(parameter.numel() for parameter in model.parameters())


def total(config: dict[str, Any]) -> int:
    found = parameters(config)
    assert not isinstance(found, Absent), found.reason
    return found.total


@pytest.mark.parametrize("name", TINY)
def test_a_tiny_shape_is_counted_exactly(name: str) -> None:
    config = config_of(name)
    real = count_on_meta(config)
    # As save_pretrained writes it, without what is usual; and with every value in it.
    assert total(json.loads(config.to_json_string())) == real
    assert total(config.to_dict()) == real


def test_every_family_is_held_to_its_modules() -> None:
    assert {row.model_type for row in TINY.values()} == set(KNOWN_FAMILIES)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_shape_has_the_published_count(name: str) -> None:
    settings, published = PUBLISHED[name]
    assert total(settings) == published
    kind = transformers.AutoConfig.for_model(**settings)
    assert count_on_meta(kind) == published


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("llama", {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}),
        ("llama", {"head_dim": 24}),
        ("granite", {"attention_bias": True, "mlp_bias": True}),
        ("qwen3", {"attention_bias": True, "tie_word_embeddings": True}),
        ("gemma2", {"attention_bias": True}),
        ("olmo2", {"attention_bias": True}),
        ("gpt2", {"n_inner": 80}),
        ("gpt_neox", {"attention_bias": False}),
        ("opt", {"enable_bias": False, "layer_norm_elementwise_affine": False}),
        ("opt", {"do_layer_norm_before": False}),
        ("falcon_multi_query", {"bias": True, "num_ln_in_parallel_attn": 2}),
        ("falcon_new_decoder", {"num_ln_in_parallel_attn": 1, "ffn_hidden_size": 100}),
        ("phi", {"qk_layernorm": True}),
        ("stablelm", {"qk_layernorm": True, "use_qkv_bias": True, "use_parallel_residual": True}),
        ("mamba", {"use_bias": True, "use_conv_bias": False, "time_step_rank": 5, "expand": 3}),
    ],
    ids=str,
)
def test_options_of_a_family_count(family: str, changes: dict[str, Any]) -> None:
    row = TINY[family]
    settings = {"vocab_size": VOCABULARY, **row.settings, **changes}
    config = transformers.AutoConfig.for_model(row.model_type, **settings)
    assert total(json.loads(config.to_json_string())) == count_on_meta(config)


def test_what_is_not_known_is_absent() -> None:
    def why(config: dict[str, Any]) -> str:
        found = parameters(config)
        assert isinstance(found, Absent)
        return found.reason

    whole = PUBLISHED["Llama-2-7B"][0]
    assert "no rule for the architecture 'mystery'" in why({**whole, "model_type": "mystery"})
    assert "no model_type" in why({})
    assert "no hidden_size" in why({k: v for k, v in whole.items() if k != "hidden_size"})
    assert "-1" in why({**whole, "num_hidden_layers": -1})
    assert "'32'" in why({**whole, "num_attention_heads": "32"})
    assert "more than any model" in why({**whole, "num_hidden_layers": 10**6})
    assert "tie_word_embeddings" in why({**whole, "tie_word_embeddings": "yes"})
    assert "more attention heads" in why({**whole, "num_attention_heads": 5000})
    assert "images or sound" in why({"model_type": "gemma3", "text_config": whole})


def test_bytes_follow_the_dtype() -> None:
    whole = {**PUBLISHED["GPT-2"][0], "torch_dtype": "float32"}
    assert weight_bytes(whole) == 4 * 124_439_808
    assert weight_bytes(whole, "bfloat16") == 2 * 124_439_808
    assert weight_bytes({**whole, "dtype": "float16"}) == 2 * 124_439_808
    absent = element_bytes(PUBLISHED["GPT-2"][0], "auto")
    assert isinstance(absent, Absent) and "no dtype" in absent.reason
    assert isinstance(weight_bytes(PUBLISHED["GPT-2"][0]), Absent)


def test_bytes_follow_the_packing() -> None:
    """Llama-2-7B in 4 bits of groups of 128: 3.5 GiB of matrices, and float16 beside them."""
    whole = {**PUBLISHED["Llama-2-7B"][0], "torch_dtype": "float16"}
    linear, other = 6_476_005_376, 6_738_415_616 - 6_476_005_376
    gptq = {"quant_method": "gptq", "bits": 4, "group_size": 128}
    packed = weight_bytes({**whole, "quantization_config": gptq})
    assert packed == pytest.approx(linear * (4 + 20 / 128) / 8 + 2 * other, rel=1e-6)
    nf4 = weight_bytes(whole, quantization="bnb-4bit")
    assert nf4 == pytest.approx(linear * (0.5 + 4 / 64) + 2 * other, rel=1e-6)
    int8 = weight_bytes(whole, quantization="bnb-8bit")
    assert isinstance(int8, int) and linear < int8 - 2 * other < 1.01 * linear
    own = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    assert weight_bytes({**whole, "quantization_config": own}) == nf4


@pytest.mark.parametrize(
    "own",
    [{"quant_method": "fp8"}, "4bit", {}, {"quant_method": "gptq"}, 7,
     {"quant_method": "awq", "bits": 64}, {"quant_method": "gptq", "bits": "4"},
     {"quant_method": "gptq", "bits": 4, "group_size": -1}],
    ids=str,
)  # fmt: skip
def test_a_packing_that_is_not_known_is_absent(own: Any) -> None:
    whole = {**PUBLISHED["Llama-2-7B"][0], "torch_dtype": "float16", "quantization_config": own}
    assert isinstance(weight_bytes(whole), Absent)


def test_packed_experts_are_absent() -> None:
    config = json.loads(config_of("mixtral").to_json_string())
    assert isinstance(weight_bytes(config, "bfloat16", "bnb-4bit"), Absent)
    assert weight_bytes(config, "bfloat16") == 2 * total(config)


def test_activations_are_an_estimate_of_one_pass() -> None:
    whole = PUBLISHED["Llama-2-7B"][0]
    assert activation_bytes(whole, 2) == 512 * (4 * 4096 + 3 * 11008) * 2 + 4 * 32000
    assert isinstance(activation_bytes({"hidden_size": 4}, 2), Absent)
