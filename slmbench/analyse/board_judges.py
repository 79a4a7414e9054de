"""Mark the numbers that rest on a judge who is known to be a bad one, by its own run's figures."""

from __future__ import annotations

from slmbench.analyse.board_columns import Reading
from slmbench.schema.base import Measured
from slmbench.schema.board import Column, Mark

#: Figures of a judge -> what it does when they are bad; they stand in the job of what it rated.
_FAULTS = {
    "position_bias": "its replies move by {:.2g} when what it is shown is turned round",
    "repeat_consistency": "two of its replies agree with a probability of {:.2g}",
    "unparsable_share": "{:.2g} of its replies could not be read",
}
#: A fifth of its probability moves; two replies disagree more often than not; a tenth is lost.
_MOST_MOVED, _LEAST_AGREED, _MOST_UNREAD = 0.2, 0.5, 0.1
_OF_THE_JUDGE = {*_FAULTS, "answer_mass", "first_preference", "position_consistency"}
_SUITES = ("judge", "rag", "bias")


def judge_marks(column: Column, reading: Reading) -> tuple[Mark, ...]:
    """Return the mark of a number that a judge gave, or none where the judge does well."""
    if column.suite not in _SUITES or reading.job is None or not _is_judged(column, reading):
        return ()
    found = {
        metric.metric: metric.value.value
        for metric in reading.job.metrics
        if metric.metric in _FAULTS and isinstance(metric.value, Measured)
    }
    bad = (
        found.get("position_bias", 0.0) > _MOST_MOVED
        or found.get("repeat_consistency", 1.0) < _LEAST_AGREED
        or found.get("unparsable_share", 0.0) > _MOST_UNREAD
    )
    if not bad:
        return ()
    told = "; ".join(words.format(found[name]) for name, words in _FAULTS.items() if name in found)
    return (Mark(kind="judge", badge="judge ?", meaning=f"the judge is in doubt: {told}"),)


def _is_judged(column: Column, reading: Reading) -> bool:
    """Tell whether a judge gave a number: those of the judge itself and of people aside."""
    how = reading.value.how if isinstance(reading.value, Measured) else ""
    by_judge = column.suite == "judge" or "judge" in how
    followed = column.metric.startswith(("pearson", "spearman", "kendall", "krippendorff", "cohen"))
    return by_judge and not followed and column.metric not in _OF_THE_JUDGE
