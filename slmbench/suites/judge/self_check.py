"""SelfCheck (Manakul et al. 2023, arXiv 2303.08896): what a model makes up it says only once.

Each sentence of one continuation is held against the others of the same prompt; a sentence that
they don't support is likely invented.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from slmbench.schema.base import Absent
from slmbench.suites.judge.asker import Asker
from slmbench.suites.judge.closed import closed, sentences
from slmbench.suites.judge.reply import Reply
from slmbench.suites.judge.subject import Rating, Subject, first_absent
from slmbench.suites.judge.task import JudgeTask
from slmbench.suites.prompts import Prompts


def rate(
    task: JudgeTask, subjects: Sequence[Subject], ask: Asker, prompts: Prompts
) -> list[Rating]:
    """Return ``self_check_inconsistency`` of each text.

    It is the mean probability, over its sentences and the other continuations, that the other one
    does not support the sentence: 0 is consistent, 1 is not.
    """
    asked = [
        [
            closed(prompts, "self_check", text=other, sentence=sentence)
            for sentence in sentences(subject.output)
            for other in subject.others
        ]
        for subject in subjects
    ]
    replies = iter(ask.choose([question for own in asked for question in own]))
    return [_rated([next(replies) for _ in own]) for own in asked]


def _rated(replies: list[Reply | Absent]) -> Rating:
    name = "self_check_inconsistency"
    if not replies:
        return Rating({name: Absent(reason="the text holds no sentence")})
    values = [1 - reply.chances["yes"] for reply in replies if isinstance(reply, Reply)]
    score = first_absent(replies) or math.fsum(values) / len(values)
    return Rating({name: score}, replies)
