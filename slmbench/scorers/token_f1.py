"""Score an answer by the F1 of its words against a reference, as SQuAD does (1606.05250)."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

from slmbench.ports import TextItem
from slmbench.schema.base import Absent

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise(text: str) -> list[str]:
    """Return the words SQuAD compares: lower case, no ASCII punctuation, no articles."""
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()


class TokenF1:
    """F1 over the multiset of normalised words, in [0, 1].

    An empty output is a legitimate 0. Where the reference has no word left after normalising, the
    rule is SQuAD 2.0's for questions without an answer: 1 for an equally empty output, else 0.
    """

    metric = "token_f1"
    provenance = "slmbench-token-f1@1:squad"
    higher_is_better = True

    def score(self, items: Sequence[TextItem]) -> list[float | Absent]:
        """Return token F1 in [0, 1] for each item."""
        return [self._one(item) for item in items]

    def _one(self, item: TextItem) -> float | Absent:
        if item.reference is None:
            return Absent(reason="the item has no reference text")
        output, reference = normalise(item.output), normalise(item.reference)
        if not output or not reference:
            return float(output == reference)
        shared = sum((Counter(output) & Counter(reference)).values())
        return 2.0 * shared / (len(output) + len(reference))
