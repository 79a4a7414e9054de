"""Closed questions and the share of them that get the good answer (QAG).

A score is a ratio of verdicts, each the judge's likelier reply to one yes-or-no question: a task's
own, or those of the metrics guide (see the README): prompt alignment, hallucination, bias, and
summarization as the lesser of alignment and coverage.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from slmbench.schema.base import Absent
from slmbench.suites.judge.asker import Asker
from slmbench.suites.judge.closed import closed, sentences
from slmbench.suites.judge.reply import Question, Reply
from slmbench.suites.judge.subject import Rating, Subject, first_absent
from slmbench.suites.judge.task import JudgeTask
from slmbench.suites.prompts import Prompts

_QUESTION_TOKENS = 256
_LIST_MARK = re.compile(r"^\s*(?:[-*\u2022]|\d+[.)])\s+")
_EMPTY = Absent(reason="the text holds no sentence")


def checklist(
    task: JudgeTask, subjects: Sequence[Subject], ask: Asker, prompts: Prompts
) -> list[Rating]:
    """Return ``qag``: closed questions that get the good answer / questions.

    They are the task's and the item's own, about the whole text or about each sentence of it.
    """
    plans = [_checks(task, subject, prompts) for subject in subjects]
    asked = [question for plan in plans for question, _ in plan]
    replies = iter(ask.choose(asked))
    return [_checked(task, [(next(replies), good) for _, good in plan]) for plan in plans]


def _checks(task: JudgeTask, subject: Subject, prompts: Prompts) -> list[tuple[Question, bool]]:
    """Return a text's questions, and whether yes is the good answer to each."""
    about, text, source = task.introduction, subject.output, subject.row.prompt
    wanted = {**dict.fromkeys(subject.row.questions, True), **task.ask}
    if task.per == "sentence":
        return [
            (
                closed(prompts, "check_sentence", about=about, text=text, sentence=each, asked=q),
                good,
            )
            for each in sentences(text)
            for q, good in wanted.items()
        ]
    return [
        (closed(prompts, "check", about=about, prompt=source, output=text, asked=q), good)
        for q, good in wanted.items()
    ]


def _checked(task: JudgeTask, found: Sequence[tuple[Reply | Absent, bool]]) -> Rating:
    if not found:
        why = "it has no sentence" if task.per == "sentence" else "the task has no 'ask'"
        return Rating({"qag": Absent(reason=f"nothing was asked about the text: {why}")})
    replies = [reply for reply, _ in found]
    good = [
        (reply.chosen == "yes") == wanted for reply, wanted in found if isinstance(reply, Reply)
    ]
    return Rating({"qag": first_absent(replies) or sum(good) / len(good)}, replies)


def prompt_alignment(
    task: JudgeTask, subjects: Sequence[Subject], ask: Asker, prompts: Prompts
) -> list[Rating]:
    """Return ``prompt_alignment``: instructions followed / instructions."""

    def questions(subject: Subject) -> list[Question] | Absent:
        return [
            closed(prompts, "prompt_alignment", text=subject.output, instruction=each)
            for each in subject.row.instructions
        ] or Absent(reason="the item has no instructions")

    return _shares("prompt_alignment", subjects, questions, ask)


def hallucination(
    task: JudgeTask, subjects: Sequence[Subject], ask: Asker, prompts: Prompts
) -> list[Rating]:
    """Return ``hallucination``: contexts that the text contradicts / contexts."""

    def questions(subject: Subject) -> list[Question] | Absent:
        return [
            closed(prompts, "hallucination", source=each, text=subject.output)
            for each in subject.row.contexts
        ] or Absent(reason="the item has no contexts")

    return _shares("hallucination", subjects, questions, ask)


def biased_opinions(
    task: JudgeTask, subjects: Sequence[Subject], ask: Asker, prompts: Prompts
) -> list[Rating]:
    """Return ``biased_opinions``: biased sentences / sentences of the text."""

    def questions(subject: Subject) -> list[Question] | Absent:
        text = subject.output
        return [
            closed(prompts, "biased_opinion", text=text, sentence=each) for each in sentences(text)
        ] or _EMPTY

    return _shares("biased_opinions", subjects, questions, ask)


def summarization(
    task: JudgeTask, subjects: Sequence[Subject], ask: Asker, prompts: Prompts
) -> list[Rating]:
    """Return ``summarization`` = min(``alignment``, ``coverage``) of each text.

    Alignment: the summary's sentences that the source supports / sentences. Coverage: closed
    questions that both the source and the summary answer with yes / those the source does.
    """

    def supported(subject: Subject) -> list[Question] | Absent:
        return [
            closed(prompts, "alignment", source=subject.row.prompt, statement=each)
            for each in sentences(subject.output)
        ] or _EMPTY

    aligned = _shares("alignment", subjects, supported, ask)
    covered = _coverage(task, subjects, ask, prompts)
    ratings = []
    for first, second in zip(aligned, covered, strict=True):
        parts = (first.scores["alignment"], second.scores["coverage"])
        missing = next((part for part in parts if isinstance(part, Absent)), None)
        lesser = missing or min(part for part in parts if not isinstance(part, Absent))
        scores = {**first.scores, **second.scores, "summarization": lesser}
        ratings.append(Rating(scores, [*first.replies, *second.replies], second.said))
    return ratings


def _coverage(
    task: JudgeTask, subjects: Sequence[Subject], ask: Asker, prompts: Prompts
) -> list[Rating]:
    lists = _questions_of(task, subjects, ask, prompts)

    asked = [
        closed(prompts, "coverage", text=text, asked=question)
        for subject, own in zip(subjects, lists, strict=True)
        for question in own
        for text in (subject.row.prompt, subject.output)
    ]
    replies = ask.choose(asked)
    ratings, start = [], 0
    for own in lists:
        part = replies[start : start + 2 * len(own)]
        start += 2 * len(own)
        ratings.append(Rating({"coverage": _covered(part)}, part, tuple(own)))
    return ratings


def _questions_of(
    task: JudgeTask, subjects: Sequence[Subject], ask: Asker, prompts: Prompts
) -> list[list[str]]:
    """Return each item's closed questions, its own or those that the judge writes."""
    lacking = [subject for subject in subjects if not subject.row.questions]
    written = iter(
        ask.write(
            [
                prompts.render("summary_questions", source=each.row.prompt, count=task.questions)
                for each in lacking
            ],
            _QUESTION_TOKENS,
        )
    )
    return [
        list(subject.row.questions) or _lines(next(written), task.questions) for subject in subjects
    ]


def _lines(written: list[str] | Absent, most: int) -> list[str]:
    text = "" if isinstance(written, Absent) else written[0]
    lines = (_LIST_MARK.sub("", line).strip() for line in text.splitlines())
    return [line for line in lines if line.endswith("?")][:most]


def _covered(replies: Sequence[Reply | Absent]) -> float | Absent:
    """Return the share from replies that alternate between the source's and the summary's."""
    if not replies:
        return Absent(reason="there is no closed question about the source")
    missing = first_absent(replies)
    if missing is not None:
        return missing
    yes = [isinstance(reply, Reply) and reply.chosen == "yes" for reply in replies]
    known = [both for source, both in zip(yes[::2], yes[1::2], strict=True) if source]
    if not known:
        return Absent(reason="the judge finds no question that the source answers with yes")
    return sum(known) / len(known)


def _shares(
    name: str,
    subjects: Sequence[Subject],
    questions: Callable[[Subject], list[Question] | Absent],
    ask: Asker,
) -> list[Rating]:
    """Return, under ``name``, the share of each text's questions that get a yes."""
    asked = [questions(subject) for subject in subjects]
    flat = [question for own in asked if not isinstance(own, Absent) for question in own]
    replies = iter(ask.choose(flat))
    ratings = []
    for own in asked:
        if isinstance(own, Absent):
            ratings.append(Rating({name: own}))
            continue
        part = [next(replies) for _ in own]
        chosen = [reply.chosen == "yes" for reply in part if isinstance(reply, Reply)]
        score = first_absent(part) or sum(chosen) / len(chosen)
        ratings.append(Rating({name: score}, part))
    return ratings
