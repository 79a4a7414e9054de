"""Score texts with ragas' metrics that need no judge: string, overlap and semantic similarity.

Two are left out: its BLEU pairs the sentences of two texts in order, as if they were a corpus, and
gives half an answer full marks; its ROUGE-L takes gigabytes for long texts (``rouge_l`` doesn't).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import Any

from slmbench.errors import InputError, did_you_mean
from slmbench.ports import TextItem
from slmbench.schema.base import Absent
from slmbench.scorers.embedding import encoder_of
from slmbench.scorers.ragas_import import import_ragas
from slmbench.scorers.reference_pairs import answers_and_open_places

_DISTANCES = ("levenshtein", "hamming", "jaro", "jaro_winkler")


class RagasString:
    """ragas' NonLLMStringSimilarity, 1 - the normalised distance of two strings, in [0, 1].

    An empty output is a legitimate 0; a blank reference gives Absent.
    """

    metric = "ragas_string"
    higher_is_better = True

    def __init__(self, *, distance: str = "levenshtein") -> None:
        """Prepare the metric with ``levenshtein``, ``hamming``, ``jaro`` or ``jaro_winkler``.

        Raises:
            InputError: an unknown distance, or ragas or rapidfuzz can't be imported.
        """
        if distance not in _DISTANCES:
            raise InputError(
                f"ragas_string: unknown distance '{distance}'."
                f"{did_you_mean(distance, _DISTANCES)} Known: {', '.join(_DISTANCES)}."
            )
        ragas = import_ragas()
        from ragas.metrics.collections import DistanceMeasure, NonLLMStringSimilarity

        try:
            self._metric = NonLLMStringSimilarity(distance_measure=DistanceMeasure(distance))
        except ImportError as error:
            raise InputError(
                "The scorer 'ragas_string' needs rapidfuzz. Run: pip install 'slmbench[similarity]'"
            ) from error
        self.provenance = f"ragas-string-similarity@{ragas.__version__}:{distance}"

    def score(self, items: Sequence[TextItem]) -> list[float | Absent]:
        """Return the similarity in [0, 1] for each item."""
        return _scores(self._metric, items, low=0.0)


class _Plain:
    """A metric of ragas' without settings; an empty output is 0, a blank reference Absent."""

    metric: str
    higher_is_better = True
    #: Its class in ragas, and the module that it imports when it scores.
    _ragas: tuple[str, str]

    def __init__(self) -> None:
        ragas = import_ragas()
        from ragas.metrics import collections

        name, needed = self._ragas
        if find_spec(needed) is None:
            raise InputError(
                f"The scorer '{self.metric}' needs {needed}. "
                "Run: pip install 'slmbench[similarity]'"
            )
        self._metric = getattr(collections, name)()
        self.provenance = f"{self.metric.replace('_', '-')}@{ragas.__version__}"

    def score(self, items: Sequence[TextItem]) -> list[float | Absent]:
        """Return the score in [0, 1] of each item."""
        return _scores(self._metric, items, low=0.0)


class RagasChrf(_Plain):
    """ragas' CHRFScore: character n-gram F, by sacrebleu."""

    metric = "ragas_chrf"
    _ragas = ("CHRFScore", "sacrebleu")


class RagasExactMatch(_Plain):
    """ragas' ExactMatch: 1 where two texts are the same to the letter."""

    metric = "ragas_exact_match"
    _ragas = ("ExactMatch", "ragas")


class RagasStringPresence(_Plain):
    """ragas' StringPresence: 1 where the reference stands in the text."""

    metric = "ragas_string_presence"
    _ragas = ("StringPresence", "ragas")


class RagasSemantic:
    """ragas' SemanticSimilarity: the cosine of two texts' embeddings, clipped to [-1, 1].

    ragas leaves values such as 1.0000000000000002 as they are. An output without a visible
    character gets 0, as under `embedding_cosine`; a blank reference gives Absent.
    """

    metric = "ragas_semantic"
    higher_is_better = True

    def __init__(self, *, model: str, device: str = "cpu", batch_size: int = 32) -> None:
        """Load a local sentence-transformers folder, or a hub id.

        Raises:
            InputError: ragas or sentence-transformers can't be imported.
            ModelError: the encoder can't be loaded.
        """
        ragas = import_ragas()
        from ragas.embeddings.base import BaseRagasEmbedding
        from ragas.metrics.collections import SemanticSimilarity

        encoder = encoder_of(model, device)
        known: dict[str, Any] = {}

        class Known(BaseRagasEmbedding):  # type: ignore[misc]
            """Hand ragas the vectors that were made in one batch."""

            def embed_text(self, text: str, **kwargs: Any) -> Any:
                return known[text]

            async def aembed_text(self, text: str, **kwargs: Any) -> Any:
                return known[text]

        self._encoder, self._known, self._batch_size = encoder, known, batch_size
        self._metric = SemanticSimilarity(embeddings=Known())
        #: Texts so far that were longer than the encoder reads, each once a call.
        self.cut_count = 0
        self.provenance = f"ragas-semantic-similarity@{ragas.__version__}:{encoder.provenance}"

    def score(self, items: Sequence[TextItem]) -> list[float | Absent]:
        """Return the cosine in [-1, 1] for each item."""
        texts = sorted({text for item in items for text in (item.output, item.reference) if text})
        before = self._encoder.cut_count
        if texts:
            vectors = self._encoder.vectors(texts, self._batch_size)
            self.cut_count += self._encoder.cut_count - before
            self._known.update(zip(texts, vectors, strict=True))
        try:
            return _scores(self._metric, items, low=-1.0)
        finally:
            self._known.clear()


def _scores(metric: Any, items: Sequence[TextItem], low: float) -> list[float | Absent]:
    """Ask ragas for all items that can be scored, and clip what it answers to [low, 1]."""
    scores, asked = answers_and_open_places(items)
    if not asked:
        return scores
    wanted = [
        {"reference": items[index].reference, "response": items[index].output} for index in asked
    ]
    # ragas starts an event loop, which it can't where one runs already, as in a notebook.
    with ThreadPoolExecutor(max_workers=1) as thread:
        found = thread.submit(lambda: asyncio.run(metric.abatch_score(wanted))).result()
    for index, result in zip(asked, found, strict=True):
        value = float(result.value)
        scores[index] = (
            min(1.0, max(low, value))
            if math.isfinite(value)
            else Absent(reason="ragas returned no number for this text")
        )
    return scores
