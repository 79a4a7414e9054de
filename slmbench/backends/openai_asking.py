"""Put questions to a server in words it understands, and find out which those are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from slmbench.backends.openai_dialect import TRIAL, Dialect, fields, seed_of
from slmbench.backends.openai_replies import (
    Reply,
    Scored,
    Written,
    first_token,
    read_echo,
    read_stream,
)
from slmbench.backends.openai_text import messages_in
from slmbench.backends.openai_wire import Refused, Wire
from slmbench.errors import ModelError, UnsupportedByServer
from slmbench.ports import Sampling
from slmbench.schema.base import Absent
from slmbench.schema.model_spec import ServerSpec

_PATHS = {"completions": "/completions", "chat": "/chat/completions"}
#: What servers say to a route or a method they don't have.
_NO_ROUTE = (404, 405, 501)
#: What they say to a field they don't know.
_NO_FIELD = (400, 422)
#: As many of the likeliest tokens as servers tell; OpenAI's completions tell five.
_TOP = (20, 5)


class Asking:
    """A server's endpoint and dialect for one model, found out by asking for one token.

    Args:
        wire: to the server.
        server: the model's name there, and the wanted endpoint.

    Attributes:
        api: ``completions`` or ``chat``: where plain prompts go.
        dialect: how settings are sent.
        max_length: tokens of context as the server's list of models says, or None.

    Raises:
        ModelError: the server can't be reached, does not know the model, or has no such endpoint.
    """

    def __init__(self, wire: Wire, server: ServerSpec) -> None:
        self._wire = wire
        self._model = server.model
        self._takes_n = True
        self._notes: dict[str, None] = {}
        self._listed = self._models()
        entry = self._listed.get(server.model, {})
        length = entry.get("max_model_len") or (entry.get("meta") or {}).get("n_ctx")
        self.max_length = length if isinstance(length, int) and length > 1 else None
        wanted = ("completions", "chat") if server.api == "auto" else (server.api,)
        self.api, self.dialect = self._settle(wanted)

    def continuations(self, text: str, how: Sampling, k: int) -> tuple[list[Written], list[Reply]]:
        """Return k continuations of a prompt text, and the replies they came in."""
        found: list[Written] = []
        replies = []
        while len(found) < k:
            copies = k - len(found) if self._takes_n else 1
            reply = self._continue(text, how, copies, seed_of(how, text, len(found)))
            new = [reply.written[number] for number in sorted(reply.written)][:copies]
            if not new:
                # A text that ends before its first character.
                new = [Written(is_counted=True)]
            if len(new) < copies and self._takes_n:
                self._takes_n = False
                self._note("the server takes no 'n': each sample was a request with its own seed")
            found.extend(new)
            replies.append(reply)
        return found, replies

    def echo(self, text: str) -> Scored:
        """Return the tokens of a text with their log-probabilities.

        Raises:
            UnsupportedByServer: the server has no completions, or does not score a prompt.
        """
        if messages_in(text) is not None or self.api != "completions":
            raise UnsupportedByServer(
                f"{self._wire.url} is asked by chat, which gives no log-probabilities of a prompt. "
                "Ask a server with /completions (api=completions), or leave log-likelihoods out."
            )
        body = {
            "model": self._model, "prompt": text, "max_tokens": 1, "temperature": 0.0,
            "echo": True, "logprobs": 1,
        }  # fmt: skip
        try:
            found = self._wire.post(
                _PATHS["completions"], body, lambda answer: read_echo(answer, text)
            )
            said = "its answer holds none, or those of other tokens"
        except Refused as refused:
            found, said = None, str(refused)
        if found is None:
            raise UnsupportedByServer(
                f"{self._wire.url} gives no log-probabilities of a prompt (echo with logprobs): "
                f"{said}. vLLM gives them. Otherwise run the weights with hf:PATH, or leave out "
                "tasks that score given texts."
            )
        return found

    def request(self, text: str, how: Sampling) -> tuple[str, dict[str, Any]]:
        """Return the path and the JSON body of a streamed request for one continuation.

        Raises:
            UnsupportedByServer: the dialect has no word for a setting that changes the answer.
        """
        path, body = self._address(text)
        return path, {**body, **fields(self.dialect, how, 1, seed_of(how, text, 0))}

    def first_tokens(self, text: str) -> list[tuple[str, float]] | Absent:
        """Return the likeliest first tokens of a reply with their log-probabilities, or Absent."""
        said = "its answer holds none"
        for top in _TOP:
            path, body = self._address(text)
            body |= {"max_tokens": 1, "temperature": 0.0}
            body |= {"logprobs": True, "top_logprobs": top} if "chat" in path else {"logprobs": top}
            try:
                found = self._wire.post(path, body, first_token)
            except Refused as refused:
                said = str(refused)
                continue
            if found is not None:
                return found
            break
        return Absent(reason=f"the server gives no log-probabilities of a reply: {said}")

    def compare(self, names: Iterable[str | None]) -> None:
        """Note where the server says that another model answered."""
        for name in names:
            # transformers adds the revision, Ollama a tag.
            if name and name.split("@")[0].split(":")[0] != self._model.split(":")[0]:
                self._note(f"the server says that '{self._wire.clean(name)}' answered")

    def notes(self) -> tuple[str, ...]:
        """Return the endpoint, the dialect, and what the server was found to lack."""
        used = f"served model: {_PATHS[self.api]}, settings in the {self.dialect.value} dialect"
        return (used, *self._notes)

    def _models(self) -> dict[str, dict[str, Any]]:
        """Return the server's list of models by id; empty where it has none."""
        found = self._wire.get("/models")
        rows = found.get("data") if isinstance(found, dict) else None
        if not isinstance(rows, list):
            self._note("the server has no list of models at /models")
            return {}
        return {str(row["id"]): row for row in rows if isinstance(row, dict) and "id" in row}

    def _settle(self, wanted: Sequence[str]) -> tuple[str, Dialect]:
        """Return the first endpoint that answers, and the dialect with most words it takes."""
        said: list[Refused] = []
        for api in wanted:
            for dialect in Dialect:
                if dialect in (Dialect.PLAIN, Dialect.BARE):
                    how = Sampling(max_new_tokens=1)
                else:
                    how = TRIAL
                try:
                    self._send(_PATHS[api], self._asked(api, "A"), dialect, how, 1, 1)
                except Refused as refused:
                    said.append(refused)
                    if refused.status in _NO_FIELD:
                        continue
                    break
                if self._listed and self._model not in self._listed:
                    self._note("the server answers to this name, and does not list it")
                return api, dialect
        telling = next((each for each in said if self._is_of_model(each)), said[-1])
        raise ModelError(self._explained(telling, wanted))

    def _is_of_model(self, refused: Refused) -> bool:
        """Say whether it is the model that the server does not have, rather than a route."""
        named = f"'{self._model}'" in refused.words.replace("`", "'").replace('"', "'")
        return named or (refused.status == 404 and "model" in refused.words.lower())

    def _explained(self, refused: Refused, wanted: Sequence[str]) -> str:
        known = ", ".join(sorted(self._listed)[:10])
        listed = f" It lists: {known}." if known else ""
        if self._is_of_model(refused):
            return (
                f"{self._wire.url} does not answer for model '{self._model}' ({refused}).{listed} "
                "Name one that it serves with model=NAME."
            )
        if refused.status in _NO_ROUTE:
            paths = " and no ".join(_PATHS[api] for api in wanted)
            return (
                f"{self._wire.url} has no {paths} ({refused}).{listed} Does the URL end in the "
                "server's /v1?"
            )
        return f"{self._wire.url} refuses a plain question ({refused}).{listed}"

    def _continue(self, text: str, how: Sampling, copies: int, seed: int) -> Reply:
        path, body = self._address(text)
        try:
            return self._send(path, body, self.dialect, how, copies, seed)
        except Refused as refused:
            if copies > 1 and refused.status in _NO_FIELD:
                self._takes_n = False
                self._note("the server takes no 'n': each sample was a request with its own seed")
                return self._send(path, body, self.dialect, how, 1, seed)
            if refused.status in _NO_ROUTE:
                raise UnsupportedByServer(
                    f"{self._wire.url} has no {path} ({refused}), and the prompt needs it."
                ) from refused
            raise ModelError(
                f"{self._wire.url} refuses a prompt of {len(text)} characters with "
                f"{how.max_new_tokens} new tokens ({refused})."
            ) from refused

    def _send(
        self, path: str, asked: dict[str, Any], dialect: Dialect, how: Sampling, copies: int,
        seed: int,
    ) -> Reply:  # fmt: skip
        body = {**asked, **fields(dialect, how, copies, seed)}
        return self._wire.stream(path, body, read_stream)

    def _address(self, text: str) -> tuple[str, dict[str, Any]]:
        """Return where a prompt text goes, and the part of the request that holds it."""
        chat = messages_in(text)
        if chat is None:
            return _PATHS[self.api], self._asked(self.api, text)
        messages, add_prompt = chat
        body: dict[str, Any] = {"model": self._model, "messages": messages}
        if not add_prompt:
            # vLLM's words for an answer that is begun already.
            body |= {"add_generation_prompt": False, "continue_final_message": True}
        return _PATHS["chat"], body

    def _asked(self, api: str, text: str) -> dict[str, Any]:
        if api == "completions":
            return {"model": self._model, "prompt": text}
        return {"model": self._model, "messages": [{"role": "user", "content": text}]}

    def _note(self, text: str) -> None:
        self._notes[text] = None
