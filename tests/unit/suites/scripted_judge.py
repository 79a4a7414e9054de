"""A judge whose replies follow from a rule on the prompt, so that scores can be worked out by hand.

It answers closed questions through ``loglikelihood``, as a local model does: the rule returns
option -> probability of the reply that begins so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from slmbench.backends.fake import Fake
from slmbench.errors import UnsupportedByServer
from slmbench.ports import Generation, Sampling, SecondModel, Tokens
from slmbench.schema.model_spec import ModelSpec

Rule = Callable[[str], Mapping[str, float]]


class ScriptedJudge(Fake):
    """A byte-level backend that knows one rule, and for open questions one text."""

    def __init__(self, rule: Rule, writes: str = "", exact: bool = True) -> None:
        super().__init__(ModelSpec(backend="fake", target="scripted", max_length=8192), "scripted")
        self.rule = rule
        self.writes = writes
        self.exact = exact
        self.calls: list[int] = []
        self.prompts: list[str] = []

    def loglikelihood(self, pairs: Sequence[tuple[Tokens, Tokens]]) -> list[tuple[float, bool]]:
        if not self.exact:
            raise UnsupportedByServer("this server tells no probabilities")
        self.calls.append(len(pairs))
        return [(self._of(self.decode(a), self.decode(b)), False) for a, b in pairs]

    def generate(self, prompts: Sequence[Tokens], how: Sampling, k: int) -> list[list[Generation]]:
        self.prompts.extend(map(self.decode, prompts))
        return [[self._text(self.decode(p), i, k) for i in range(k)] for p in prompts]

    def _of(self, prompt: str, option: str) -> float:
        # Only the spaced spelling is ever said.
        chance = self.rule(prompt).get(option.removeprefix(" "), 0.0)
        return math.log(chance) if option.startswith(" ") and chance > 0 else -1e9

    def _text(self, prompt: str, number: int, k: int) -> Generation:
        text = self.writes
        if not text:
            ends, total = [], 0.0
            for option, chance in self.rule(prompt).items():
                total += chance
                ends.append((total, option))
            place = (number + 0.5) / k
            text = next((f" {option}" for end, option in ends if place < end), " well, you see")
        return Generation(text, tuple(text.encode()))


def second(rule: Rule, **settings: Any) -> SecondModel:
    return SecondModel(ScriptedJudge(rule, **settings), "scripted@1")
