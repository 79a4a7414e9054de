"""The model that is timed: a Llama of chosen sizes with random weights, and its tokenizer."""

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
    """Sizes of a Llama; the defaults are those of SmolLM2-135M."""

    hidden: int = 576
    intermediate: int = 1536
    layers: int = 30
    heads: int = 9
    kv_heads: int = 3
    vocabulary: int = 49152
    context: int = 2048


def write(shape: Shape, folder: Path) -> Path:
    """Write a seeded random checkpoint and a tokenizer whose token i is the word ``wi``."""
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        vocab_size=shape.vocabulary,
        max_position_embeddings=shape.context,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=1,
    )
    model = transformers.LlamaForCausalLM(config)
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
