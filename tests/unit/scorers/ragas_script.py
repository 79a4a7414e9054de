"""A scripted judge: a Backend that answers ragas' prompts by rule, in JSON.

Its scores can be worked out by hand: it finds a claim supported where the passages hold its very
words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from slmbench.backends.fake import Fake
from slmbench.ports import Generation, Sampling, SecondModel, Tokens
from slmbench.schema.model_spec import ModelSpec

_FORM = re.compile(r'"title": "(\w+)", "type": "object"\}Do not use single quotes')


def claims(text: str) -> list[str]:
    return [each.strip() for each in text.split(".") if each.strip()]


def _statements(told: dict[str, Any]) -> dict[str, Any]:
    return {"statements": claims(told["answer"])}


def _verdicts(told: dict[str, Any]) -> dict[str, Any]:
    return {
        "statements": [
            {"statement": each, "reason": "by its words", "verdict": int(each in told["context"])}
            for each in told["statements"]
        ]
    }


def _useful(told: dict[str, Any]) -> dict[str, Any]:
    return {"reason": "by its words", "verdict": int(told["answer"] in told["context"])}


def _attributed(told: dict[str, Any]) -> dict[str, Any]:
    return {
        "classifications": [
            {"statement": each, "reason": "", "attributed": int(each in told["context"])}
            for each in claims(told["answer"])
        ]
    }


def _rating(told: dict[str, Any]) -> dict[str, Any]:
    words = set(re.findall(r"\w{4,}", told["user_input"].lower()))
    return {"rating": min(2, sum(each in told["context"].lower() for each in words))}


def _question(told: dict[str, Any]) -> dict[str, Any]:
    evasive = told["response"].startswith("Nobody knows")
    return {"question": f"is the sky {told['response']} ?", "noncommittal": int(evasive)}


RULES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "StatementGeneratorOutput": _statements,
    "NLIStatementOutput": _verdicts,
    "ContextPrecisionOutput": _useful,
    "ContextRecallOutput": _attributed,
    "ContextRelevanceOutput": _rating,
    "AnswerRelevanceOutput": _question,
}


class RagasScript(Fake):
    """Replies by ``RULES``; ``spoil`` may change a reply, given the form and the reply's text."""

    def __init__(self, spoil: Callable[[str, str], str] | None = None, **settings: Any) -> None:
        given = {"max_length": 100_000, **settings}
        super().__init__(ModelSpec(backend="fake", target="script", **given), "script")
        self.spoil = spoil or (lambda form, text: text)
        self.calls: list[int] = []

    def generate(self, prompts: Sequence[Tokens], how: Sampling, k: int) -> list[list[Generation]]:
        self.calls.append(len(prompts))
        return [[Generation(self._reply(self.decode(each)), (1,))] for each in prompts]

    def _reply(self, prompt: str) -> str:
        (form,) = _FORM.findall(prompt)
        told = json.loads(prompt.rpartition("input: ")[2].removesuffix("Output: "))
        return self.spoil(form, f"Sure! Here it is:\n{json.dumps(RULES[form](told))}\nBye.")


def scripted(spoil: Callable[[str, str], str] | None = None, **settings: Any) -> SecondModel:
    return SecondModel(RagasScript(spoil, **settings), "scripted@1")
