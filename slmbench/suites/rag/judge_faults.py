"""Does a judge's score of an answer hold when it is asked again, or the passages are turned round?

Some of the judged answers are judged twice more: with their passages in reverse order, which says
the same of an answer, and by replies that are drawn and not the likeliest. What moves is the
judge's own fault, and stands beside its scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from slmbench.ports import Context, Scorer, TextItem
from slmbench.schema.base import Absent
from slmbench.suites.taskfile import text_hash
from slmbench.suites.textscores import Column, ScoreSheet

#: Metrics that the order of the passages should not move; the others rank or don't read them.
ORDERLESS = ("faithfulness", "context_recall", "context_relevancy")
#: Temperature of the second reply.
DRAWN_AT = 0.7
_ONE_PASSAGE = "no answer was judged from two passages, so there is no order to turn"
_UNREADABLE = "no second reply could be read"


def turned(items: Sequence[TextItem]) -> list[TextItem]:
    """Return the items with their passages in reverse order."""
    return [replace(item, contexts=tuple(reversed(item.contexts))) for item in items]


def faults_into(
    sheets: Sequence[ScoreSheet],
    items: Sequence[TextItem],
    scorers: dict[str, Scorer],
    drawn: dict[str, Scorer],
    context: Context,
) -> list[Column]:
    """Put ``position_bias`` and ``repeat_consistency`` of each item into its sheet.

    Both are means over the judged metrics of an item that could be read twice: of how far a score
    moves when the passages are turned round (0 is none, 1 the whole scale), and of how near a drawn
    reply's score is to the likeliest reply's (1 is the same).

    Args:
        sheets: of all items; the first are those of ``items``, and hold the scores.
        items: those to be judged again.
        scorers: that gave the scores, by metric.
        drawn: the same with drawn replies.
        context: journals what the judge says.
    """
    lists = [i for i, item in enumerate(items) if len(item.contexts) > 1]
    several = [items[i] for i in lists]
    moved: list[list[float]] = [[] for _ in items]
    near: list[list[float]] = [[] for _ in items]
    for name, scorer in scorers.items():
        if name in ORDERLESS and several:
            found = _scored(f"turned/{name}", scorer, turned(several), context)
            for i, value in zip(lists, found, strict=True):
                _note(moved[i], sheets[i], name, value)
        again = _scored(f"drawn/{name}", drawn[name], list(items), context)
        for i, value in enumerate(again):
            _note(near[i], sheets[i], name, value)
    for i, (sheet, far, close) in enumerate(zip(sheets, moved, near, strict=False)):
        why = _UNREADABLE if i in lists else _ONE_PASSAGE
        sheet.put("position_bias", sum(far) / len(far) if far else Absent(reason=why))
        same = 1 - sum(close) / len(close) if close else Absent(reason=_UNREADABLE)
        sheet.put("repeat_consistency", same)
    who = next(iter(scorers.values()))
    form = f" and {len(scorers) - 1} more metrics"
    bias: Scorer | Absent = who if lists else Absent(reason=_ONE_PASSAGE)
    return [
        Column("position_bias", bias, False, form=f"{form}, passages turned round"),
        Column("repeat_consistency", who, True, form=f"{form}, drawn at {DRAWN_AT:g}"),
    ]


def _note(found: list[float], sheet: ScoreSheet, name: str, value: float | None) -> None:
    if value is not None and name in sheet.scores:
        found.append(min(1.0, abs(value - sheet.scores[name])))


def _scored(
    name: str, scorer: Scorer, items: list[TextItem], context: Context
) -> list[float | None]:
    def compute() -> Any:
        return [None if isinstance(each, Absent) else each for each in scorer.score(items)]

    key = f"rag/{name}/{text_hash(repr(items), scorer.provenance)}"
    found: list[float | None] = context.checkpoint(key, compute)
    return found
