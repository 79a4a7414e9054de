"""Tiny random checkpoints of many architectures, with weights so large that an error shows."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import torch
import transformers

from slmbench.resources import reference_dir
from tests.parity.architectures import BEGIN, END, ROWS, VOCABULARY, WINDOW

_SCALE = 0.2


def build(name: str, folder: Path) -> Path:
    """Write the checkpoint of a row of the table, and a tokenizer, into ``folder``.

    Every weight is a number that bfloat16 holds, so that the same file serves as the exact
    reference of a bfloat16 run.
    """
    with torch.random.fork_rng(devices=[]):
        # A seed of its own: a row is the same whatever was built before it.
        torch.manual_seed(zlib.crc32(name.encode()))
        model = _auto_class(name).from_config(config_of(name)).eval()
        _spread(model)
    model.save_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(reference_dir() / "pico"))
    # Architectures without a longest sequence take it from the tokenizer, here as in lm-eval.
    tokenizer.model_max_length = WINDOW
    tokenizer.save_pretrained(folder)
    return folder


def config_of(name: str) -> Any:
    row = ROWS[name]
    tokens = {"vocab_size": VOCABULARY, "bos_token_id": BEGIN, "eos_token_id": END}
    return transformers.AutoConfig.for_model(row.model_type, **{**tokens, **row.settings})


def _auto_class(name: str) -> Any:
    if ROWS[name].seq2seq:
        return transformers.AutoModelForSeq2SeqLM
    return transformers.AutoModelForCausalLM


def _spread(model: Any) -> None:
    """Draw larger weights: with the default ones a wrong mask would change next to nothing."""
    for name, parameter in model.named_parameters():
        if parameter.dim() > 1 and "A_log" not in name:
            parameter.data.normal_(0.0, _SCALE)
        elif parameter.dim() == 1:
            # Gains of norms, biases, attention sinks: near what they were, but no two alike.
            parameter.data.add_(0.5 * _SCALE * torch.randn_like(parameter))
        parameter.data = parameter.data.bfloat16().float()
