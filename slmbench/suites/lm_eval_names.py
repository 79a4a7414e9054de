"""How lm-eval's metrics, filters and samples are named in our records, run here or imported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from slmbench.schema.record import Aggregation

#: lm-eval's aggregations whose items score (log-likelihood, weight).
WEIGHTED = ("weighted_perplexity", "bits_per_byte")
_WEIGHT_NAMES = {"word_perplexity": "words", "byte_perplexity": "bytes", "bits_per_byte": "bytes"}


def shown_name(name: str, filter_name: str, filters: Sequence[str]) -> str:
    """Return a metric's name in a record: ``acc``, or with several filters ``acc,FILTER``."""
    return name if len(filters) == 1 else f"{name},{filter_name}"


def aggregation_of(rule: str, name: str, shown: str) -> Aggregation:
    """Return how a metric follows from its samples, by the name of lm-eval's aggregation."""
    if rule in WEIGHTED:
        kind: Any = rule
        return Aggregation(kind=kind, score="loglikelihood", weight=weight_name(name))
    if rule in ("mean", "perplexity"):
        return Aggregation(kind="mean" if rule == "mean" else "perplexity", score=shown)
    return Aggregation(kind="other", score=shown)


def weight_name(name: str) -> str:
    """Return the score under which a weighted metric's weight stands: ``words``, ``bytes``."""
    return _WEIGHT_NAMES.get(name.split(",")[0], f"{name}_weight")


def unit_of(name: str) -> str:
    """Return the unit of a metric of lm-eval."""
    return "bits" if name == "bits_per_byte" else ""


def answer_of(loglikelihoods: Sequence[float], choices: Sequence[Any], filtered: Any) -> str | None:
    """Return what the model answered: its likeliest choice, or its text."""
    if loglikelihoods and len(loglikelihoods) == len(choices):
        return str(choices[max(range(len(choices)), key=lambda i: loglikelihoods[i])])
    texts = [each for each in filtered if isinstance(each, str)]
    return texts[0] if texts else None
