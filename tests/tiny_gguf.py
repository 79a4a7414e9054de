"""GGUF files of small random models, of architectures that the reference models don't have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slmbench.resources import reference_dir

VOCABULARY = 2048
#: Of every model here: two layers, four heads of 16, and a window of 8 tokens where there is one.
WIDTH, INNER, LAYERS, HEADS, WINDOW = 64, 96, 2, 4, 8
#: Architecture -> (heads whose keys and values are kept, width of a key, of a value).
KEPT = {"llama": (2, 16, 16), "falcon": (1, 16, 16), "gemma2": (2, 24, 24), "qwen2": (4, 16, 16)}


def put_vocabulary(out: Any) -> None:
    """Give a file that is being written the tokens of the reference model pico."""
    source = reference_dir() / "pico" / "tokenizer.json"
    if not source.is_file():
        pytest.skip("the reference model pico has no tokenizer here")
    raw = json.loads(source.read_text())["model"]
    names = [""] * VOCABULARY
    for text, number in raw["vocab"].items():
        names[number] = text
    merges = [" ".join(each) if isinstance(each, list) else each for each in raw["merges"]]
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("smollm")
    out.add_token_merges(merges)
    out.add_token_list(names)
    out.add_token_types([3 if number < 2 else 1 for number in range(VOCABULARY)])
    out.add_bos_token_id(0)
    out.add_eos_token_id(1)
    out.add_add_bos_token(False)


def tiny_gguf(architecture: str, path: Path) -> Path:
    """Write a random float32 model of one of ``KEPT`` and return its path."""
    gguf = pytest.importorskip("gguf", reason="the extra gguf isn't installed")
    kept, key, value = KEPT[architecture]
    out = gguf.GGUFWriter(str(path), architecture)
    out.add_file_type(0)
    out.add_context_length(512)
    out.add_embedding_length(WIDTH)
    out.add_feed_forward_length(INNER)
    out.add_block_count(LAYERS)
    out.add_head_count(HEADS)
    out.add_head_count_kv(kept)
    if key != WIDTH // HEADS:
        out.add_key_length(key)
        out.add_value_length(value)
    out.add_layer_norm_eps(1e-5)
    out.add_layer_norm_rms_eps(1e-5)
    if architecture == "gemma2":
        out.add_sliding_window(WINDOW)
    put_vocabulary(out)
    rng = np.random.default_rng(1)
    for name, shape in _tensors(architecture).items():
        numbers = rng.normal(0, 0.1, shape) if len(shape) > 1 else np.ones(shape)
        out.add_tensor(name, numbers.astype(np.float32))
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    return path


def _tensors(architecture: str) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of an architecture's tensors, as llama.cpp looks for them."""
    kept, key, value = KEPT[architecture]
    layer = {
        "attn_norm.weight": (WIDTH,), "attn_output.weight": (WIDTH, HEADS * value),
        "ffn_up.weight": (INNER, WIDTH), "ffn_down.weight": (WIDTH, INNER),
    }  # fmt: skip
    rest = {"token_embd.weight": (VOCABULARY, WIDTH), "output_norm.weight": (WIDTH,)}
    if architecture == "falcon":
        layer["attn_norm.bias"] = (WIDTH,)
        layer["attn_qkv.weight"] = ((HEADS + 2 * kept) * key, WIDTH)
        rest |= {"output_norm.bias": (WIDTH,), "output.weight": (VOCABULARY, WIDTH)}
    else:
        sizes = {"q": HEADS * key, "k": kept * key, "v": kept * value}
        layer |= {f"attn_{name}.weight": (size, WIDTH) for name, size in sizes.items()}
        layer |= {"ffn_norm.weight": (WIDTH,), "ffn_gate.weight": (INNER, WIDTH)}
        if architecture == "qwen2":
            layer |= {f"attn_{name}.bias": (size,) for name, size in sizes.items()}
    if architecture == "gemma2":
        layer |= {"post_attention_norm.weight": (WIDTH,), "post_ffw_norm.weight": (WIDTH,)}
    blocks = {f"blk.{i}.{name}": shape for i in range(LAYERS) for name, shape in layer.items()}
    return {**blocks, **rest}
