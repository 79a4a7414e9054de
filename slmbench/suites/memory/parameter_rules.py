"""Add up the parameters of the families that have a layout of their own, layer by layer."""

from __future__ import annotations

import math
from dataclasses import dataclass

from slmbench.suites.memory.config_values import UnknownSize, Values


@dataclass(frozen=True)
class Parameters:
    """The parameters of a model, by what a quantizer does with them.

    Attributes:
        linear: elements of the matrices inside the layers, which quantizers pack.
        linear_rows: outputs of those matrices, each of which may get a scale of its own.
        expert: elements of the matrices of experts, which some quantizers pack and some don't.
        other: embeddings, output matrix (once where it is tied), norms and biases.
    """

    linear: int
    linear_rows: int
    expert: int
    other: int

    @property
    def total(self) -> int:
        """Return all parameters, a tied matrix once."""
        return self.linear + self.expert + self.other


class Tally:
    """Adds up one layer, or what stands outside the layers."""

    def __init__(self) -> None:
        self.linear = self.rows = self.expert = self.other = 0

    def matrix(self, inputs: int, outputs: int, bias: bool = False) -> None:
        """Count a matrix, and a bias for each of its outputs where it has one."""
        self.linear += inputs * outputs
        self.rows += outputs
        self.other += outputs if bias else 0

    def vectors(self, *sizes: int) -> None:
        """Count what no quantizer packs."""
        self.other += sum(sizes)


#: What a missing number of key/value heads, or of a head's size, means to transformers. In every
#: other family there are as many key/value heads as heads, and they share out the hidden size.
_KEY_VALUE_HEADS = {
    "mistral": 8, "mixtral": 8, "qwen2": 32, "qwen3": 32, "stablelm": 32, "gemma": 16, "gemma2": 4,
    "gemma3_text": 4,
}  # fmt: skip
_HEAD_SIZE = {"qwen3": 128, "gemma": 256, "gemma2": 256, "gemma3_text": 256}


def attention(values: Values) -> tuple[int, int, int]:
    """Return (heads, key/value heads, size of a head).

    Raises:
        UnknownSize: a number it needs is missing or wrong.
    """
    heads = values.count("num_attention_heads", "n_head")
    shared = _KEY_VALUE_HEADS.get(values.model_type, heads)
    size = _HEAD_SIZE.get(values.model_type)
    if size is None and values.raw("head_dim") is None:
        size = split(values.count("hidden_size", "n_embd", "n_embed"), heads)
    return (
        heads,
        values.count("num_key_value_heads", default=shared),
        values.count("head_dim", default=size),
    )


def split(hidden: int, heads: int) -> int:
    """Return the size of each of the heads that share out the hidden size.

    Raises:
        UnknownSize: there are more heads than numbers.
    """
    if hidden < heads:
        raise UnknownSize("the config has more attention heads than its hidden size has numbers")
    return hidden // heads


def whole(layer: Tally, layers: int, outside: int) -> Parameters:
    """Return a model of ``layers`` equal layers, and of ``outside`` parameters beside them."""
    return Parameters(
        linear=layer.linear * layers,
        linear_rows=layer.rows * layers,
        expert=layer.expert * layers,
        other=layer.other * layers + outside,
    )


def _embeddings(values: Values, width: int, tied: bool, bias: bool = False) -> int:
    vocabulary = values.count("vocab_size")
    matrices = 1 if values.flag("tie_word_embeddings", tied) else 2
    return vocabulary * width * matrices + (vocabulary if bias else 0)


def gpt2(values: Values) -> Parameters:
    """Count GPT-2: learned positions, one fused attention matrix, biases everywhere.

    Raises:
        UnknownSize: a number it needs is missing or wrong.
    """
    hidden = values.count("n_embd", "hidden_size")
    inner = values.count("n_inner", default=4 * hidden)
    layer = Tally()
    layer.matrix(hidden, 3 * hidden, True)
    layer.matrix(hidden, hidden, True)
    layer.matrix(hidden, inner, True)
    layer.matrix(inner, hidden, True)
    layer.vectors(4 * hidden)
    positions = values.count("n_positions", "max_position_embeddings") * hidden
    outside = _embeddings(values, hidden, True) + positions + 2 * hidden
    return whole(layer, values.layers("n_layer", "num_hidden_layers"), outside)


def gpt_neox(values: Values) -> Parameters:
    """Count GPT-NeoX (Pythia): two LayerNorms and biases, an output matrix of its own.

    Raises:
        UnknownSize: a number it needs is missing or wrong.
    """
    hidden, inner = values.count("hidden_size"), values.count("intermediate_size")
    bias = values.flag("attention_bias", True)
    layer = Tally()
    layer.matrix(hidden, 3 * hidden, bias)
    layer.matrix(hidden, hidden, bias)
    layer.matrix(hidden, inner, True)
    layer.matrix(inner, hidden, True)
    layer.vectors(4 * hidden)
    outside = _embeddings(values, hidden, False) + 2 * hidden
    return whole(layer, values.layers("num_hidden_layers"), outside)


def opt(values: Values) -> Parameters:
    """Count OPT: learned positions, and embeddings that may be narrower than the layers.

    Raises:
        UnknownSize: a number it needs is missing or wrong.
    """
    hidden, inner = values.count("hidden_size"), values.count("ffn_dim")
    width = values.count("word_embed_proj_dim", default=hidden)
    bias = values.flag("enable_bias", True)
    norm = 2 * hidden if values.flag("layer_norm_elementwise_affine", True) else 0
    layer = Tally()
    for _ in range(4):
        layer.matrix(hidden, hidden, bias)
    layer.matrix(hidden, inner, bias)
    layer.matrix(inner, hidden, bias)
    layer.vectors(2 * norm)
    # The table of positions begins two places late.
    outside = (values.count("max_position_embeddings") + 2) * hidden
    outside += _embeddings(values, width, True) + (2 * width * hidden if width != hidden else 0)
    first = values.flag("do_layer_norm_before", True)
    if first and not values.flag("_remove_final_layer_norm", False):
        outside += norm
    return whole(layer, values.layers("num_hidden_layers"), outside)


def bloom(values: Values) -> Parameters:
    """Count BLOOM: no positions (ALiBi), a norm after the embeddings.

    Raises:
        UnknownSize: a number it needs is missing or wrong.
    """
    hidden = values.count("hidden_size", "n_embed")
    layer = Tally()
    layer.matrix(hidden, 3 * hidden, True)
    layer.matrix(hidden, hidden, True)
    layer.matrix(hidden, 4 * hidden, True)
    layer.matrix(4 * hidden, hidden, True)
    layer.vectors(4 * hidden)
    outside = _embeddings(values, hidden, True) + 4 * hidden
    return whole(layer, values.layers("n_layer", "num_hidden_layers"), outside)


def falcon(values: Values) -> Parameters:
    """Count Falcon: one key/value head (7B), groups of them (40B) or one for each (RW).

    Raises:
        UnknownSize: a number it needs is missing or wrong.
    """
    hidden = values.count("hidden_size", "n_embed")
    heads = values.count("num_attention_heads", "n_head")
    inner = values.count("ffn_hidden_size", default=4 * hidden)
    size, bias = split(hidden, heads), values.flag("bias", False)
    new = values.flag("new_decoder_architecture", False)
    outputs = 3 * hidden
    if new:
        outputs = (2 * values.count("num_kv_heads", default=heads) + heads) * size
    elif values.flag("multi_query", True):
        outputs = hidden + 2 * size
    layer = Tally()
    layer.matrix(hidden, outputs, bias)
    layer.matrix(hidden, hidden, bias)
    layer.matrix(hidden, inner, bias)
    layer.matrix(inner, hidden, bias)
    norms = values.count("num_ln_in_parallel_attn", default=2 if new else 1)
    norms = 2 if norms == 2 or not values.flag("parallel_attn", True) else 1
    layer.vectors(norms * 2 * hidden)
    outside = _embeddings(values, hidden, True) + 2 * hidden
    return whole(layer, values.layers("num_hidden_layers", "n_layer"), outside)


def phi(values: Values) -> Parameters:
    """Count Phi: biases everywhere, also in the output matrix.

    Raises:
        UnknownSize: a number it needs is missing or wrong.
    """
    hidden, inner = values.count("hidden_size"), values.count("intermediate_size")
    heads, shared, size = attention(values)
    layer = Tally()
    for outputs in (heads, shared, shared):
        layer.matrix(hidden, outputs * size, True)
    layer.matrix(heads * size, hidden, True)
    layer.matrix(hidden, inner, True)
    layer.matrix(inner, hidden, True)
    layer.vectors(2 * hidden, 4 * (hidden // heads) if values.flag("qk_layernorm", False) else 0)
    outside = _embeddings(values, hidden, False, bias=True) + 2 * hidden
    return whole(layer, values.layers("num_hidden_layers"), outside)


def stablelm(values: Values) -> Parameters:
    """Count StableLM: LayerNorms with biases, and norms of heads in the 12B.

    Raises:
        UnknownSize: a number it needs is missing or wrong.
    """
    hidden, inner = values.count("hidden_size"), values.count("intermediate_size")
    heads, shared, size = attention(values)
    bias = values.flag("use_qkv_bias", False)
    layer = Tally()
    for outputs in (heads, shared, shared):
        layer.matrix(hidden, outputs * size, bias)
    layer.matrix(hidden, hidden)
    layer.matrix(hidden, inner)
    layer.matrix(hidden, inner)
    layer.matrix(inner, hidden)
    layer.vectors((2 if values.flag("use_parallel_residual", False) else 4) * hidden)
    if values.flag("qk_layernorm", False):
        layer.vectors((heads + shared) * size)
    outside = _embeddings(values, hidden, False) + 2 * hidden
    return whole(layer, values.layers("num_hidden_layers"), outside)


def mamba(values: Values) -> Parameters:
    """Count Mamba: a convolution and a state space in place of attention.

    Raises:
        UnknownSize: a number it needs is missing or wrong.
    """
    hidden, states = values.count("hidden_size"), values.count("state_size", default=16)
    inner = values.count("expand", default=2) * hidden
    kernel, bias = values.count("conv_kernel", default=4), values.flag("use_bias", False)
    automatic = values.raw("time_step_rank") in (None, "auto")
    rank = math.ceil(hidden / 16) if automatic else values.count("time_step_rank")
    layer = Tally()
    layer.matrix(hidden, 2 * inner, bias)
    layer.matrix(inner, rank + 2 * states)
    layer.matrix(rank, inner, True)
    layer.matrix(inner, hidden, bias)
    layer.vectors(inner * kernel, inner if values.flag("use_conv_bias", True) else 0)
    layer.vectors(inner * states, inner, hidden)
    outside = _embeddings(values, hidden, True) + hidden
    return whole(layer, values.layers("num_hidden_layers"), outside)
