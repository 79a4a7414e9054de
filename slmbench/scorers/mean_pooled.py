"""Sentence vectors of any local transformers model: the mean of its last layer over a text."""

from __future__ import annotations

from typing import Any

from slmbench.scorers.local_model import LocalModel


class MeanPooled:
    """An encoder, or a decoder, whose tokens' last states are averaged (Sentence-BERT, 1908.10084).

    Special tokens count, as in sentence-transformers' mean pooling; padding doesn't.
    """

    def __init__(self, model: str, device: str) -> None:
        """Load the folder ``model``; see `LocalModel` for what is refused."""
        self._model = LocalModel(model, "embedding_cosine", "AutoModel", device)
        import transformers  # LocalModel says what to install where it is missing

        self.provenance = (
            f"transformers@{transformers.__version__}:{self._model.name}@{self._model.digest}:"
            "mean-pooled"
        )

    @property
    def cut_count(self) -> int:
        """Return how many texts so far were longer than the model's positions."""
        return self._model.cut_count

    def vectors(self, texts: list[str], batch_size: int) -> Any:
        """Return one unit-length float vector for each text, texts x size; a row of NaN if none."""
        import numpy as np
        import torch

        found: list[Any] = [None] * len(texts)
        for batch in self._model.batches([len(text) for text in texts], batch_size):
            inputs = self._model.inputs([texts[place] for place in batch])
            with torch.inference_mode():
                states = self._states(inputs)
                seen = inputs["attention_mask"][..., None].to(states.dtype)
                means = (states * seen).sum(dim=1) / seen.sum(dim=1)
                unit = means / means.norm(dim=-1, keepdim=True)
            for place, vector in zip(batch, unit.cpu().numpy(), strict=True):
                found[place] = vector
        return np.stack(found)

    def _states(self, inputs: Any) -> Any:
        body = self._model.model
        if self._model.config.is_encoder_decoder:
            body = body.get_encoder()
        return body(**inputs).last_hidden_state.float()
