"""Measure what a transformers model's key/value cache holds, by running it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from slmbench.schema.base import Absent, Interval, Measured, Measurement

#: Tokens of one pass while a cache is filled, so that activations stay small beside it.
_PASS_TOKENS = 256


def cache_growth(model: Any, token: int, contexts: Sequence[int]) -> dict[int, Measurement]:
    """Return the bytes that the model's own cache holds after each of some context lengths.

    Args:
        model: a transformers language model.
        token: the id that fills the context; which one it is changes no size.
        contexts: lengths in tokens, at least 1 each.
    """
    if getattr(model.config, "is_encoder_decoder", False):
        return dict.fromkeys(contexts, Absent(reason="an encoder-decoder has a cache of two parts"))
    found: dict[int, Measurement] = {}
    # Without its output matrix the model fills the cache just the same.
    body = model.base_model
    cache: Any = None
    held = 0
    for length in sorted(set(contexts)):
        while held < length:
            # Recurrent states are of one size, and not every such model reads on from them.
            cache = None if _is_recurrent(cache) else cache
            count = min(_PASS_TOKENS, length - held)
            ids = torch.full((1, count), token, device=model.device)
            with torch.inference_mode():
                given: dict[str, Any] = {} if cache is None else {"past_key_values": cache}
                output = body(input_ids=ids, use_cache=True, **given)
            cache = getattr(output, "past_key_values", None) or getattr(
                output, "cache_params", None
            )
            held += count
            if not _tensors(cache):
                reason = f"{type(model).__name__} keeps no key/value cache"
                return dict.fromkeys(contexts, Absent(reason=reason))
        size = sum(tensor.nbytes for tensor in _tensors(cache))
        found[length] = exact(size, f"tensors of its {type(cache).__name__}, {length} tokens")
    return found


def bytes_per_token(model: Any, token: int) -> Measurement:
    """Return what a token adds to the cache while no window is full."""
    # Two lengths that the shortest window still holds whole.
    found = cache_growth(model, token, (1, 2))
    first, second = found[1], found[2]
    if isinstance(first, Absent) or isinstance(second, Absent):
        return first if isinstance(first, Absent) else second
    if second.value == first.value:
        return Absent(reason=f"the state of {type(model).__name__} doesn't grow with the context")
    return exact(int(second.value - first.value), "growth of the cache from 1 to 2 tokens")


def exact(count: int, source: str) -> Measured:
    """Return a number of bytes that was counted, not sampled."""
    value = float(count)
    interval = Interval(low=value, high=value, method="exact count")
    return Measured(value=value, unit="bytes", n=1, interval=interval, how="counted", source=source)


def _is_recurrent(cache: Any) -> bool:
    """Say whether no layer of a cache keeps keys and values."""
    layers = getattr(cache, "layers", None) or ()
    return bool(layers) and all(getattr(layer, "keys", None) is None for layer in layers)


def _tensors(cache: Any) -> list[torch.Tensor]:
    """Return keys, values and recurrent states of every layer of a cache."""
    return [
        tensor
        for layer in getattr(cache, "layers", None) or ()
        for tensor in _held(layer)
        if isinstance(tensor, torch.Tensor)
    ]


def _held(layer: Any) -> Iterator[Any]:
    yield getattr(layer, "keys", None)
    yield getattr(layer, "values", None)
    for name in ("conv_states", "recurrent_states"):
        states = getattr(layer, name, None)
        if isinstance(states, dict):
            yield from states.values()
