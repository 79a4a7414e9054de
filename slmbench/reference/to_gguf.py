"""Writes a small Llama checkpoint as GGUF: `python -m slmbench.reference.to_gguf ref:nano -o F`.

llama.cpp's own converter knows every architecture and lives in its repository, not in a package.
This one knows only what the reference models are: a plain Llama with a BPE tokenizer, byte-level
with single digits, or with byte fallback as SentencePiece makes it.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import gguf
import llama_cpp
import numpy as np
from safetensors.numpy import load_file

from slmbench.errors import InputError, ModelError, SlmbenchError
from slmbench.resources import reference_dir

#: What ``--type`` takes -> llama.cpp's number of the file type.
TYPES = {"F32": 0, "F16": 1, "Q8_0": 7, "Q4_0": 2}
_PLAIN = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
_OF_LAYER = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}  # fmt: skip


def convert(folder: Path, target: Path, kind: str = "F32") -> None:
    """Write the checkpoint in ``folder`` to the GGUF file ``target``.

    Rows of a matrix that blocks of 32 do not fill stay in F16 where ``kind`` is a quantization.

    Raises:
        InputError: ``kind`` is not one of `TYPES`.
        ModelError: the checkpoint is no plain Llama, or its tokenizer is of another make.
    """
    if kind not in TYPES:
        raise InputError(f"No type '{kind}'. Known: {', '.join(TYPES)}.")
    if kind == "F32":
        _write_f32(folder, target)
        return
    with tempfile.TemporaryDirectory() as room:
        whole = Path(room) / "whole.gguf"
        _write_f32(folder, whole)
        _quantize(whole, target, kind)


def _write_f32(folder: Path, target: Path) -> None:
    config = _read(folder / "config.json")
    _check(config, folder)
    writer = gguf.GGUFWriter(str(target), "llama")
    writer.add_name(folder.name)
    _add_shape(writer, config)
    _add_tokenizer(writer, folder, config)
    for name, values in _tensors(folder, config):
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _check(config: dict[str, Any], folder: Path) -> None:
    rope = config.get("rope_parameters") or {}
    plain = (
        config.get("model_type") == "llama"
        and not config.get("attention_bias")
        and not config.get("mlp_bias")
        and rope.get("rope_type", "default") == "default"
        and not config.get("rope_scaling")
    )
    if not plain:
        raise ModelError(
            f"'{folder}' is no plain Llama, and only that is converted here. Use "
            "convert_hf_to_gguf.py of llama.cpp."
        )


def _add_shape(writer: gguf.GGUFWriter, config: dict[str, Any]) -> None:
    heads = config["num_attention_heads"]
    width = config.get("head_dim") or config["hidden_size"] // heads
    rope = config.get("rope_parameters") or {}
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.get("num_key_value_heads") or heads)
    writer.add_key_length(width)
    writer.add_value_length(width)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(width)
    writer.add_rope_freq_base(rope.get("rope_theta") or config.get("rope_theta", 10000.0))
    writer.add_vocab_size(config["vocab_size"])


def _tensors(folder: Path, config: dict[str, Any]) -> list[tuple[str, np.ndarray]]:
    """Return (GGUF's name, float32 values) of every tensor."""
    heads = config["num_attention_heads"]
    turned = {"attn_q": heads, "attn_k": config.get("num_key_value_heads") or heads}
    found = []
    for file in sorted(folder.glob("*.safetensors")):
        for name, values in load_file(file).items():
            short, block = _name(name.removesuffix(".weight"))
            numbers = values.astype(np.float32)
            if short in turned:
                numbers = _turned(numbers, turned[short])
            found.append((f"{block}{short}.weight", np.ascontiguousarray(numbers)))
    if not found:
        raise ModelError(f"'{folder}' holds no safetensors. Save the model with transformers.")
    return found


def _name(name: str) -> tuple[str, str]:
    if name in _PLAIN:
        return _PLAIN[name], ""
    number, _, rest = name.removeprefix("model.layers.").partition(".")
    if not number.isdigit() or rest not in _OF_LAYER:
        raise ModelError(f"A plain Llama has no tensor '{name}'.")
    return _OF_LAYER[rest], f"blk.{number}."


def _turned(values: np.ndarray, heads: int) -> np.ndarray:
    """Return rows of each head with the halves interleaved.

    transformers turns dimension i with i + d/2; llama.cpp's Llama turns 2i with 2i + 1, as the
    first Llama did (su et al., arXiv 2104.09864, in two layouts).
    """
    rows, columns = values.shape
    return values.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, -1)


def _add_tokenizer(writer: gguf.GGUFWriter, folder: Path, config: dict[str, Any]) -> None:
    raw = _read(folder / "tokenizer.json")
    settings = _read(folder / "tokenizer_config.json")
    model = raw["model"]
    byte_level = "ByteLevel" in json.dumps(raw.get("pre_tokenizer"), allow_nan=False)
    if model["type"] != "BPE" or not (byte_level or model.get("byte_fallback")):
        raise ModelError(f"The tokenizer in '{folder}' is no BPE that this converter knows.")
    names = [""] * config["vocab_size"]
    for text, number in model["vocab"].items():
        names[number] = text
    merges = [each if isinstance(each, str) else " ".join(each) for each in model["merges"]]
    special = {each["id"]: each["content"] for each in raw["added_tokens"] if each["special"]}
    if byte_level:
        _check_digits(raw, folder)
        writer.add_tokenizer_model("gpt2")
        # Single digits, then GPT-2's pattern: what the tokenizer's two steps do.
        writer.add_tokenizer_pre("smollm")
        writer.add_token_merges(merges)
    else:
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
        writer.add_token_scores(_scores(names, merges))
    writer.add_token_list(names)
    writer.add_token_types([_type(i, name, special, settings) for i, name in enumerate(names)])
    writer.add_bos_token_id(config["bos_token_id"])
    writer.add_eos_token_id(config["eos_token_id"])
    single = (raw.get("post_processor") or {}).get("single") or []
    writer.add_add_bos_token(bool(single) and "SpecialToken" in single[0])
    writer.add_add_eos_token(len(single) > 1 and "SpecialToken" in single[-1])
    writer.add_add_space_prefix("Prepend" in json.dumps(raw.get("normalizer"), allow_nan=False))
    if settings.get("chat_template"):
        writer.add_chat_template(settings["chat_template"])


def _check_digits(raw: dict[str, Any], folder: Path) -> None:
    steps = (raw["pre_tokenizer"] or {}).get("pretokenizers") or []
    if [step["type"] for step in steps] != ["Digits", "ByteLevel"]:
        raise ModelError(
            f"The tokenizer in '{folder}' cuts texts another way than the reference models do. "
            "Use convert_hf_to_gguf.py of llama.cpp."
        )


def _scores(names: list[str], merges: list[str]) -> list[float]:
    """Return a score for each token: SentencePiece merges the pair that makes the best one."""
    rank = {left_right.replace(" ", "", 1): -float(i) for i, left_right in enumerate(merges)}
    return [rank.get(name, 0.0 if name.startswith("<") else -1e6) for name in names]


def _type(number: int, name: str, special: dict[int, str], settings: dict[str, Any]) -> int:
    if name.startswith("<0x") and name.endswith(">"):
        return int(gguf.TokenType.BYTE)
    if number in special:
        unknown = name == settings.get("unk_token")
        return int(gguf.TokenType.UNKNOWN if unknown else gguf.TokenType.CONTROL)
    return int(gguf.TokenType.NORMAL)


def _quantize(source: Path, target: Path, kind: str) -> None:
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = TYPES[kind]
    params.nthread = 1
    llama_cpp.llama_log_set(_silent, ctypes.c_void_p(0))
    failed = llama_cpp.llama_model_quantize(
        str(source).encode(), str(target).encode(), ctypes.byref(params)
    )
    if failed:
        raise ModelError(f"llama.cpp could not write '{target}' as {kind}. Is the folder writable?")


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _silent(level: int, text: bytes, data: object) -> None:
    """Take llama.cpp's log and drop it."""


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"'{path}' can't be read: {error}.") from error
    if not isinstance(found, dict):
        raise ModelError(f"'{path}' holds no JSON object.")
    return found


def folder_of(model: str) -> Path:
    """Return the folder of ``ref:NAME``, or of a path."""
    if model.startswith("ref:"):
        return reference_dir() / model.removeprefix("ref:")
    return Path(model).expanduser()


def main(arguments: list[str] | None = None) -> int:
    """Convert one checkpoint, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", help="ref:pico, ref:nano, ref:micro, or a checkpoint's folder")
    parser.add_argument("-o", "--output", required=True, type=Path, help="the GGUF file")
    parser.add_argument("--type", default="F32", choices=TYPES, help="of the matrices")
    chosen = parser.parse_args(arguments)
    try:
        convert(folder_of(chosen.model), chosen.output, chosen.type)
    except SlmbenchError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(f"{chosen.output}: {chosen.output.stat().st_size} bytes, {chosen.type}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
