"""Predict the bytes of the key/value cache at any context length, from the configuration alone.

What is predicted is the cache that transformers' models keep by themselves (its ``DynamicCache``):
a layer with a sliding window of w tokens keeps the last w - 1 of them, and Falcon's new decoder
keeps every group's keys and values once for each head. slmbench's own engine keeps all tokens of
a sliding window's layers, and other runtimes (vLLM) share Falcon's heads, so theirs may be larger
or smaller. For a GGUF file it is the cache that llama.cpp keeps as slmbench runs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slmbench.schema.base import Absent
from slmbench.suites.memory.config_values import UnknownSize, Values
from slmbench.suites.memory.parameter_rules import attention, split

_FULL, _NEAR = "full_attention", "sliding_attention"
#: Families whose layers all keep keys and values of every token, or of a window.
_PLAIN = {
    "llama", "gpt_neox", "gpt2", "opt", "bloom", "phi", "stablelm", "olmo2", "olmoe", "granite",
    "gemma", "falcon", "mistral", "mixtral", "phi3", "qwen2", "qwen3", "gemma2", "gemma3_text",
}  # fmt: skip
#: What a missing ``sliding_window`` means to transformers, where it isn't "none".
_WINDOW = {"mistral": 4096, "gemma2": 4096, "gemma3_text": 4096, "qwen2": 4096, "qwen3": 4096}
#: Recurrent states are kept in the model's own dtype, whatever the length of the text.
_RECURRENT = {"mamba"}


@dataclass(frozen=True)
class CacheShape:
    """How a cache grows with the tokens of one sequence.

    Attributes:
        groups: (bytes that a token adds, tokens kept at most or None) of layers of one kind.
        constant_bytes: states of recurrent layers, which don't grow.
    """

    groups: tuple[tuple[int, int | None], ...]
    constant_bytes: int = 0

    def bytes_at(self, tokens: int, sequences: int = 1) -> int:
        """Return the bytes after ``tokens`` tokens of each of ``sequences`` sequences."""
        one = self.constant_bytes + sum(
            size * (tokens if most is None else min(tokens, most)) for size, most in self.groups
        )
        return one * sequences

    @property
    def is_linear(self) -> bool:
        """Say whether every token adds as much as the first."""
        return self.constant_bytes == 0 and all(most is None for _, most in self.groups)


def cache_shape(config: Mapping[str, Any], element_bytes: int) -> CacheShape | Absent:
    """Return how the cache of a model grows, or why that isn't known.

    Args:
        config: what its ``config.json`` holds.
        element_bytes: bytes of one number of the dtype it is run in.
    """
    values = Values(config)
    try:
        family = values.model_type
        if family in _RECURRENT:
            return _recurrent(values, element_bytes)
        if family == "gguf":
            # llama.cpp shares Falcon's heads, and is told here to keep all of a sliding window's.
            return CacheShape(((values.count("cache_width") * element_bytes, None),))
        if family not in _PLAIN:
            raise UnknownSize(f"no rule for the cache of the architecture '{family[:60]}'")
        size = 2 * _kept_heads(values) * _head_size(values) * element_bytes
        windows = _windows(values)
    except UnknownSize as error:
        return Absent(reason=str(error))
    kinds = dict.fromkeys(windows)
    return CacheShape(tuple((size * windows.count(kind), kind) for kind in kinds))


def _recurrent(values: Values, element_bytes: int) -> CacheShape:
    inner = values.count("expand", default=2) * values.count("hidden_size")
    states = values.count("conv_kernel", default=4) + values.count("state_size", default=16)
    layers = values.layers("num_hidden_layers")
    return CacheShape((), constant_bytes=layers * inner * states * element_bytes)


def _kept_heads(values: Values) -> int:
    """Return the heads whose keys and values a layer keeps."""
    if values.model_type in ("gpt2", "opt", "bloom", "gpt_neox"):
        return values.count("num_attention_heads", "n_head")
    if values.model_type != "falcon":
        return attention(values)[1]
    heads = values.count("num_attention_heads", "n_head")
    if values.flag("new_decoder_architecture", False):
        return heads
    many = not values.flag("multi_query", True)
    return values.count("num_kv_heads", default=heads) if many else 1


def _head_size(values: Values) -> int:
    if values.model_type in ("gpt2", "opt", "bloom", "gpt_neox", "falcon"):
        hidden = values.count("hidden_size", "n_embd", "n_embed")
        return split(hidden, values.count("num_attention_heads", "n_head"))
    return attention(values)[2]


def _windows(values: Values) -> list[int | None]:
    """Return, for each layer, how many tokens it keeps at most; None for all."""
    layers = values.layers("num_hidden_layers", "n_layer")
    kinds = values.raw("layer_types")
    if kinds is None:
        kinds = _usual_kinds(values, layers)
    if not isinstance(kinds, list) or len(kinds) != layers:
        raise UnknownSize(f"the config's layer_types doesn't name its {layers} layers")
    if any(kind not in (_FULL, _NEAR) for kind in kinds):
        raise UnknownSize("the config's layer_types names layers other than full and sliding ones")
    if _NEAR not in kinds:
        return [None] * layers
    window = values.count("sliding_window", default=_WINDOW.get(values.model_type))
    if values.flag("use_bidirectional_attention", False):
        window = window // 2 + 1
    # A window of one token would keep none; transformers then keeps all.
    most = window - 1 if window > 1 else None
    return [most if kind == _NEAR else None for kind in kinds]


def _usual_kinds(values: Values, layers: int) -> list[str]:
    """Return the kinds of layers that a family has where its configuration doesn't list them."""
    family = values.model_type
    if family in ("gemma2", "gemma3_text"):
        every = 2 if family == "gemma2" else values.count("sliding_window_pattern", default=6)
        return [_NEAR if (i + 1) % every else _FULL for i in range(layers)]
    has_window = values.raw("sliding_window") is not None
    if family in ("qwen2", "qwen3"):
        # Without a word on it there is a window in the file's reading, and it isn't used.
        used = values.flag("use_sliding_window", False)
        used = used and (has_window or not values.has("sliding_window"))
        first = values.count("max_window_layers", default=28) if used else layers
        return [_NEAR if i >= first else _FULL for i in range(layers)]
    if family == "mistral" and not values.has("sliding_window"):
        has_window = True
    if family in ("mistral", "mixtral", "phi3"):
        return [_NEAR if has_window else _FULL] * layers
    return [_FULL] * layers
