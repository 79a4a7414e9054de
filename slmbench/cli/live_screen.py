"""Draw a picture of text lines on a terminal again and again, and leave no trace of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event, Thread

from rich.console import Console, Group
from rich.control import Control
from rich.live import Live
from rich.segment import ControlType
from rich.text import Text

#: A job that measures time or energy shares the host with whoever draws, so it is drawn less.
_PAUSE_S, _CALM_PAUSE_S = 0.25, 1.0


class LiveScreen:
    """Draws at most four times a second, in a thread of its own, and erases itself at the end.

    Args:
        console: a terminal.
        lines: returns the picture for a width and a height; called from that thread.
        is_calm: says whether to draw only once a second.
    """

    def __init__(
        self,
        console: Console,
        lines: Callable[[int, int], Sequence[Text]],
        is_calm: Callable[[], bool],
    ) -> None:
        """Prepare; nothing is drawn yet."""
        self._console = console
        self._lines = lines
        self._is_calm = is_calm
        self._drawn: list[int] = []
        self._ending = Event()
        self._thread = Thread(target=self._loop, daemon=True)
        # stdout is for the results, which may go into a pipe: it is left alone.
        self._live = Live(
            get_renderable=self._picture, console=console, auto_refresh=False, transient=True,
            redirect_stdout=False, vertical_overflow="crop",
        )  # fmt: skip

    def start(self) -> None:
        """Begin to draw."""
        self._live.start(refresh=True)
        self._thread.start()

    def stop(self) -> None:
        """Erase the picture and give the cursor back."""
        self._ending.set()
        try:
            self._thread.join(timeout=2 * _CALM_PAUSE_S)
            self._erase_what_was_folded()
        finally:
            self._live.stop()

    def _loop(self) -> None:
        while not self._ending.wait(_CALM_PAUSE_S if self._is_calm() else _PAUSE_S):
            self._erase_what_was_folded()
            self._live.refresh()

    def _picture(self) -> Group:
        width, height = self._console.size
        lines = self._lines(width, height)
        self._drawn = [line.cell_len for line in lines]
        return Group(*lines)

    def _erase_what_was_folded(self) -> None:
        """After a terminal became narrower, erase the rows that its old lines were folded to.

        rich goes up by as many rows as it drew; a terminal that folds long lines has more of them.
        """
        width = max(1, self._console.size.width)
        folded = sum(max(0, (length - 1) // width) for length in self._drawn)
        if folded:
            up = ((ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1))
            self._console.control(Control(ControlType.CARRIAGE_RETURN, *(up * folded)))
            self._drawn = []
