"""A sequence classifier from a folder, and the probability of one of its labels."""

from __future__ import annotations

import math

from slmbench.errors import ModelError
from slmbench.schema.base import Absent
from slmbench.scorers.local_model import LocalModel


class LocalClassifier(LocalModel):
    """A sequence classifier whose outputs become probabilities, as its config declares them.

    ``problem_type: multi_label_classification``, and a single output, mean a sigmoid of each
    output; all else a softmax over them. A regression's output is no probability and is refused.
    """

    def __init__(self, folder: str, scorer: str, device: str = "cpu") -> None:
        """Load the classifier of ``folder`` and read the names of its labels."""
        super().__init__(folder, scorer, "AutoModelForSequenceClassification", device)
        kind = self.config.problem_type
        if kind == "regression":
            raise ModelError(
                f"'{folder}' was trained for regression: its output is no probability. "
                f"Give the scorer '{scorer}' a classifier."
            )
        self.sigmoid = kind == "multi_label_classification" or self.config.num_labels == 1
        self.labels = tuple(
            str(self.config.id2label[index]) for index in range(self.config.num_labels)
        )

    def probabilities(
        self, texts: list[str], pairs: list[str] | None, column: int, batch_size: int
    ) -> list[float | Absent]:
        """Return P(label ``column``) in [0, 1] of each text, or of each (text, pair)."""
        import torch

        lengths = [len(text) + len(pairs[i] if pairs else "") for i, text in enumerate(texts)]
        scores: list[float | Absent] = [Absent(reason="not scored")] * len(texts)
        for batch in self.batches(lengths, batch_size):
            inputs = self.inputs(
                [texts[index] for index in batch],
                None if pairs is None else [pairs[index] for index in batch],
            )
            with torch.inference_mode():
                logits = self.model(**inputs).logits.float()
            spread = logits.sigmoid() if self.sigmoid else logits.softmax(dim=-1)
            for index, value in zip(batch, spread[:, column].tolist(), strict=True):
                scores[index] = (
                    min(1.0, max(0.0, float(value)))
                    if math.isfinite(value)
                    else Absent(reason=f"'{self.name}' returned NaN for this text")
                )
        return scores
