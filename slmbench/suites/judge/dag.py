"""A decision tree of judgements, each a closed question (DAG, as DeepEval's metric of that name).

Its leaves are scores. The score of a text is the mean over the leaves, each weighed with the
probability that the judge's replies lead to it: where the judge is sure, that is the leaf it
reaches; where it wavers, the score says so instead of jumping.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from slmbench.schema.base import Absent
from slmbench.suites.judge.asker import Asker
from slmbench.suites.judge.closed import closed
from slmbench.suites.judge.reply import Reply
from slmbench.suites.judge.subject import Rating, Subject
from slmbench.suites.judge.task import JudgeTask, TreeNode
from slmbench.suites.prompts import Prompts


def rate(
    task: JudgeTask, subjects: Sequence[Subject], ask: Asker, prompts: Prompts
) -> list[Rating]:
    """Return ``dag_score`` of each text, in the unit of the tree's leaves."""
    names = list(task.tree)
    questions = [
        closed(
            prompts,
            "check",
            tuple(task.tree[name].choices),
            about=task.introduction,
            prompt=subject.row.prompt,
            output=subject.output,
            asked=task.tree[name].question,
        )
        for subject in subjects
        for name in names
    ]
    replies = ask.choose(questions)
    step = len(names)
    return [
        _rated(task.tree, dict(zip(names, replies[i : i + step], strict=True)))
        for i in range(0, len(replies), step)
    ]


def _rated(tree: Mapping[str, TreeNode], replies: Mapping[str, Reply | Absent]) -> Rating:
    return Rating({"dag_score": _expected("start", tree, replies)}, list(replies.values()))


def _expected(
    name: str, tree: Mapping[str, TreeNode], replies: Mapping[str, Reply | Absent]
) -> float | Absent:
    """Return the mean leaf below a question, or Absent where a reply on the way is missing."""
    reply = replies[name]
    if isinstance(reply, Absent):
        return reply
    total = 0.0
    for option, to in tree[name].choices.items():
        below = _expected(to, tree, replies) if isinstance(to, str) else to
        if isinstance(below, Absent):
            return below
        total += reply.chances[option] * below
    return total
