"""Score a text by its word n-gram precision against a reference (BLEU, Papineni et al. 2002)."""

from __future__ import annotations

from collections.abc import Sequence

from slmbench.errors import InputError, did_you_mean
from slmbench.ports import TextItem
from slmbench.schema.base import Absent

# Tokenizers of sacrebleu that work without a further package or a download.
_TOKENIZERS = ("13a", "intl", "char", "zh", "none")


class Bleu:
    """Sentence BLEU of sacrebleu with effective order, divided by 100.

    A task's ``bleu`` is the mean of these sentence scores, not corpus BLEU: the mean can be
    resampled and paired item by item, but it isn't the number of a translation paper. An empty
    output is a legitimate 0; a blank reference gives Absent.
    """

    metric = "bleu"
    higher_is_better = True

    def __init__(self, *, tokenize: str = "13a") -> None:
        """Prepare BLEU; ``tokenize='char'`` or ``'zh'`` suits scripts without spaces."""
        try:
            import sacrebleu
            from sacrebleu.metrics import BLEU
        except ImportError as error:
            raise InputError(
                "The scorer 'bleu' needs sacrebleu. Run: pip install 'slmbench[similarity]'"
            ) from error
        if tokenize not in _TOKENIZERS:
            raise InputError(
                f"bleu: unknown tokenize '{tokenize}'.{did_you_mean(tokenize, _TOKENIZERS)} "
                f"Known: {', '.join(_TOKENIZERS)}."
            )
        self._bleu = BLEU(effective_order=True, tokenize=tokenize)
        self.provenance = (
            f"sacrebleu-sentence-bleu@{sacrebleu.__version__}:tok={tokenize},eff=yes,smooth=exp"
        )

    def score(self, items: Sequence[TextItem]) -> list[float | Absent]:
        """Return sentence BLEU in [0, 1] for each item."""
        return [self._one(item) for item in items]

    def _one(self, item: TextItem) -> float | Absent:
        if item.reference is None:
            return Absent(reason="the item has no reference text")
        if not item.reference.strip():
            return Absent(reason="the reference is blank, so no overlap can be defined")
        score = self._bleu.sentence_score(item.output, [item.reference]).score
        # sacrebleu gives 100.00000000000004 for equal texts.
        return min(1.0, max(0.0, float(score) / 100.0))
