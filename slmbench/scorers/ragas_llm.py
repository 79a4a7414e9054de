"""Any Backend of ours as the judge that ragas asks: prompts in batches, replies read strictly."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from pydantic import BaseModel, ValidationError

from slmbench.errors import InputError
from slmbench.ports import Backend, Sampling

#: What a reply's whole numbers may be, by their key: ragas does not look.
_ALLOWED = {
    "verdict": (0, 1), "attributed": (0, 1), "noncommittal": (0, 1), "rating": (0, 1, 2),
}  # fmt: skip


class Unusable(Exception):
    """A judge's reply that no score can be made of, or a question it has no room for."""


class Replies:
    """Collects the prompts of all items that wait, and has the judge answer them in one call.

    Args:
        backend: the judge.
        how: the length of one reply, and how it is chosen.
        chat: wrap prompts in the judge's chat template; None does so where it has one.
    """

    def __init__(self, backend: Backend, how: Sampling, chat: bool | None) -> None:
        self._backend = backend
        self._how = how
        self._chat = chat
        self._waiting: list[tuple[list[int], asyncio.Future[str]]] = []

    @property
    def waiting_count(self) -> int:
        """Return how many prompts wait for `answer`."""
        return len(self._waiting)

    async def ask(self, prompt: str) -> str:
        """Return the judge's reply, once `answer` was called.

        Raises:
            Unusable: the prompt and a reply do not fit the judge's window.
        """
        tokens = self._encode(prompt)
        window = self._backend.info.max_length
        if len(tokens) + self._how.max_new_tokens > window:
            raise Unusable(
                f"the judge's window of {window} tokens has no room for ragas' question and a "
                f"reply of {self._how.max_new_tokens}"
            )
        reply: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting.append((tokens, reply))
        return await reply

    def answer(self) -> None:
        """Have the judge answer every prompt that waits."""
        waiting, self._waiting = self._waiting, []
        step = self._backend.batch_size
        for start in range(0, len(waiting), step):
            part = waiting[start : start + step]
            found = self._backend.generate([tokens for tokens, _ in part], self._how, 1)
            for (_, reply), (said,) in zip(part, found, strict=True):
                reply.set_result(said.text)

    def _encode(self, prompt: str) -> list[int]:
        if self._chat is not False:
            messages = [{"role": "user", "content": prompt}]
            try:
                text = self._backend.apply_chat_template(messages, True)
            except InputError:
                if self._chat:
                    raise
                self._chat = False
            else:
                # A chat template writes its own special tokens.
                return self._backend.encode(text, add_special_tokens=False)
        return self._backend.encode(prompt)


def ragas_llm(replies: Replies) -> Any:
    """Return ragas' LLM interface over a judge, for the questions about one item.

    Its ``failure`` is the first reason why a reply couldn't be used, or None. ragas must have been
    imported with `slmbench.scorers.ragas_import.import_ragas`.
    """
    from ragas.llms.base import InstructorBaseRagasLLM

    class Judge(InstructorBaseRagasLLM):  # type: ignore[misc]
        failure: str | None = None
        claim_count: int | None = None

        def generate(self, prompt: str, response_model: type[BaseModel]) -> BaseModel:
            raise NotImplementedError("the metrics used here ask without blocking")

        async def agenerate(self, prompt: str, response_model: type[BaseModel]) -> BaseModel:
            try:
                found = parsed(await replies.ask(prompt), response_model)
                self._judges_every_claim(found)
            except Unusable as error:
                self.failure = self.failure or str(error)
                raise
            return found

        def _judges_every_claim(self, found: BaseModel) -> None:
            """Refuse verdicts that are not as many as the claims that were to be judged."""
            statements = getattr(found, "statements", None)
            if statements is None:
                return
            if self.claim_count is not None and len(statements) != self.claim_count:
                raise Unusable("the judge gave verdicts on more or fewer claims than it was shown")
            self.claim_count = len(statements)

    return Judge()


def parsed(reply: str, form: type[BaseModel]) -> BaseModel:
    """Return the first JSON object in a reply as ``form``; text around it does not matter.

    Raises:
        Unusable: there is none, it has another form, or a number in it is off its scale.
    """
    start = reply.find("{")
    if start < 0:
        raise Unusable("the judge's reply holds no JSON")
    try:
        raw, _ = json.JSONDecoder().raw_decode(reply, start)
        found = form.model_validate(raw)
    except (ValueError, ValidationError, RecursionError) as error:
        raise Unusable("the judge's reply is not the JSON it was asked for") from error
    for key, value in _scaled(found.model_dump()):
        if value not in _ALLOWED[key]:
            raise Unusable(f"the judge's '{key}' is off its scale")
    if not str(getattr(found, "question", "-")).strip():
        raise Unusable("the judge wrote an empty question")
    return found


def _scaled(raw: Any) -> list[tuple[str, Any]]:
    """Return (key, value) of every number that has a scale, at any depth."""
    if isinstance(raw, list):
        return [pair for each in raw for pair in _scaled(each)]
    if not isinstance(raw, dict):
        return []
    own = [(key, value) for key, value in raw.items() if key in _ALLOWED]
    return own + [pair for value in raw.values() for pair in _scaled(value)]
