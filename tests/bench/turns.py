"""Two programs that work by turns, token by token, each on a clock that stands while it waits.

The speed of a shared host drifts within seconds. What runs side by side within one token's time
meets the same host, and the ratio of the two says more in fewer rounds.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from greenlet import getcurrent, greenlet

from slmbench.units import clock as real_clock


class Turns:
    """Gives way to the other side at every look at the clock but a text's first."""

    def __init__(self) -> None:
        self._waited: dict[greenlet, float] = {}
        self._other: dict[greenlet, greenlet] = {}

    def clock(self) -> float:
        """Return seconds without those of the other side, after the other side had its turn."""
        own = getcurrent()
        if own not in self._other:
            return real_clock()
        first = own not in self._waited
        now = real_clock() - self._waited.setdefault(own, 0.0)
        other = self._other[own]
        if not first and not other.dead:
            before = real_clock()
            other.switch()
            self._waited[own] += real_clock() - before
        return now

    def run(self, first: Callable[[], Any], second: Callable[[], Any]) -> tuple[Any, Any]:
        """Return what both return; ``first`` has the first turn, and all before its first token.

        Each looks at this clock once when it starts and once after every token.
        """
        returned: dict[int, Any] = {}

        def side(number: int, work: Callable[[], Any]) -> greenlet:
            def whole() -> None:
                returned[number] = work()

            return greenlet(whole)

        sides = side(0, first), side(1, second)
        self._waited.clear()
        self._other = {sides[0]: sides[1], sides[1]: sides[0]}
        for each in sides:
            while not each.dead:
                each.switch()
        self._other = {}
        return returned[0], returned[1]

    def lend(self, *modules: ModuleType) -> None:
        """Let modules that measure with ``clock`` measure with this one."""
        for module in modules:
            module.clock = self.clock  # type: ignore[attr-defined]
