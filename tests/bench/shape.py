"""The model that is timed: a decoder of chosen sizes with random weights, and its tokenizer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

#: One token in this many ends a text, so that lengths are uneven as those of real answers are.
_ONE_IN = 40


@dataclass(frozen=True)
class Shape:
    """Sizes of a model; the defaults are those of SmolLM2-135M.

    Falcon-7B is ``falcon, 4544, 18176, 32, 71, 1, 65024`` (it has no size of its own between its
    layers: four times the hidden one); Mistral-7B is ``mistral, 4096, 14336, 32, 32, 8, 32000``.
    """

    architecture: str = "llama"
    hidden: int = 576
    intermediate: int = 1536
    layers: int = 30
    heads: int = 9
    kv_heads: int = 3
    vocabulary: int = 49152
    context: int = 2048


def write(shape: Shape, folder: Path, dtype: str = "float32") -> Path:
    """Write a seeded random checkpoint and a tokenizer whose token i is the word ``wi``."""
    torch.manual_seed(0)
    settings = {
        "hidden_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "vocab_size": shape.vocabulary,
        "max_position_embeddings": shape.context,
        "tie_word_embeddings": True,
        "bos_token_id": 0,
        "eos_token_id": 1,
    }
    if shape.architecture == "falcon":
        settings.update(multi_query=True, parallel_attn=True, alibi=False, bias=False)
    else:
        settings.update(intermediate_size=shape.intermediate, num_key_value_heads=shape.kv_heads)
    config = transformers.AutoConfig.for_model(shape.architecture, **settings)
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype))
    for name, weight in model.named_parameters():
        if "embed" not in name and weight.dim() > 1:
            # As drawn, the tied output layer would only repeat the token it has just read.
            weight.data *= 3.0
    model.generation_config.eos_token_id = list(range(1, shape.vocabulary, _ONE_IN))
    model.generation_config.pad_token_id = 1
    model.save_pretrained(folder)
    tokenizer(shape).save_pretrained(folder)
    return folder


def tokenizer(shape: Shape) -> Any:
    """Return a tokenizer of words ``w0``, ``w1``, ... between spaces."""
    words = {f"w{i}": i for i in range(shape.vocabulary)}
    # lm-eval takes the end token's text for a stop text too: no other word may hold it.
    words = {"<end>" if i == 1 else word: i for word, i in words.items()}
    made = Tokenizer(models.WordLevel(words, "w0"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.decoder = decoders.Fuse()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="w0", eos_token="<end>", pad_token="<end>"
    )
