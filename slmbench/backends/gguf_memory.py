"""Measure what llama.cpp keeps of a text's tokens: the size of the state that it would save."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

from slmbench.backends.gguf_native import Session, Step
from slmbench.errors import ModelError
from slmbench.schema.base import Absent, Interval, Measured, Measurement


@dataclass(frozen=True)
class Filler:
    """How to fill a cache of a model, to see what it takes.

    Attributes:
        opened: opens a session with at least so many cells, in a dtype of the cache.
        kv_type: the dtype that the model's own cache has.
        token: the id that fills it; which one it is changes no size.
        keeps_state: the model has recurrent layers.
        window: tokens that a sliding window's layers look back, or None. What lies behind it stays
            in the cache here, and is left out of a state that is saved.
    """

    opened: Callable[[int, str], Session]
    kv_type: str
    token: int
    keeps_state: bool
    window: int | None = None

    def sizes(self, contexts: Sequence[int], kv_type: str) -> dict[int, int]:
        """Return the bytes of llama.cpp's state after each of some lengths.

        Raises:
            ModelError: there is no memory for so many tokens.
        """
        found: dict[int, int] = {}
        held = 0
        with closing(self.opened(max(contexts), kv_type)) as session:
            for length in sorted(set(contexts)):
                steps = [Step(self.token, place, (0,)) for place in range(held, length)]
                for _ in session.read(steps):
                    pass
                held = length
                found[length] = session.state_bytes(0)
        return found


def cache_growth(filler: Filler, contexts: Sequence[int]) -> dict[int, Measurement]:
    """Return the bytes of the cache after each of some context lengths, at least 1 token each.

    The state that llama.cpp would save holds each token's place beside its keys and values. What
    that takes follows from two caches of the same tokens: what a float32 one has more than a
    float16 one is half of its keys and values, and all else is the rest. Recurrent layers' states
    are told with the few bytes that describe them.
    """
    try:
        half, whole = (filler.sizes((1, 2), name) for name in ("float16", "float32"))
        sizes = filler.sizes(contexts, filler.kv_type)
    except ModelError as error:
        return dict.fromkeys(contexts, Absent(reason=str(error)))
    added = half[2] - half[1]
    # (place + numbers) twice, less (place + twice the numbers).
    place = 2 * added - (whole[2] - whole[1])
    described = 0 if filler.keeps_state else half[1] - added
    if not filler.keeps_state and not 0 <= place < added:
        silent = Absent(reason="llama.cpp's state doesn't tell what its key/value cache holds")
        return dict.fromkeys(contexts, silent)
    return {
        tokens: _measured(size - described - place * tokens, tokens, filler.keeps_state)
        if filler.window is None or tokens < filler.window
        else Absent(reason=f"llama.cpp tells it up to the sliding window's {filler.window} tokens")
        for tokens, size in sizes.items()
    }


def bytes_per_token(filler: Filler) -> Measurement:
    """Return what a token adds to the cache."""
    found = cache_growth(filler, (1, 2))
    first, second = found[1], found[2]
    if isinstance(first, Absent) or isinstance(second, Absent):
        return first if isinstance(first, Absent) else second
    if second.value == first.value:
        return Absent(reason="the model keeps a state that doesn't grow with the context")
    return exact(int(second.value - first.value), "growth of llama.cpp's state, 1 to 2 tokens")


def exact(count: int, source: str) -> Measured:
    """Return a number of bytes that was counted, not sampled."""
    value = float(count)
    interval = Interval(low=value, high=value, method="exact count")
    return Measured(value=value, unit="bytes", n=1, interval=interval, how="counted", source=source)


def _measured(count: int, tokens: int, keeps_state: bool) -> Measured:
    if not keeps_state:
        return exact(
            count,
            f"keys and values in llama.cpp's state, {tokens} tokens; it makes room for 256 at once",
        )
    source = f"llama.cpp's state after {tokens} tokens, with the few bytes that describe it"
    return Measured(
        value=float(count), unit="bytes", n=1, interval=None, how="counted", source=source
    )
