"""Score whether a text follows from its reference, or the reference from it, with an NLI model."""

from __future__ import annotations

from collections.abc import Sequence

from slmbench.errors import InputError, ModelError, did_you_mean
from slmbench.ports import TextItem
from slmbench.schema.base import Absent
from slmbench.scorers.local_classifier import LocalClassifier
from slmbench.scorers.reference_pairs import answers_and_open_places

_DIRECTIONS = ("output_from_reference", "reference_from_output", "both")


class Entailment:
    """P(entailment) of a local natural-language-inference classifier, in [0, 1].

    ``output_from_reference``, the default, takes the reference as premise and the output as
    hypothesis: is all that the model says borne out? It asks for no completeness: an output that
    says little follows easily. ``reference_from_output`` asks whether the output says all that
    the reference says. ``both`` is the smaller of the two: near 1 only for texts that mean the
    same. A pair that is too long loses the end of its longer text. An output without a visible
    character gets 0, for it says nothing that could follow; a blank reference gives Absent.
    """

    metric = "entailment"
    higher_is_better = True

    def __init__(
        self,
        *,
        model: str,
        label: str | None = None,
        direction: str = "output_from_reference",
        device: str = "cpu",
        batch_size: int = 16,
    ) -> None:
        """Load the folder ``model``; None takes the one label whose name begins with "entail".

        Raises:
            InputError: an unknown direction, or a package is missing.
            ModelError: the folder can't be used, or no label of the model fits.
        """
        if direction not in _DIRECTIONS:
            raise InputError(
                f"entailment: unknown direction '{direction}'."
                f"{did_you_mean(direction, _DIRECTIONS)} Known: {', '.join(_DIRECTIONS)}."
            )
        self._classifier = LocalClassifier(model, "entailment", device)
        self._column = _column(self._classifier, label)
        self._direction = direction
        self._batch_size = batch_size
        self.provenance = (
            f"nli-{self._classifier.name}@{self._classifier.digest}:"
            f"label={self._classifier.labels[self._column]},{direction}"
        )

    @property
    def cut_count(self) -> int:
        """Return how many pairs so far were longer than the model's positions."""
        return self._classifier.cut_count

    def score(self, items: Sequence[TextItem]) -> list[float | Absent]:
        """Return P(entailment) in [0, 1] for each item."""
        scores, asked = answers_and_open_places(items)
        outputs = [items[index].output for index in asked]
        references = [items[index].reference or "" for index in asked]
        rounds: list[list[float | Absent]] = []
        if self._direction != "reference_from_output":
            rounds.append(self._probabilities(references, outputs))
        if self._direction != "output_from_reference":
            rounds.append(self._probabilities(outputs, references))
        for index, values in zip(asked, zip(*rounds, strict=True), strict=True):
            scores[index] = _least(values)
        return scores

    def _probabilities(self, premises: list[str], hypotheses: list[str]) -> list[float | Absent]:
        return self._classifier.probabilities(premises, hypotheses, self._column, self._batch_size)


def _least(values: Sequence[float | Absent]) -> float | Absent:
    """Return the smallest value, or why one of them is missing."""
    numbers = [value for value in values if not isinstance(value, Absent)]
    missing = next((value for value in values if isinstance(value, Absent)), None)
    return missing or min(numbers)


def _column(classifier: LocalClassifier, label: str | None) -> int:
    """Return the place of the label "entailment" among the model's outputs."""
    known = [name.lower() for name in classifier.labels]
    if label is None:
        fitting = [index for index, name in enumerate(known) if name.startswith("entail")]
    else:
        fitting = [index for index, name in enumerate(known) if name == label.lower()]
    if len(fitting) == 1:
        return fitting[0]
    asked = (
        "has no single label that begins with 'entail'" if label is None else f"has no '{label}'"
    )
    raise ModelError(
        f"'{classifier.name}' {asked}.{did_you_mean(label or '', classifier.labels)} "
        f"Its labels: {', '.join(classifier.labels)}. Name one with scorers.nli_label."
    )
