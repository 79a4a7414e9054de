"""Count the parameters of a language model from its configuration alone, family by family.

Each rule was read off the modules that transformers builds for the family, and tests hold it to
them. A family that isn't listed here is unknown, and said to be so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from slmbench.schema.base import Absent
from slmbench.suites.memory import parameter_rules as rules
from slmbench.suites.memory.config_values import UnknownSize, Values
from slmbench.suites.memory.parameter_rules import Parameters, Tally, attention, whole


def parameters(config: Mapping[str, Any]) -> Parameters | Absent:
    """Return the parameter counts that a ``config.json`` implies, or why they aren't known.

    Source: the modules of transformers 5.23 for each family.
    """
    values = Values(config)
    try:
        family = _FAMILIES.get(values.model_type)
        if values.has_other_parts:
            raise UnknownSize("the model has parts beside its language model, for images or sound")
        if family is None:
            raise UnknownSize(f"no rule for the architecture '{values.model_type[:60]}'")
        return family(values)
    except UnknownSize as error:
        return Absent(reason=str(error))


@dataclass(frozen=True)
class _Llama:
    """What sets a family with Llama's layout apart; a bias of None is the configuration's choice.

    Attributes:
        norms: norms of each layer that are as wide as the hidden size.
        head_norms: norms of queries and keys, as wide as one head.
        wide_norms: norms of queries and keys, as wide as all heads.
        experts: keys of the number of experts, where a layer has experts.
    """

    tied: bool = False
    qkv_bias: bool | None = False
    out_bias: bool | None = False
    mlp_bias: bool = False
    norms: int = 2
    head_norms: bool = False
    wide_norms: bool = False
    experts: tuple[str, ...] = ()

    def __call__(self, values: Values) -> Parameters:
        hidden = values.count("hidden_size")
        heads, shared, size = attention(values)
        bias = values.flag("attention_bias", False)
        layer = Tally()
        for outputs in (heads, shared, shared):
            layer.matrix(hidden, outputs * size, bias if self.qkv_bias is None else self.qkv_bias)
        layer.matrix(heads * size, hidden, bias if self.out_bias is None else self.out_bias)
        layer.vectors(self.norms * hidden)
        if self.head_norms:
            layer.vectors(2 * size)
        if self.wide_norms:
            layer.vectors(heads * size, shared * size)
        self._feed_forward(layer, values, hidden)
        tied = values.flag("tie_word_embeddings", self.tied)
        outside = values.count("vocab_size") * hidden * (1 if tied else 2) + hidden
        return whole(layer, values.layers("num_hidden_layers"), outside)

    def _feed_forward(self, layer: Tally, values: Values, hidden: int) -> None:
        inner = values.count("intermediate_size")
        if self.experts:
            count = values.count(*self.experts)
            layer.expert += 3 * count * hidden * inner
            layer.vectors(count * hidden)
            return
        bias = self.mlp_bias and values.flag("mlp_bias", False)
        layer.matrix(hidden, inner, bias)
        layer.matrix(hidden, inner, bias)
        layer.matrix(inner, hidden, bias)


_FAMILIES: dict[str, Callable[[Values], Parameters]] = {
    "llama": _Llama(qkv_bias=None, out_bias=None, mlp_bias=True),
    "mistral": _Llama(),
    "mixtral": _Llama(experts=("num_local_experts", "num_experts")),
    "qwen2": _Llama(qkv_bias=True),
    "qwen3": _Llama(qkv_bias=None, out_bias=None, head_norms=True),
    "gemma": _Llama(tied=True, qkv_bias=None, out_bias=None),
    "gemma2": _Llama(tied=True, qkv_bias=None, out_bias=None, norms=4),
    "gemma3_text": _Llama(tied=True, qkv_bias=None, out_bias=None, norms=4, head_norms=True),
    "phi3": _Llama(),
    "olmo2": _Llama(qkv_bias=None, out_bias=None, wide_norms=True),
    "olmoe": _Llama(
        qkv_bias=None, out_bias=None, wide_norms=True, experts=("num_experts", "num_local_experts")
    ),
    "granite": _Llama(qkv_bias=None, out_bias=None, mlp_bias=True),
    "gpt2": rules.gpt2,
    "gpt_neox": rules.gpt_neox,
    "opt": rules.opt,
    "bloom": rules.bloom,
    "falcon": rules.falcon,
    "phi": rules.phi,
    "stablelm": rules.stablelm,
    "mamba": rules.mamba,
}
#: The architectures whose parameters are known from their configuration.
KNOWN_FAMILIES = tuple(sorted(_FAMILIES))
