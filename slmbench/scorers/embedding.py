"""Score a text by the cosine of its sentence embedding with a reference's or its prompt's."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from slmbench.errors import InputError, ModelError
from slmbench.ports import TextItem
from slmbench.schema.base import Absent
from slmbench.scorers.local_model import (
    OTHER_RUNTIMES,
    PICKLES,
    encodable,
    first_line,
    hash_folder,
)
from slmbench.scorers.mean_pooled import MeanPooled


class Encoder(Protocol):
    """What gives a text a vector, and who that is."""

    provenance: str

    @property
    def cut_count(self) -> int:
        """Return how many texts so far were longer than it reads."""
        ...

    def vectors(self, texts: list[str], batch_size: int) -> Any:
        """Return one unit-length float vector for each text, texts x size."""
        ...


class SentenceEncoder:
    """A sentence-transformers model and the id, version and file hash it is known by."""

    def __init__(self, model: str, device: str) -> None:
        try:
            import sentence_transformers
        except ImportError as error:
            raise InputError(
                "Embedding scorers need sentence-transformers. "
                "Run: pip install 'slmbench[similarity]'"
            ) from error
        folder = Path(model)
        local = folder.is_dir()
        if local:
            _refuse_pickles(folder)
        try:
            self._model = sentence_transformers.SentenceTransformer(
                model,
                device=device,
                local_files_only=local,
                model_kwargs={"use_safetensors": True},
            )
        except (OSError, ValueError, RuntimeError, KeyError, ImportError) as error:
            raise ModelError(
                f"The embedding model '{model}' can't be loaded: {first_line(error)} "
                "Give the folder of a sentence-transformers model, or an id that can be reached."
            ) from error
        digest = hash_folder(folder if local else _snapshot(model))
        self.cut_count = 0
        version = sentence_transformers.__version__
        name = folder.resolve().name if local else model
        self.provenance = f"sentence-transformers@{version}:{name}@{digest[:12]}"

    def vectors(self, texts: list[str], batch_size: int) -> Any:
        """Return one unit-length float vector for each text."""
        readable = [encodable(text) for text in texts]
        self.cut_count += self._count_cut(readable)
        return self._model.encode(
            readable,
            batch_size=batch_size,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )

    def _count_cut(self, texts: list[str]) -> int:
        """Return how many texts have more tokens than the model reads; 0 where it has no limit."""
        most, tokenizer = self._model.max_seq_length, self._model.tokenizer
        if most is None or not hasattr(tokenizer, "model_max_length"):
            return 0
        rows = tokenizer(texts, truncation=False, verbose=False)["input_ids"]
        return sum(len(row) > most for row in rows)


@lru_cache(maxsize=1)
def encoder_of(model: str, device: str) -> Encoder:
    """Share one copy of the weights among the scorers of a run.

    A folder of sentence-transformers says how it pools; of any other model's it is the mean.

    Raises:
        InputError: a package is missing.
        ModelError: the model can't be loaded, or holds only pickles.
    """
    folder = Path(model)
    if folder.is_dir() and not (folder / "modules.json").is_file():
        return MeanPooled(model, device)
    return SentenceEncoder(model, device)


def _refuse_pickles(folder: Path) -> None:
    """Refuse weights, of any of a model's parts, that are only there as pickles.

    OpenVINO's ``.bin`` is none, and is not read here.
    """
    for pattern in PICKLES:
        for path in sorted(folder.rglob(pattern)):
            other = OTHER_RUNTIMES.intersection(path.relative_to(folder).parts)
            if not other and not any(path.parent.glob("*.safetensors")):
                raise ModelError(
                    f"'{path}' is a pickle, which can run code when loaded, so slmbench refuses "
                    "it. Save the model again with SentenceTransformer(FOLDER).save(NEW_FOLDER)."
                )


def _cosines(
    encoder: Encoder, pairs: Sequence[tuple[str, str | None]], missing: str, batch_size: int
) -> list[float | Absent]:
    """Return the clipped cosine of each (output, other) pair; ``missing`` names the other text."""
    scores: list[float | Absent] = []
    wanted: list[int] = []
    for output, other in pairs:
        if other is None or not other.strip():
            scores.append(Absent(reason=f"the item has no {missing} text"))
        else:
            if output.strip():
                wanted.append(len(scores))
            scores.append(0.0)
    # Each text once: a retriever asks for every question with every passage.
    texts = list(dict.fromkeys(text or "" for index in wanted for text in pairs[index]))
    if not texts:
        return scores
    vectors = dict(zip(texts, encoder.vectors(texts, batch_size), strict=True))
    for index in wanted:
        output, other = pairs[index]
        cosine = float((vectors[output] * vectors[other or ""]).sum())
        if cosine != cosine:
            scores[index] = Absent(reason="the embedding model returned NaN for this text")
        else:
            scores[index] = min(1.0, max(-1.0, cosine))
    return scores


class EmbeddingCosine:
    """Cosine of (output, reference) embeddings, clipped to [-1, 1].

    An output without a visible character gets 0: the vector that a model gives to an empty text
    is made of its special tokens and says nothing about content. A blank reference gives Absent.
    """

    metric = "embedding_cosine"
    higher_is_better = True

    def __init__(self, *, model: str, device: str = "cpu", batch_size: int = 32) -> None:
        """Load a local folder, or the hub id of a sentence-transformers model; see `encoder_of`."""
        self._encoder = encoder_of(model, device)
        self._batch_size = batch_size
        #: Texts so far that were longer than the encoder reads, each once a call.
        self.cut_count = 0
        self.provenance = self._encoder.provenance

    def score(self, items: Sequence[TextItem]) -> list[float | Absent]:
        """Return the cosine in [-1, 1] for each item."""
        pairs = [(item.output, item.reference) for item in items]
        before = self._encoder.cut_count
        scores = _cosines(self._encoder, pairs, "reference", self._batch_size)
        self.cut_count += self._encoder.cut_count - before
        return scores


class SimilarityToPrompt:
    """How much an output has to do with its prompt; toxicity means little without it.

    With an embedding model it is the cosine of (output, prompt), as in 2401.08491; without one it
    is chrF against the prompt, a surface overlap on another scale. The provenance tells them
    apart. Neither end is good in itself: near 0 is off-topic, near 1 repeats the prompt.
    """

    metric = "similarity_to_prompt"
    higher_is_better = True

    def __init__(
        self, *, model: str | None = None, device: str = "cpu", batch_size: int = 32
    ) -> None:
        """Prepare the cosine where ``model`` is given, else the chrF fallback."""
        self._encoder = None if model is None else encoder_of(model, device)
        self._batch_size = batch_size
        #: Texts so far that were longer than the encoder reads, each once a call.
        self.cut_count = 0
        if self._encoder is not None:
            self.provenance = self._encoder.provenance
            return
        try:
            import sacrebleu
            from sacrebleu.metrics import CHRF
        except ImportError as error:
            raise InputError(
                "The scorer 'similarity_to_prompt' needs sacrebleu, or an embedding model. "
                "Run: pip install 'slmbench[similarity]'"
            ) from error
        self._chrf = CHRF()
        self.provenance = f"sacrebleu-chrf@{sacrebleu.__version__}:nc=6,nw=0,against=prompt"

    def score(self, items: Sequence[TextItem]) -> list[float | Absent]:
        """Return the similarity for each item, in [-1, 1] (cosine) or [0, 1] (chrF)."""
        if self._encoder is not None:
            pairs = [(item.output, item.prompt) for item in items]
            before = self._encoder.cut_count
            scores = _cosines(self._encoder, pairs, "prompt", self._batch_size)
            self.cut_count += self._encoder.cut_count - before
            return scores
        return [self._overlap(item) for item in items]

    def _overlap(self, item: TextItem) -> float | Absent:
        if item.prompt is None or not item.prompt.strip():
            return Absent(reason="the item has no prompt text")
        score = self._chrf.sentence_score(item.output, [item.prompt]).score
        return min(1.0, max(0.0, float(score) / 100.0))


def _snapshot(model: str) -> Path:
    """Return the folder of a hub model that was just loaded."""
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(model, local_files_only=True))
