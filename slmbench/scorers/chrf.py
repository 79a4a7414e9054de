"""Score a text by its character n-gram overlap with a reference (chrF, Popovic 2015)."""

from __future__ import annotations

from collections.abc import Sequence

from slmbench.errors import InputError
from slmbench.ports import TextItem
from slmbench.schema.base import Absent


class ChrF:
    """Sentence chrF of sacrebleu, divided by 100 so that 1 is a perfect match.

    It needs no tokenizer, so it is the overlap metric to use for any script. An empty output is a
    legitimate 0: the model wrote nothing that overlaps. A reference without a visible character
    has nothing to overlap with and gives Absent.
    """

    metric = "chrf"
    higher_is_better = True

    def __init__(self, *, word_order: int = 0) -> None:
        """Prepare chrF (``word_order=0``) or chrF++ (``word_order=2``)."""
        try:
            import sacrebleu
            from sacrebleu.metrics import CHRF
        except ImportError as error:
            raise InputError(
                "The scorer 'chrf' needs sacrebleu. Run: pip install 'slmbench[similarity]'"
            ) from error
        if word_order < 0:
            raise InputError(f"chrf: word_order={word_order} is negative. Give 0 (chrF) or 2.")
        self._chrf = CHRF(word_order=word_order)
        self.provenance = f"sacrebleu-chrf@{sacrebleu.__version__}:nc=6,nw={word_order}"

    def score(self, items: Sequence[TextItem]) -> list[float | Absent]:
        """Return chrF in [0, 1] for each item."""
        return [self._one(item) for item in items]

    def _one(self, item: TextItem) -> float | Absent:
        if item.reference is None:
            return Absent(reason="the item has no reference text")
        if not item.reference.strip():
            return Absent(reason="the reference is blank, so no overlap can be defined")
        score = self._chrf.sentence_score(item.output, [item.reference]).score
        return min(1.0, max(0.0, float(score) / 100.0))
