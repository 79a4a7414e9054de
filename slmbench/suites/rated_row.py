"""An item whose text people may have rated."""

from __future__ import annotations

import math

from slmbench.suites.taskfile import ItemRow


class RatedRow(ItemRow):
    """An item whose text people may have rated.

    Attributes:
        human: the rating people gave it, on any scale; or that of each rater, null where one left
            it out, of which the mean is taken.
        document: what the text is about, the same for every text about it.
        system: who wrote the text.
    """

    human: float | tuple[float | None, ...] | None = None
    document: str | None = None
    system: str | None = None

    @property
    def ratings(self) -> tuple[float | None, ...]:
        """Return each rater's rating."""
        return self.human if isinstance(self.human, tuple) else (self.human,)

    @property
    def rating(self) -> float | None:
        """Return the mean rating, or None where nobody gave one."""
        given = [each for each in self.ratings if each is not None]
        return math.fsum(given) / len(given) if given else None
