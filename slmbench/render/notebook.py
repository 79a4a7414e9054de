"""Show a self-contained page inside a notebook, in a frame that can reach nothing around it."""

from __future__ import annotations

import html
from dataclasses import dataclass

#: The page's own code may run and offer a download; it has no origin, so it can't read the
#: notebook, its cookies or its files.
_SANDBOX = "allow-scripts allow-downloads"


@dataclass(frozen=True)
class InlinePage:
    """A page that a notebook renders where it is the value of a cell.

    Attributes:
        page: the whole page; it needs no network.
        title: what a screen reader is told of the frame.
        height_px: the height of the frame.
    """

    page: str
    title: str
    height_px: int = 760

    def _repr_html_(self) -> str:
        """Return the frame with the page in it, as notebooks ask for it."""
        return (
            f'<iframe title="{html.escape(self.title)}" sandbox="{_SANDBOX}" '
            f'style="width: 100%; height: {self.height_px:d}px; border: 0" '
            f'srcdoc="{html.escape(self.page)}"></iframe>'
        )

    def __repr__(self) -> str:
        """Return a line instead of the whole page."""
        return f"<{self.title}: a page of {len(self.page):,} characters>"
