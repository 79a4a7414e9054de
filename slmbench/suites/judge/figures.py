"""The numbers of a judged task: its scores, what they say of the judge, and people's agreement."""

from __future__ import annotations

import math
from collections.abc import Sequence

from slmbench.schema.base import Absent
from slmbench.schema.record import Aggregation, Metric, Sample
from slmbench.stats.interval import measured
from slmbench.suites.judge.alike import range_of, same_ratings
from slmbench.suites.judge.reply import Reply, Unasked, Unread
from slmbench.suites.judge.subject import Rating
from slmbench.suites.judge.task import JudgeRow, JudgeTask
from slmbench.suites.people import Rated, are_rated

#: Methods that name their scores otherwise, or give more than one; the first is the main one.
_NAMES = {
    "themis": ("themis_rating",),
    "pairwise": ("win_rate", "first_preference", "position_consistency"),
    "dag": ("dag_score",),
    "summarization": ("summarization", "alignment", "coverage"),
    "self_check": ("self_check_inconsistency",),
}
_LOWER_IS_BETTER = {
    "hallucination", "biased_opinions", "self_check_inconsistency", "position_bias",
    "unparsable_share",
}  # fmt: skip
#: No value of these is better than another.
_NEITHER = {"first_preference"}
_OF_THE_JUDGE = ("position_bias", "repeat_consistency", "answer_mass", "unparsable_share")
_WRITTEN = Absent(reason="the judge writes its rating freely; it is offered no replies")
_TOO_LONG = Absent(reason="the judge was asked nothing")


def scores_of(task: JudgeTask) -> tuple[str, ...]:
    """Return the names of a task's scores, the main one first."""
    return _NAMES.get(task.method, (task.method,))


def judge_scores(rating: Rating) -> dict[str, float | Absent]:
    """Return what a rating says of its judge, as means over the replies that it rests on."""
    read = [reply for reply in rating.replies if isinstance(reply, Reply)]
    masses = [reply.mass for reply in rating.replies if isinstance(reply, Reply | Unread)]
    if not rating.replies and rating.said:
        return {
            "position_bias": _TOO_LONG if rating.order_effect is None else rating.order_effect,
            "repeat_consistency": _TOO_LONG if rating.agreement is None else rating.agreement,
            "answer_mass": _WRITTEN,
        }
    if not rating.replies:
        reason = next((v for v in rating.scores.values() if isinstance(v, Absent)), None)
        return dict.fromkeys(_OF_THE_JUDGE, reason or Absent(reason="nothing was asked"))
    asked = [reply for reply in rating.replies if not isinstance(reply, Unasked)]
    if not asked:
        missing = next(reply for reply in rating.replies if isinstance(reply, Absent))
        return dict.fromkeys(_OF_THE_JUDGE, missing)
    share: dict[str, float | Absent] = {"unparsable_share": 1 - len(read) / len(asked)}
    if masses:
        share["answer_mass"] = math.fsum(masses) / len(masses)
    if not read:
        missing = next(reply for reply in rating.replies if isinstance(reply, Absent))
        return {**dict.fromkeys(_OF_THE_JUDGE, missing), **share}
    return {
        "position_bias": math.fsum(reply.order_effect for reply in read) / len(read),
        "repeat_consistency": math.fsum(reply.agreement for reply in read) / len(read),
        **share,
    }


def metrics_of(
    task: JudgeTask,
    rows: Sequence[JudgeRow],
    samples: Sequence[Sample],
    how: str,
    ways: str,
    seed: int,
) -> tuple[Metric, ...]:
    """Return every metric of a judged task.

    Args:
        task: what was asked.
        rows: its items, in the order of ``samples``.
        samples: their outcomes.
        how: who rated, with what prompts; the provenance of every number.
        ways: how the judge's replies were come by.
        seed: of bootstraps.
    """
    found = [_mean(task, name, samples, how, ways) for name in (*scores_of(task), *_OF_THE_JUDGE)]
    if are_rated(rows):
        rated = Rated("judge", task.task, rows, samples, seed)
        found += [
            *rated.follows(scores_of(task)[0], how),
            *same_ratings(task, scores_of(task)[0], rated, how),
            *rated.people_agree(),
        ]
    return tuple(found)


def _mean(task: JudgeTask, name: str, samples: Sequence[Sample], how: str, ways: str) -> Metric:
    aggregation = Aggregation(kind="mean", score=name)
    bounds = range_of(task, name)
    value = measured(aggregation, samples, "", how, source=ways or None, bounds=bounds)
    better = None if name in _NEITHER else name not in _LOWER_IS_BETTER
    return Metric(
        suite="judge", task=task.task, metric=name, value=value,
        higher_is_better=better, aggregation=aggregation,
    )  # fmt: skip


def raw_rows(
    rows: Sequence[JudgeRow], ratings: Sequence[Rating]
) -> tuple[dict[str, float | int | str], ...]:
    """Return a row for every option of every reply, and for every text that the judge wrote."""
    found: list[dict[str, float | int | str]] = []
    for row, rating in zip(rows, ratings, strict=True):
        for number, reply in enumerate(rating.replies):
            place: dict[str, float | int | str] = {"sample_id": row.id, "question": number}
            if isinstance(reply, Absent):
                found.append({**place, "absent": reply.reason})
                continue
            for option, chance in reply.chances.items():
                found.append({**place, "option": option, "probability": chance})
        found.extend(
            {"sample_id": row.id, "question": number, "written": text}
            for number, text in enumerate(rating.said)
        )
    return tuple(found)
