"""Estimate what a model takes from its configuration alone: weights, cache and activations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slmbench.schema.base import Absent
from slmbench.suites.memory.config_values import UnknownSize, Values
from slmbench.suites.memory.parameter_rules import Parameters
from slmbench.suites.memory.parameters import parameters

_ELEMENT_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2, "float64": 8}
#: Tokens of a prompt that one forward pass reads; a longer prompt comes in several.
_PASS_TOKENS = 512
#: Names under which a configuration gives its longest context.
_LENGTHS = ("max_position_embeddings", "n_positions", "max_seq_len", "n_ctx", "seq_length")


@dataclass(frozen=True)
class Packing:
    """How a quantizer stores the matrices inside the layers; everything else keeps its dtype.

    Attributes:
        element_bytes: of one packed element, with its share of what a group of them has.
        row_bytes: of the scale that each output of a matrix has.
    """

    element_bytes: float
    row_bytes: float = 0.0


#: Requests of ours -> what the library makes of them (bitsandbytes 0.50, torchao 0.18): a block of
#: 64 elements has a float32 maximum, an output of a matrix has a float32 scale.
_PACKINGS = {
    "bnb-8bit": Packing(1.0, 4.0),
    "bnb-4bit": Packing(0.5 + 4 / 64),
    "bnb-4bit-nf4": Packing(0.5 + 4 / 64),
    "bnb-4bit-fp4": Packing(0.5 + 4 / 64),
    "torchao:int8_weight_only": Packing(1.0, 4.0),
    "torchao:float8_weight_only": Packing(1.0, 4.0),
    "torchao:int8_dynamic_activation_int8_weight": Packing(1.0, 4.0),
}
#: Bits that a group of GPTQ or AWQ adds to itself: a float16 scale; its zero is as a weight.
_SCALE_BITS = 16


def element_bytes(config: Mapping[str, Any], dtype: str) -> int | Absent:
    """Return the bytes of one number as the model is run; ``auto`` takes the checkpoint's dtype."""
    named = dtype
    if dtype == "auto":
        inner = config.get("text_config")
        inner = inner if isinstance(inner, Mapping) else {}
        found = [source.get(key) for source in (config, inner) for key in ("dtype", "torch_dtype")]
        named = next((name for name in found if isinstance(name, str)), "")
    size = _ELEMENT_BYTES.get(named.removeprefix("torch."))
    if size is None:
        told = f"the dtype '{named[:30]}'" if named else "no dtype"
        return Absent(reason=f"the config names {told}: give one of {', '.join(_ELEMENT_BYTES)}")
    return size


def weight_bytes(
    config: Mapping[str, Any], dtype: str = "auto", quantization: str | None = None
) -> int | Absent:
    """Return the bytes of a model's weights once loaded, or why they don't follow.

    Args:
        config: what a ``config.json`` holds.
        dtype: as in a model's spec.
        quantization: as in a model's spec; what the checkpoint itself says of one counts too.
    """
    counted, size = parameters(config), element_bytes(config, dtype)
    if isinstance(counted, Absent):
        return counted
    if isinstance(size, Absent):
        return size
    packing = _packing(config, quantization)
    if isinstance(packing, Absent):
        return packing
    if packing is None:
        return counted.total * size
    if counted.expert:
        return Absent(reason="which matrices of experts are packed depends on the quantizer")
    return packed_bytes(counted, packing, size)


def packed_bytes(counted: Parameters, packing: Packing, size: int) -> int:
    """Return the bytes of a model whose layers' matrices are packed."""
    packed = counted.linear * packing.element_bytes + counted.linear_rows * packing.row_bytes
    return round(packed) + counted.other * size


def activation_bytes(config: Mapping[str, Any], size: int) -> int | Absent:
    """Return an estimate of what a forward pass holds beside weights and cache.

    A pass of 512 tokens holds four vectors of the hidden size and three of the feed-forward size
    for each token (residual, normed, attention's in and output; gate, up and their product), and
    one float32 row of the vocabulary. Attention's own scores are not written out by fused kernels.
    """
    values = Values(config)
    try:
        hidden = values.count("hidden_size", "n_embd", "n_embed")
        inner = values.count("intermediate_size", "ffn_dim", "n_inner", default=4 * hidden)
        vocabulary = values.count("vocab_size")
    except UnknownSize as error:
        return Absent(reason=str(error))
    return _PASS_TOKENS * (4 * hidden + 3 * inner) * size + vocabulary * 4


def longest_context(config: Mapping[str, Any]) -> int | None:
    """Return the tokens of the longest context that a configuration names, or None."""
    try:
        return Values(config).count(*_LENGTHS)
    except UnknownSize:
        return None


def _packing(config: Mapping[str, Any], asked: str | None) -> Packing | Absent | None:
    """Return how matrices are packed, None where they aren't, or why that isn't known."""
    own = config.get("quantization_config")
    if own is None:
        if asked is None:
            return None
        unknown = Absent(reason=f"how many bytes '{asked[:60]}' packs a number into isn't known")
        return _PACKINGS.get(asked, unknown)
    method = own.get("quant_method") if isinstance(own, Mapping) else None
    if not isinstance(own, Mapping) or method not in ("gptq", "awq", "bitsandbytes"):
        named = str(method)[:30]
        return Absent(reason=f"how the checkpoint's quantization '{named}' packs isn't known")
    if method == "bitsandbytes":
        return _PACKINGS["bnb-4bit" if own.get("load_in_4bit") is True else "bnb-8bit"]
    try:
        bits = Values(own).count("bits", "w_bit")
        group = Values(own).count("group_size", "q_group_size", default=128)
    except UnknownSize as error:
        return Absent(reason=f"of its quantization, {error}")
    if bits > 16:
        return Absent(reason=f"its quantization says {bits} bits")
    return Packing((bits + (_SCALE_BITS + bits) / group) / 8)
