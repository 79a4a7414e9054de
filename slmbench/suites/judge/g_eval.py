"""G-Eval (Liu et al. 2023, arXiv 2303.16634): a rating as the mean under a judge's probabilities.

The judge is given the task, the criterion and steps that it may have written itself, and replies
with a number; the score is sum p(s) s. Differences from its authors' code: probabilities are
normalised over the scale, every prompt is asked twice with the scale turned round, and a reply that
is no number is Absent and counted, where theirs takes it for 0.
"""

from __future__ import annotations

from collections.abc import Sequence

from slmbench.schema.base import Absent
from slmbench.suites.judge.asker import Asker
from slmbench.suites.judge.reply import Question
from slmbench.suites.judge.subject import Rating, Subject
from slmbench.suites.judge.task import JudgeTask
from slmbench.suites.prompts import Prompts

_STEPS_TOKENS = 256


def rate(
    task: JudgeTask, subjects: Sequence[Subject], ask: Asker, prompts: Prompts
) -> list[Rating]:
    """Return the rating ``g_eval`` of each text, on the task's scale."""
    steps = steps_of(task, ask, prompts)
    questions = [question(task, subject, steps, prompts) for subject in subjects]
    return [
        Rating(
            {"g_eval": reply if isinstance(reply, Absent) else reply.expected}, [reply], (steps,)
        )
        for reply in ask.choose(questions)
    ]


def steps_of(task: JudgeTask, ask: Asker, prompts: Prompts) -> str:
    """Return the evaluation steps: the task's, or what the judge writes once for all texts."""
    if task.steps is not None:
        return "\n".join(f"{i}. {step}" for i, step in enumerate(task.steps, start=1))
    low, high = task.scale
    prompt = prompts.render(
        "g_eval_steps",
        introduction=task.introduction, criterion=task.criterion, low=low, high=high,
    )  # fmt: skip
    (written,) = ask.write([prompt], _STEPS_TOKENS)
    # A judge without room for the criterion alone will say so of every text.
    return "" if isinstance(written, Absent) else written[0].strip()


def question(task: JudgeTask, subject: Subject, steps: str, prompts: Prompts) -> Question:
    """Return the question for one text, and the same with the scale turned round."""
    low, high = task.scale
    options = tuple(str(number) for number in range(low, high + 1))
    both = [
        prompts.render(
            "g_eval",
            introduction=task.introduction,
            criterion=task.criterion,
            steps=steps,
            prompt=subject.row.prompt,
            output=subject.output,
            reference=subject.row.reference,
            options=list(listed),
        )
        for listed in (options, options[::-1])
    ]
    return Question(both[0], both[1], options)
