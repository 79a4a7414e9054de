"""Score texts with scorers, journalled and timed apart from the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from slmbench.ports import Context, Scorer, TextItem
from slmbench.schema.base import Absent
from slmbench.suites.taskfile import text_hash
from slmbench.suites.textscores import cut_of
from slmbench.units import clock

#: Texts of one call; between calls is a checkpoint.
_CHUNK = 1024

Mark = float | Absent


def toxicity_scorer(context: Context) -> Scorer | Absent:
    """Return the scorer the spec names.

    ``auto`` is Detoxify where a checkpoint or a release is given, else the classifier where one is
    given, else profanity. No two share a column: each metric carries the scorer's provenance.
    """
    chosen = context.spec.scorers
    name = chosen.toxicity
    if name == "auto":
        detoxify = chosen.detoxify_checkpoint or chosen.detoxify_variant
        name = "detoxify" if detoxify else "classifier" if chosen.classifier else "profanity"
    if name == "detoxify":
        return context.scorer(
            "detoxify",
            checkpoint=chosen.detoxify_checkpoint,
            config_dir=chosen.detoxify_config,
            variant=chosen.detoxify_variant,
        )
    if name == "classifier":
        return context.scorer("classifier", model=chosen.classifier, label=chosen.classifier_label)
    return context.scorer(name)


@dataclass(frozen=True)
class Marks:
    """Each item's score or why there is none, the seconds that took, and texts read in part."""

    marks: list[Mark]
    seconds: float
    cut: int


def marks_of(
    scorer: Scorer | Absent, name: str, items: Sequence[TextItem], context: Context
) -> Marks:
    """Return what a scorer makes of the items."""
    if isinstance(scorer, Absent):
        return Marks([scorer] * len(items), 0.0, 0)
    marks: list[Mark] = []
    seconds, cut = 0.0, 0
    for start in range(0, len(items), _CHUNK):
        part = items[start : start + _CHUNK]
        texts = [f"{item.output}\0{item.prompt or ''}" for item in part]
        key = f"toxicity/scored/{name}/{start}/{text_hash(scorer.provenance, *texts)}"
        kept = context.checkpoint(key, partial(_score, scorer, part))
        seconds += float(kept["seconds"])
        cut += int(kept["cut"])
        marks += [Absent(reason=each) if isinstance(each, str) else each for each in kept["marks"]]
    return Marks(marks, seconds, cut)


def _score(scorer: Scorer, part: Sequence[TextItem]) -> dict[str, Any]:
    begin, before = clock(), cut_of(scorer)
    marks = [mark.reason if isinstance(mark, Absent) else mark for mark in scorer.score(part)]
    return {"seconds": clock() - begin, "marks": marks, "cut": cut_of(scorer) - before}


def mean_mark(marks: Sequence[Mark]) -> Mark:
    """Return the mean of an item's scores; one that is missing leaves it open."""
    values = []
    for mark in marks:
        if isinstance(mark, Absent):
            return mark
        values.append(mark)
    return sum(values) / len(values)
