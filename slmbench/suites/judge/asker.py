"""Ask a judge closed questions, exactly where the model's probabilities can be had, and open ones.

A local model gives the probability of every option of every question in one scoring call, in which
what questions share is computed once. A server gives those among its likeliest tokens. Elsewhere
replies are drawn and counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from slmbench.errors import InputError, UnsupportedByServer
from slmbench.ports import Backend, Context, Sampling, SecondModel
from slmbench.schema.base import Absent
from slmbench.suites.judge.reply import Drawn, Question, Reply, Unasked, counted, merged
from slmbench.suites.taskfile import text_hash

Chances = dict[str, float] | Absent
#: Questions that share a checkpoint, and prompts whose texts do.
_CHUNK = 64
#: Tokens of a drawn reply: enough for an option after a word or two.
_REPLY_TOKENS = 5
_LONG = "the prompt has"


class Asker:
    """Asks one judge.

    Args:
        judge: the model that answers.
        context: of the job; its checkpoints make a resumed job ask nothing twice.
        min_mass: see `slmbench.suites.judge.task.JudgeTask`.
        draws: replies to one question where probabilities can't be had, half in each order.
    """

    def __init__(self, judge: SecondModel, context: Context, min_mass: float, draws: int) -> None:
        self._backend: Backend = judge.backend
        self._context = context
        self._min_mass = min_mass
        self._draws = draws
        self._chat: bool | None = None
        self._known_forms: dict[tuple[str, str], set[tuple[int, ...]]] = {}
        #: How options' probabilities were come by; for the record.
        self.ways: set[str] = set()

    def choose(self, questions: Sequence[Question]) -> list[Reply | Absent]:
        """Return the reply to each question; see `Reply`."""
        asked = [(text, q.choices) for q in questions for text in (q.prompt, q.turned)]
        found = self.chances(asked)
        return [merged(found[i], found[i + 1], self._min_mass) for i in range(0, len(found), 2)]

    def chances(self, asked: Sequence[tuple[str, Sequence[str]]]) -> list[Chances]:
        """Return, for each (prompt, options), option -> probability that the reply begins so.

        They need not sum to 1: a judge may say something else. Absent where a prompt is longer
        than the judge's context, or where no reply was an option.
        """
        found: list[Chances] = []
        for start in range(0, len(asked), _CHUNK):
            part = asked[start : start + _CHUNK]
            way, rows = self._kept("choose", part, lambda part=part: self._asked(part))  # type: ignore[misc]
            self.ways.add(way)
            drawn = way.startswith("sampling")
            found.extend(self._chances_of(row, drawn) for row in rows)
        return found

    def _chances_of(self, row: dict[str, float] | str, drawn: bool) -> Chances:
        if isinstance(row, str):
            return (Unasked if row.startswith(_LONG) else Absent)(reason=row)
        return Drawn(row, self._each_order) if drawn else dict(row)

    @property
    def _each_order(self) -> int:
        """Return the replies that are drawn to a question in either order."""
        return max(1, self._draws // 2)

    def write(
        self, prompts: Sequence[str], max_new_tokens: int, k: int = 1, temperature: float = 0.0
    ) -> list[list[str] | Absent]:
        """Return k texts that the judge writes to each prompt.

        ``max_new_tokens`` is at most half of the judge's context. Absent for a prompt that leaves
        no room for it.
        """
        max_new_tokens = min(max_new_tokens, self._backend.info.max_length // 2)
        room = self._backend.info.max_length - max_new_tokens
        texts: list[list[str] | Absent] = []
        for start in range(0, len(prompts), _CHUNK):
            part = list(prompts[start : start + _CHUNK])
            how = Sampling(max_new_tokens, temperature, seed=self._context.spec.seed)

            def compute(part: list[str] = part, how: Sampling = how) -> Any:
                said = [self._backend.encode(self._said(prompt)) for prompt in part]
                fitting = [row for row in said if len(row) <= room]
                written = iter(self._backend.generate(fitting, how, k) if fitting else ())
                return [
                    [text.text for text in next(written)] if len(row) <= room else len(row)
                    for row in said
                ]

            kept = self._kept("write", [part, max_new_tokens, k, temperature], compute)
            texts.extend(_too_long(row, room) if isinstance(row, int) else row for row in kept)
        return texts

    def _kept(self, kind: str, asked: object, compute: Callable[[], Any]) -> Any:
        return self._context.checkpoint(f"judge/{kind}/{text_hash(repr(asked))}", compute)

    def _asked(self, part: Sequence[tuple[str, Sequence[str]]]) -> list[Any]:
        """Return [the way, for each prompt option -> probability or why there is none]."""
        way, rows = "probabilities", self._scored(part)
        if rows is None:
            room = self._backend.info.max_length - _REPLY_TOKENS
            lengths = [len(self._backend.encode(self._said(prompt))) for prompt, _ in part]
            fitting = [each for each, n in zip(part, lengths, strict=True) if n <= room]
            way, found = "top_logprobs", self._served(fitting)
            if found is None:
                way, found = f"sampling, {self._draws} draws", self._drawn(fitting)
            answers = iter(found)
            rows = [next(answers) if n <= room else _too_long(n, room) for n in lengths]
        return [way, [row.reason if isinstance(row, Absent) else row for row in rows]]

    def _scored(self, part: Sequence[tuple[str, Sequence[str]]]) -> list[Chances] | None:
        """Return exact probabilities, all from one scoring call; None where they can't be had."""
        if hasattr(self._backend, "choice_logprobs"):
            return None
        room = self._backend.info.max_length
        pairs: list[tuple[list[int], list[int]]] = []
        plans: list[list[tuple[str, tuple[int, ...]]] | Absent] = []
        for prompt, choices in part:
            said = self._said(prompt)
            context = self._backend.encode(said)
            forms = [
                (o, form)
                for o in (*choices, *_longer_numbers(choices))
                for form in self._forms(said, context, o)
            ]
            longest = len(context) + max(len(form) for _, form in forms)
            if longest > room + 1:
                plans.append(_too_long(len(context), room))
                continue
            plans.append(forms)
            pairs.extend((context, list(form)) for _, form in forms)
        try:
            values = iter(self._backend.loglikelihood(pairs))
        except UnsupportedByServer:
            return None
        return [
            plan
            if isinstance(plan, Absent)
            else _kept_only(choices, [(*form, next(values)[0]) for form in plan])
            for plan, (_, choices) in zip(plans, part, strict=True)
        ]

    def _forms(self, said: str, context: list[int], option: str) -> set[tuple[int, ...]]:
        """Return the token rows that an option may begin a reply as: spaced or not, in any case.

        They follow from the prompt's last lines, which all questions of a kind share.
        """
        key = ("\n".join(said.split("\n")[-3:]), option)
        if key not in self._known_forms:
            self._known_forms[key] = self._new_forms(said, context, option)
        return self._known_forms[key]

    def _new_forms(self, said: str, context: list[int], option: str) -> set[tuple[int, ...]]:
        forms = set()
        for spelling in _spellings(option):
            for text in (f" {spelling}", spelling):
                whole = self._backend.encode(said + text)
                if whole[: len(context)] == context and len(whole) > len(context):
                    forms.add(tuple(whole[len(context) :]))
        if not forms:
            forms.add(tuple(self._backend.encode(f" {option}", add_special_tokens=False)))
        return forms

    def _served(self, part: Sequence[tuple[str, Sequence[str]]]) -> list[Chances] | None:
        """Return what a server tells of its likeliest first tokens; None where it tells nothing.

        So an option is known there by its first token alone. Where one option begins another, as 1
        begins 10, that may be the first token of both, and replies are drawn instead.
        """
        ask = getattr(self._backend, "choice_logprobs", None)
        if ask is None or any(_nested(choices) for _, choices in part):
            return None
        together: dict[tuple[str, ...], list[int]] = {}
        for number, (_, choices) in enumerate(part):
            together.setdefault(tuple(choices), []).append(number)
        found: list[Chances] = [{} for _ in part]
        for choices, numbers in together.items():
            spelled = [spelling for option in choices for spelling in _spellings(option)]
            rows = ask([self._said(part[number][0]) for number in numbers], spelled)
            if all(isinstance(row, Absent) for row in rows):
                return None
            for number, row in zip(numbers, rows, strict=True):
                if isinstance(row, Absent):
                    found[number] = row
                    continue
                # An option that is not among the likeliest tokens has next to nothing.
                found[number] = {
                    option: math.fsum(math.exp(row[s]) for s in _spellings(option) if s in row)
                    for option in choices
                }
        return found

    def _drawn(self, part: Sequence[tuple[str, Sequence[str]]]) -> list[Chances]:
        said = [self._backend.encode(self._said(prompt)) for prompt, _ in part]
        how = Sampling(_REPLY_TOKENS, temperature=1.0, seed=self._context.spec.seed)
        drawn = self._backend.generate(said, how, self._each_order) if said else []
        return [
            counted([text.text for text in row], choices)
            for row, (_, choices) in zip(drawn, part, strict=True)
        ]

    def _takes_chat(self) -> bool:
        backend = self._backend
        try:
            said = backend.apply_chat_template([{"role": "user", "content": "Say yes."}], True)
            if backend.info.is_remote:
                # Whether the model behind a server has a template, only the server knows.
                backend.generate([backend.encode(said)], Sampling(max_new_tokens=1), 1)
        except InputError:
            return False
        return True

    def _said(self, prompt: str) -> str:
        """Return the prompt as the judge is spoken to: as a chat where it has a template."""
        if self._chat is None:
            self._chat = self._takes_chat()
        if not self._chat:
            return prompt
        return self._backend.apply_chat_template([{"role": "user", "content": prompt}], True)


def _longer_numbers(choices: Sequence[str]) -> list[str]:
    """Return numbers that begin with an option and are another number: 3 is in 30 and in 3.5."""
    ends = [f"{point}{digit}" for point in ("", ".") for digit in range(10)]
    numbers = [option for option in choices if option.isdigit()]
    longer = dict.fromkeys(f"{option}{end}" for option in numbers for end in ends)
    return [number for number in longer if number not in choices]


def _kept_only(
    choices: Sequence[str], forms: Sequence[tuple[str, tuple[int, ...], float]]
) -> Chances:
    """Return option -> probability from (option, tokens, log-likelihood) of every form."""
    if any(math.isnan(value) for _, _, value in forms):
        return Absent(reason="the judge gave no number for a reply: its probability is NaN")
    chances = _exclusive([(option, form, math.exp(value)) for option, form, value in forms])
    return {option: chances[option] for option in choices}


def _nested(choices: Sequence[str]) -> bool:
    return any(one != other and other.startswith(one) for one in choices for other in choices)


def _spellings(option: str) -> list[str]:
    """Return the ways to write an option; a letter has one, for "a" is also a word."""
    if len(option) == 1:
        return [option]
    return list(dict.fromkeys((option, option.lower(), option.capitalize())))


def _too_long(tokens: int, room: int) -> Absent:
    return Unasked(reason=f"{_LONG} {tokens} tokens, and the judge has room for {room}")


def _exclusive(forms: Sequence[tuple[str, tuple[int, ...], float]]) -> dict[str, float]:
    """Return option -> probability from (option, tokens, probability of those tokens).

    Where the tokens of one option begin those of another ("1" and "10"), the longer one's
    probability is part of the shorter one's, and is taken out of it.
    """
    chances: dict[str, float] = {}
    for option, tokens, value in forms:
        longer = [(row, p) for _, row, p in forms if row[: len(tokens)] == tokens and row != tokens]
        # Only the next longer ones: what is longer still is part of theirs.
        nearest = [
            p
            for row, p in longer
            if not any(row[: len(other)] == other and row != other for other, _ in longer)
        ]
        chances[option] = chances.get(option, 0.0) + max(0.0, value - math.fsum(nearest))
    return chances
