"""How large a forward pass may be: chosen from the memory that is free, halved when it runs out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psutil
import torch

from slmbench.engine.packing import Limits

#: Tokens of one pass. More gain nothing on a CPU; a GPU wants more to be busy.
_CPU_TOKENS = 1024
_GPU_TOKENS = 8192
_FEWEST_TOKENS = 16
#: Tokens of one piece of a cached path.
_BLOCK = 512
#: Share of the free memory that one pass may take.
_SHARE = 0.4
#: Bytes of logits of one pass, as float32.
_LOGIT_BYTES = 192 * 2**20
#: Texts that grow side by side: so many that a step is worth its few hundred small operations,
#: which is more of a smaller model's texts, at least and at most.
_STEP_WEIGHTS = 4_000_000_000
_GROWING = (256, 1024)
#: Tensors of the hidden size alive at once in one layer of a typical decoder.
_LIVE_TENSORS = 24


class Budget:
    """The size of a pass under one model on one device.

    Args:
        model: a transformers language model.
        tokens: tokens of one pass; None chooses from free memory.
        rows: sequences of one plain (unpacked) batch; None lets ``tokens`` decide.
    """

    def __init__(self, model: Any, tokens: int | None = None, rows: int | None = None) -> None:
        config = model.config.get_text_config()
        self._vocabulary = int(config.vocab_size)
        self._attention = _attention_cost(model, config)
        self._most_logit_bytes = _LOGIT_BYTES
        self.tokens = tokens or _fitting_tokens(model, config)
        self.rows = rows
        self._device = model.device
        self._kv_bytes = _kv_bytes(model, config)
        self._weights = max(1, sum(each.numel() for each in model.parameters()))

    def limits(self) -> Limits:
        """Return the limits of packing."""
        predicted = max(_FEWEST_TOKENS, self._most_logit_bytes // (4 * self._vocabulary))
        block = min(_BLOCK, self.tokens, predicted)
        return Limits(self.tokens, predicted, self._attention, block)

    def batch_rows(self, width: int) -> int:
        """Return how many rows of ``width`` tokens make a plain batch."""
        return self.rows or max(1, self.tokens // width)

    def side_by_side(self) -> int:
        """Return how many texts grow side by side where memory is not short."""
        fewest, most = _GROWING
        worth = min(_STEP_WEIGHTS // self._weights, _LOGIT_BYTES // (4 * self._vocabulary))
        return self.rows or min(most, max(fewest, worth))

    def growing_rows(self, tokens: int) -> int:
        """Return how many texts of ``tokens`` tokens have room for their keys and values."""
        free = free_bytes(self._device)
        return 2**20 if free is None else max(1, int(free * _SHARE) // (self._kv_bytes * tokens))

    def batch_of(self, width: int, predicted: Sequence[int]) -> int:
        """Return how many rows of at most ``width`` tokens make a plain batch.

        ``predicted`` is what each row to come has to predict, in tokens.
        """
        limit, count, total = self.limits().predicted, 0, 0
        for own in predicted[: self.batch_rows(width)]:
            total += own
            if count and total > limit:
                break
            count += 1
        return count

    def halve(self, error: BaseException) -> None:
        """Make every pass half as large.

        Raises:
            BaseException: ``error`` itself, where a pass can't get smaller.
        """
        if self.tokens <= _FEWEST_TOKENS and (self.rows or 1) == 1:
            raise error
        self.tokens = max(_FEWEST_TOKENS, self.tokens // 2)
        self.rows = None if self.rows is None else max(1, self.rows // 2)
        self._most_logit_bytes //= 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether memory ran out, on a GPU or on the host."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )


def _attention_cost(model: Any, config: Any) -> float:
    """Return the work of one key for one query, as a share of a token's own work in a layer."""
    layers = max(1, int(getattr(config, "num_hidden_layers", 1)))
    hidden = int(getattr(config, "hidden_size", 1))
    heads = int(getattr(config, "num_attention_heads", 1) or 1)
    size = int(getattr(config, "head_dim", None) or hidden // heads)
    embedding = model.get_input_embeddings().weight.numel()
    body = max(1, sum(p.numel() for p in model.parameters()) - embedding)
    return min(0.05, float(4 * heads * size * layers / (2 * body)))


def _fitting_tokens(model: Any, config: Any) -> int:
    device = model.device
    most = _CPU_TOKENS if device.type == "cpu" else _GPU_TOKENS
    free = free_bytes(device)
    if free is None:
        return most
    hidden = int(getattr(config, "hidden_size", 1024))
    per_token = _LIVE_TENSORS * hidden * model.dtype.itemsize
    fitting = int(free * _SHARE - _LOGIT_BYTES) // max(1, per_token)
    return max(_FEWEST_TOKENS, min(most, int(fitting)))


def _kv_bytes(model: Any, config: Any) -> int:
    """Return the most that the keys and values of one token take."""
    heads = int(getattr(config, "num_attention_heads", 1) or 1)
    shared = int(getattr(config, "num_key_value_heads", None) or heads)
    size = int(getattr(config, "head_dim", None) or getattr(config, "hidden_size", 64) // heads)
    layers = max(1, int(getattr(config, "num_hidden_layers", 1)))
    return 2 * layers * shared * size * int(model.dtype.itemsize)


def free_bytes(device: torch.device) -> int | None:
    """Return the memory that is free on a device, or None where that can't be asked."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    # What the page cache holds counts as free: it gives way, and is full after reading weights.
    return int(psutil.virtual_memory().available) if device.type == "cpu" else None
