"""Have prompts continued in large calls, journalled as they come and timed apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from slmbench.ports import Backend, Context, Sampling
from slmbench.suites.taskfile import GenerationSpec, text_hash
from slmbench.units import clock

#: One call has prompts for so many fills of the backend's rows; between calls is a checkpoint.
_FILLS = 4


@dataclass(frozen=True)
class Text:
    """One continuation, how many tokens it has and, where they were asked for, their ids."""

    text: str
    count: int
    tokens: tuple[int, ...] = ()


@dataclass(frozen=True)
class Written:
    """The continuations of each prompt, prompts x k, and the seconds that writing them took."""

    texts: list[list[Text]]
    seconds: float


@dataclass(frozen=True)
class Writer:
    """Who continues, and how.

    Attributes:
        name: of its checkpoints.
        report: it tells the progress of the job.
        keep_tokens: token ids are journalled and returned; they are as long as the texts.
    """

    name: str
    backend: Backend
    how: GenerationSpec
    context: Context
    report: bool = True
    keep_tokens: bool = False

    def write(self, prompts: Sequence[list[int]]) -> Written:
        """Return k continuations of each prompt (token ids, none empty).

        Draws follow from the request's seed, the prompt's tokens and the continuation's number, so
        a limited or a resumed run has the same texts. Where a prompt comes again, its later
        continuations are drawn from another seed: they are further samples, not copies.
        """
        turns = _turns(prompts)
        texts: list[list[Text]] = []
        seconds = 0.0
        # A call that ends with a few rows takes nearly as long as one that ends with all of them.
        size = _FILLS * max(1, self.backend.batch_size // self.how.samples)
        for start in range(0, len(prompts), size):
            part = range(start, min(start + size, len(prompts)))
            key = f"toxicity/{self.name}/{start}/{text_hash(repr([prompts[i] for i in part]))}"
            kept = self.context.checkpoint(key, partial(self._ask, prompts, turns, part))
            seconds += float(kept["seconds"])
            texts += [[Text(t, n, tuple(ids)) for t, n, ids in row] for row in kept["texts"]]
            if self.report:
                self.context.progress(len(texts), len(prompts))
        return Written(texts, seconds)

    def _ask(
        self, prompts: Sequence[list[int]], turns: Sequence[int], part: Sequence[int]
    ) -> dict[str, Any]:
        found: dict[int, list[Any]] = {}
        begin = clock()
        for turn in sorted({turns[i] for i in part}):
            asked = [i for i in part if turns[i] == turn]
            answers = self.backend.generate(
                [prompts[i] for i in asked], self._sampling(turn), self.how.samples
            )
            for i, row in zip(asked, answers, strict=True):
                found[i] = [
                    [each.text, len(each.tokens), list(each.tokens) if self.keep_tokens else []]
                    for each in row
                ]
        return {"seconds": clock() - begin, "texts": [found[i] for i in part]}

    def _sampling(self, turn: int) -> Sampling:
        seed = text_hash(str(self.context.spec.seed), self.name, str(turn))
        return Sampling(
            max_new_tokens=self.how.max_new_tokens,
            temperature=self.how.temperature,
            top_p=self.how.top_p,
            top_k=self.how.top_k,
            stop=self.how.until,
            seed=int(seed[:8], 16),
        )


def told(how: GenerationSpec) -> str:
    """Return the sampling in words, for the source of every number that depends on it."""
    draws = "greedy"
    if how.temperature > 0:
        top_k = f", top-k {how.top_k}" if how.top_k else ""
        draws = f"temperature {how.temperature:g}, top-p {how.top_p:g}{top_k}"
    return f"k={how.samples} continuations a prompt, at most {how.max_new_tokens} tokens, {draws}"


def _turns(prompts: Sequence[list[int]]) -> list[int]:
    """Return, for each prompt, how often it came before."""
    seen: Counter[tuple[int, ...]] = Counter()
    turns = []
    for prompt in prompts:
        turns.append(seen[tuple(prompt)])
        seen[tuple(prompt)] += 1
    return turns
