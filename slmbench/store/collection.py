"""Hold the garbage collector still while many records are made at once."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collection() -> Iterator[None]:
    """Pause the search for cycles: what is read has none, and a search looks at all of it.

    Each run is thousands of objects that stay. Python's collector goes over all of them again and
    again as more come, which takes half of the time that 1,000 runs take. What is freed by counting
    references is freed as ever.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
