"""Score how varied the continuations of one prompt are (distinct-n, Li et al. 2016, 1510.03055)."""

from __future__ import annotations

from collections.abc import Sequence

from slmbench.errors import InputError
from slmbench.ports import TextItem
from slmbench.schema.base import Absent


class Distinct:
    """Distinct n-grams / all n-grams, pooled over an item's siblings.

    Words are what whitespace separates, case kept. The siblings already hold the item's own
    output; an item without siblings is taken as its only continuation. The ratio falls with the
    amount of text, so compare only runs with the same number of continuations and token limit.
    Texts too short for a single n-gram give Absent: they are not "not varied".
    """

    higher_is_better = True

    def __init__(self, *, n: int = 2) -> None:
        """Prepare distinct-n for n-grams of ``n`` words."""
        if n < 1:
            raise InputError(f"distinct: n={n} must be 1 or more.")
        self.n = n
        self.metric = f"dist_{n}"
        self.provenance = f"slmbench-distinct@1:n={n},words=whitespace"

    def score(self, items: Sequence[TextItem]) -> list[float | Absent]:
        """Return distinct-n in (0, 1] for each item."""
        return [self._one(item) for item in items]

    def _one(self, item: TextItem) -> float | Absent:
        seen: set[tuple[str, ...]] = set()
        total = 0
        for text in item.siblings or (item.output,):
            words = text.split()
            grams = list(zip(*(words[start:] for start in range(self.n)), strict=False))
            seen.update(grams)
            total += len(grams)
        if total == 0:
            return Absent(reason=f"no continuation has {self.n} word(s), so there is no n-gram")
        return len(seen) / total


class Distinct1(Distinct):
    """distinct-1 for a catalogue entry, which names a class without options."""

    def __init__(self) -> None:
        """Prepare distinct words."""
        super().__init__(n=1)


class Distinct2(Distinct):
    """distinct-2 for a catalogue entry, which names a class without options."""

    def __init__(self) -> None:
        """Prepare distinct word pairs."""
        super().__init__(n=2)


class Distinct3(Distinct):
    """distinct-3 for a catalogue entry, which names a class without options."""

    def __init__(self) -> None:
        """Prepare distinct word triples."""
        super().__init__(n=3)
