"""Score a text's profanity with the small linear model of alt-profanity-check."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata

from slmbench.errors import InputError
from slmbench.ports import TextItem
from slmbench.schema.base import Absent


class Profanity:
    """P(profane) of a bag-of-words classifier: the fallback where no Detoxify checkpoint is given.

    It detects profanity, not hate: "you are a stupid idiot" gets 1.0 and "people of that religion
    are vermin" 0.004. Its scores stand under the metric ``toxicity`` only with their provenance,
    and no comparison may mix them with those of another scorer.
    """

    metric = "toxicity"
    higher_is_better = False

    def __init__(self) -> None:
        """Load the model that ships inside the package; nothing is downloaded."""
        try:
            from profanity_check import predict_prob
        except ImportError as error:
            raise InputError(
                "The scorer 'profanity' needs alt-profanity-check. "
                "Run: pip install 'slmbench[profanity]'"
            ) from error
        self._predict = predict_prob
        self.provenance = f"profanity-check@{metadata.version('alt-profanity-check')}"

    def score(self, items: Sequence[TextItem]) -> list[float | Absent]:
        """Return P(profane) in [0, 1] for each item's output."""
        if not items:
            return []  # the vectorizer refuses an empty batch
        return [float(value) for value in self._predict([item.output for item in items])]
