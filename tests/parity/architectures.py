"""The rows of the parity table: one tiny configuration for each architecture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

VOCABULARY = 2048
BEGIN, END = 0, 1
#: Tokens of every context window, and of a sliding one where there is one.
WINDOW = 128
SLIDING = 8

_FULL, _NEAR, _LINEAR = "full_attention", "sliding_attention", "linear_attention"
_SHAPE: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": WINDOW,
}
_EXPERTS: dict[str, Any] = {
    "num_experts": 4,
    "num_local_experts": 4,
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
    "shared_expert_intermediate_size": 32,
}
_LATENT: dict[str, Any] = {
    "q_lora_rank": 32,
    "kv_lora_rank": 16,
    "qk_nope_head_dim": 16,
    "qk_rope_head_dim": 8,
    "v_head_dim": 12,
    "num_key_value_heads": 4,
    "head_dim": 8,
    "n_shared_experts": 1,
    "first_k_dense_replace": 1,
    "n_group": 2,
    "topk_group": 1,
}
_GPT2_SHAPE: dict[str, Any] = {
    "n_embd": 64,
    "n_layer": 3,
    "n_head": 4,
    "n_positions": WINDOW,
    "n_ctx": WINDOW,
}
_T5_SHAPE: dict[str, Any] = {
    "d_model": 64,
    "d_kv": 16,
    "d_ff": 96,
    "num_layers": 2,
    "num_heads": 4,
    "n_positions": WINDOW,
    "relative_attention_num_buckets": 8,
    "relative_attention_max_distance": 32,
    "decoder_start_token_id": END,
    "pad_token_id": END,
    "tie_word_embeddings": False,
}
_SSM: dict[str, Any] = {
    "mamba_n_heads": 8,
    "mamba_d_head": 16,
    "mamba_d_state": 16,
    "mamba_chunk_size": 16,
}
_DELTA: dict[str, Any] = {
    "layer_types": [_LINEAR, _FULL, _LINEAR],
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 16,
    "linear_value_head_dim": 16,
}
_MIXED: dict[str, Any] = {"sliding_window": SLIDING, "layer_types": [_NEAR, _NEAR, _FULL]}
_GEMMA3_TEXT: dict[str, Any] = {
    **_SHAPE,
    **_MIXED,
    "head_dim": 16,
    "query_pre_attn_scalar": 16,
    "vocab_size": VOCABULARY,
    "bos_token_id": BEGIN,
    "eos_token_id": END,
    "pad_token_id": END,
}
_EYES: dict[str, Any] = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 28,
    "patch_size": 14,
}
#: No text holds the token that stands for an image.
_NO_IMAGE: dict[str, Any] = {"image_token_index": VOCABULARY + 2, "mm_tokens_per_image": 4}


@dataclass(frozen=True)
class Architecture:
    """A model type of transformers, and its settings."""

    model_type: str
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def seq2seq(self) -> bool:
        return self.model_type == "t5"


def _row(model_type: str, *parts: dict[str, Any], **changes: Any) -> Architecture:
    settings: dict[str, Any] = {}
    for part in (*parts, changes):
        settings.update(part)
    return Architecture(model_type, settings)


def _llama(model_type: str, *parts: dict[str, Any], **changes: Any) -> Architecture:
    return _row(model_type, _SHAPE, *parts, **changes)


#: Those that the table must hold.
REQUIRED: dict[str, Architecture] = {
    "llama": _llama("llama"),
    "mistral": _llama("mistral", sliding_window=SLIDING),
    "falcon_multi_query": _llama(
        "falcon", multi_query=True, parallel_attn=True, new_decoder_architecture=False, alibi=False
    ),
    "falcon_new_decoder": _llama(
        "falcon", new_decoder_architecture=True, num_kv_heads=2, alibi=False
    ),
    "falcon_alibi": _llama(
        "falcon", alibi=True, multi_query=False, parallel_attn=False, bias=True
    ),
    "gpt2": _row("gpt2", _GPT2_SHAPE),
    "gpt_neox": _llama("gpt_neox", rotary_pct=0.25),
    "opt": _llama("opt", ffn_dim=96, word_embed_proj_dim=32),
    "bloom": _llama("bloom", n_layer=3, n_head=4),
    "qwen2": _llama("qwen2"),
    "qwen2_sliding": _llama(
        "qwen2", use_sliding_window=True, sliding_window=SLIDING, max_window_layers=1
    ),
    "qwen3": _llama("qwen3", head_dim=16),
    "gemma2": _llama("gemma2", sliding_window=SLIDING, query_pre_attn_scalar=16, head_dim=16),
    "gemma3": _row("gemma3_text", _GEMMA3_TEXT),
    "phi": _llama("phi", partial_rotary_factor=0.5),
    "phi3": _llama("phi3", sliding_window=None, pad_token_id=END),
    "phi3_sliding": _llama("phi3", sliding_window=SLIDING, pad_token_id=END),
    "stablelm": _llama("stablelm", partial_rotary_factor=0.25),
    "olmo2": _llama("olmo2"),
    "granite": _llama(
        "granite", embedding_multiplier=3.0, logits_scaling=2.0, residual_multiplier=0.7,
        attention_multiplier=0.2,
    ),
    "mixtral": _llama("mixtral", _EXPERTS, sliding_window=None),
    "olmoe": _llama("olmoe", _EXPERTS),
    "mamba": _row("mamba", hidden_size=64, num_hidden_layers=3, state_size=8),
    "t5": _row("t5", _T5_SHAPE),
}  # fmt: skip

#: More of what transformers runs: what is unusual about each stands beside it.
FURTHER: dict[str, Architecture] = {
    "gemma": _llama("gemma", head_dim=16),
    # A language model inside one that also sees: its settings lie one level down.
    "gemma3_seeing": _row("gemma3", text_config=_GEMMA3_TEXT, vision_config=_EYES, **_NO_IMAGE),
    "olmo3": _llama("olmo3", _MIXED),
    "exaone4": _llama("exaone4", _MIXED),
    "cohere": _llama("cohere", logit_scale=1.0),
    "cohere2": _llama("cohere2", _MIXED, logit_scale=1.0),
    "starcoder2": _llama("starcoder2", sliding_window=SLIDING),
    "smollm3": _llama("smollm3", no_rope_layer_interval=2, pad_token_id=END),
    "nemotron": _llama("nemotron", partial_rotary_factor=0.5),
    "persimmon": _llama("persimmon"),
    "glm4": _llama("glm4", pad_token_id=END, head_dim=16),
    "diffllama": _llama("diffllama"),
    "biogpt": _llama("biogpt"),
    "gptj": _row("gptj", _GPT2_SHAPE, rotary_dim=8),
    "codegen": _row("codegen", _GPT2_SHAPE, rotary_dim=8),
    "gpt_bigcode": _row("gpt_bigcode", _GPT2_SHAPE, multi_query=True),
    # Post-norm, and no key/value cache at all.
    "openai_gpt": _row("openai-gpt", _GPT2_SHAPE),
    "ctrl": _row("ctrl", _GPT2_SHAPE, dff=96),
    # Local attention from a table that is looked up by index, not by position.
    "gpt_neo": _llama(
        "gpt_neo", num_hidden_layers=2, num_layers=2, num_heads=4, window_size=SLIDING,
        attention_types=[[["global", "local"], 1]],
    ),
    # ALiBi, and the longest sequence under another name.
    "mpt": _row("mpt", d_model=64, n_heads=4, n_layers=3, max_seq_len=WINDOW),
    "xglm": _row(
        "xglm", d_model=64, ffn_dim=96, num_layers=3, attention_heads=4,
        max_position_embeddings=WINDOW,
    ),
    "qwen3_moe": _llama("qwen3_moe", _EXPERTS, head_dim=16),
    "phimoe": _llama("phimoe", _EXPERTS, sliding_window=SLIDING),
    "jetmoe": _llama("jetmoe", _EXPERTS, kv_channels=16),
    # Attention in chunks of the sequence: it starts anew at every 16th position.
    "llama4": _llama(
        "llama4_text", _EXPERTS, num_hidden_layers=4, attention_chunk_size=16, head_dim=16,
        intermediate_size_mlp=96,
    ),
    # An attention sink in every head.
    "gpt_oss": _llama("gpt_oss", _EXPERTS, sliding_window=SLIDING, head_dim=16),
    # Latent attention: keys are wider than values.
    "deepseek_v2": _llama("deepseek_v2", _EXPERTS, _LATENT),
    "deepseek_v3": _llama("deepseek_v3", _EXPERTS, _LATENT),
    # From here on all are recurrent, or are so in some layers.
    "mamba2": _row(
        "mamba2", hidden_size=64, num_hidden_layers=3, num_heads=8, head_dim=16, state_size=16,
        n_groups=1, chunk_size=16,
    ),
    "rwkv": _row(
        "rwkv", hidden_size=64, attention_hidden_size=64, intermediate_size=96,
        num_hidden_layers=3, context_length=WINDOW,
    ),
    "jamba": _llama(
        "jamba", _EXPERTS, use_mamba_kernels=False, attn_layer_period=2, attn_layer_offset=1,
        expert_layer_period=2, expert_layer_offset=1,
    ),
    "bamba": _llama("bamba", _SSM, attn_layer_indices=[1]),
    "falcon_h1": _llama("falcon_h1", {**_SSM, "mamba_n_heads": 4}, mamba_d_ssm=64, head_dim=16),
    "granite_hybrid": _llama(
        "granitemoehybrid", _EXPERTS, _SSM, layer_types=["mamba", "attention", "mamba"],
        shared_intermediate_size=96,
    ),
    "zamba2": _llama(
        "zamba2", layers_block_type=["mamba", "hybrid", "mamba"], num_key_value_heads=4,
        n_mamba_heads=8, mamba_d_state=16, chunk_size=16,
    ),
    "qwen3_next": _llama("qwen3_next", _EXPERTS, _DELTA, head_dim=16),
    "qwen3_5": _llama("qwen3_5_text", _DELTA, head_dim=16),
    "minimax": _llama(
        "minimax", _EXPERTS, block_size=16, layer_types=[_LINEAR, _FULL, _LINEAR], head_dim=16
    ),
    "lfm2": _llama(
        "lfm2", layer_types=["conv", _FULL, "conv"], block_auto_adjust_ff_dim=False
    ),
    "recurrent_gemma": _llama(
        "recurrent_gemma", attention_window_size=SLIDING, lru_width=64, head_dim=16,
        block_types=["recurrent", "recurrent", "attention"],
    ),
}  # fmt: skip

ROWS: dict[str, Architecture] = {**REQUIRED, **FURTHER}
