"""Calibration of a multiple-choice task of lm-eval's, from its samples' log-likelihoods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from slmbench.schema.base import Measurement
from slmbench.schema.record import Aggregation, Metric, Sample
from slmbench.stats.calibration import (
    Answers,
    brier,
    calibration,
    choice_probabilities,
    reliability,
)
from slmbench.stats.interval import measured

Row = dict[str, float | int | str]


def add_calibration(
    task: str, loaded: Any, documents: Sequence[Any], samples: Sequence[Sample], how: str
) -> tuple[list[Metric], list[Sample], list[Row]]:
    """Return calibration metrics, the samples with their ``brier`` score, and the curve's rows.

    Nothing is added to a task that doesn't choose one of several given answers, that has several
    right ones or a scoring of its own: there a share of the choices is no confidence.

    Args:
        task: its name, for the metrics and the rows.
        loaded: lm-eval's task object.
        documents: lm-eval's, in the order of the samples.
        samples: with a log-likelihood for each choice.
        how: who gave the log-likelihoods.
    """
    if not _has_one_gold_choice(loaded):
        return [], list(samples), []
    given = [_outcome(loaded, *each) for each in zip(documents, samples, strict=True)]
    scored = [each for each in given if each is not None]
    if not scored:
        return [], list(samples), []
    answers = Answers(
        confidence=np.array([probabilities.max() for probabilities, _ in scored]),
        correct=np.array([float(probabilities.argmax() == gold) for probabilities, gold in scored]),
    )
    clusters = [s.cluster for s, each in zip(samples, given, strict=True) if each is not None]
    marked = [_marked(sample, each) for sample, each in zip(samples, given, strict=True)]
    mean = Aggregation(kind="mean", score="brier")
    source = "sum of squared errors over the choices, from 0 to 2"
    value = measured(mean, marked, "", how, source=source, bounds=(0.0, 2.0))
    metrics = [_metric(task, "brier", value, mean)]
    for name, value in calibration(answers, clusters, how).items():
        metrics.append(_metric(task, name, value, Aggregation(kind="other")))
    return metrics, marked, [{"task": task, **row} for row in reliability(answers)]


def _metric(task: str, name: str, value: Measurement, aggregation: Aggregation) -> Metric:
    return Metric(
        suite="accuracy",
        task=task,
        metric=name,
        value=value,
        higher_is_better=name.startswith("selective_acc"),
        aggregation=aggregation,
    )


def _has_one_gold_choice(loaded: Any) -> bool:
    # Tasks written as classes lack these attributes, and score as they like.
    return (
        getattr(loaded, "OUTPUT_TYPE", None) == "multiple_choice"
        and not getattr(loaded, "multiple_target", True)
        and not callable(loaded.config.process_results)
    )


def _outcome(loaded: Any, document: Any, sample: Sample) -> tuple[np.ndarray, int] | None:
    """Return the choices' probabilities and the right one; None where the item names none."""
    choices = loaded.doc_to_choice(document)
    # Where the contexts are the choices, lm-eval keeps the right one's number in their place.
    gold = (loaded.doc_to_text if loaded.multiple_input else loaded.doc_to_target)(document)
    if isinstance(gold, str):
        gold = choices.index(gold) if gold in choices else -1
    # A task that also asks without the context appends those log-likelihoods to the others.
    loglikelihoods = sample.loglikelihoods[: len(choices)]
    if not isinstance(gold, int) or not 0 <= gold < len(loglikelihoods) == len(choices):
        return None
    return choice_probabilities(loglikelihoods), gold


def _marked(sample: Sample, outcome: tuple[np.ndarray, int] | None) -> Sample:
    if outcome is None:
        unscored = {**sample.unscored, "brier": "the item names no right choice"}
        return sample.model_copy(update={"unscored": unscored})
    return sample.model_copy(update={"scores": {**sample.scores, "brier": brier(*outcome)}})
