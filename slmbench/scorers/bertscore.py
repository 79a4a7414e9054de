"""Score a text by matching its tokens' embeddings with a reference's (BERTScore, 1904.09675)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from slmbench.errors import InputError
from slmbench.ports import TextItem
from slmbench.schema.base import Absent
from slmbench.scorers.local_model import LocalModel
from slmbench.scorers.reference_pairs import answers_and_open_places

#: Tokenizers that mark a word's beginning by the space before it; bert-score adds the first one.
_SPACE_MARKERS = ("roberta", "gpt2")


class BertScore:
    """BERTScore F1 of Zhang et al. 2020 (eqs. 1-3) with any local encoder, in [0, 1].

    Each output token is matched with its nearest reference token by cosine (precision), each
    reference token with its nearest output token (recall); F1 is their harmonic mean. As in the
    authors' ``bert-score``, special tokens can be matched but carry no weight. There is no idf
    weighting and no rescaling with a baseline, so random pairs score far above 0 and only
    differences on one encoder and layer mean anything. Where precision or recall isn't positive
    the harmonic mean isn't defined: nothing matched, 0.

    Texts are cut to the model's positions. An output without a token gets 0, a reference without
    one Absent.
    """

    metric = "bertscore"
    higher_is_better = True

    def __init__(
        self, *, model: str, layer: int | None = None, device: str = "cpu", batch_size: int = 16
    ) -> None:
        """Load the encoder of the folder ``model``; ``layer`` 0 is its input embeddings.

        None takes the last layer. The paper's tables use a tuned one: 9 of bert-base-uncased, 17
        of roberta-large.

        Raises:
            InputError: the model has no such layer, or a package is missing.
            ModelError: the folder can't be used.
        """
        self._encoder = LocalModel(model, "bertscore", "AutoModel", device)
        layers = int(self._encoder.config.get_text_config().num_hidden_layers)
        if layer is not None and not 0 <= layer <= layers:
            raise InputError(
                f"bertscore: '{self._encoder.name}' has layers 0 to {layers}, not {layer}. Set "
                "scorers.bertscore_layer to one of them."
            )
        self._layer = layers if layer is None else layer
        self._batch_size = batch_size
        self._prefix = " " if self._encoder.config.model_type in _SPACE_MARKERS else ""
        self.provenance = (
            f"bertscore-{self._encoder.name}@{self._encoder.digest}:"
            f"layer={self._layer}of{layers},idf=no,rescaled=no"
        )

    @property
    def cut_count(self) -> int:
        """Return how many texts so far were longer than the model's positions."""
        return self._encoder.cut_count

    def score(self, items: Sequence[TextItem]) -> list[float | Absent]:
        """Return BERTScore F1 in [0, 1] for each item."""
        scores, asked = answers_and_open_places(items)
        pairs = [(items[index].output, items[index].reference or "") for index in asked]
        lengths = [len(output) + len(reference) for output, reference in pairs]
        for batch in self._encoder.batches(lengths, self._batch_size):
            found = self._match([pairs[place] for place in batch])
            for place, value in zip(batch, found, strict=True):
                scores[asked[place]] = value
        return scores

    def _match(self, pairs: list[tuple[str, str]]) -> list[float | Absent]:
        """Return F1 of each (output, reference), all of them embedded in one batch."""
        import torch

        texts = [self._prefix + text.strip() for pair in pairs for text in pair]
        inputs = self._encoder.inputs(texts, return_special_tokens_mask=True)
        special = inputs.pop("special_tokens_mask").bool()
        mask = inputs["attention_mask"].bool()
        with torch.inference_mode():
            vectors = self._states(inputs)
            vectors = vectors / vectors.norm(dim=-1, keepdim=True)
            parts = [
                (vectors[row][mask[row]], ~special[row][mask[row]]) for row in range(len(texts))
            ]
            return [_f1(*parts[row], *parts[row + 1]) for row in range(0, len(texts), 2)]

    def _states(self, inputs: Any) -> Any:
        """Return the chosen layer's vectors, texts x tokens x size; of T5's kin the encoder's."""
        body = self._encoder.model
        if self._encoder.config.is_encoder_decoder:
            body = body.get_encoder()
        return body(**inputs, output_hidden_states=True).hidden_states[self._layer].float()


def _f1(output: Any, output_words: Any, reference: Any, reference_words: Any) -> float | Absent:
    """Return the harmonic mean of precision and recall over the tokens that are no specials."""
    if not bool(reference_words.any()):
        return Absent(reason="the encoder's tokenizer sees no token in the reference")
    if not bool(output_words.any()):
        return 0.0
    cosines = output @ reference.T
    precision = float(cosines.max(dim=1).values[output_words].mean())
    recall = float(cosines.max(dim=0).values[reference_words].mean())
    if not math.isfinite(precision + recall):
        return Absent(reason="the encoder returned NaN for this text")
    if precision <= 0 or recall <= 0:
        return 0.0
    return min(1.0, 2 * precision * recall / (precision + recall))
