"""Talk HTTP to an OpenAI-compatible server: requests, event streams, patience and clear errors."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

import httpx

from slmbench.backends.openai_access import (
    KEY_VARIABLE,
    is_this_machine,
    key,
    retry_after_s,
    words,
)
from slmbench.errors import InputError, ModelError
from slmbench.schema.model_spec import ServerSpec
from slmbench.units import clock

Answer = TypeVar("Answer")
#: (seconds on `units.clock` when it was there, a JSON object of the server)
Event = tuple[float, dict[str, Any]]

_CONNECT_S = 10.0
_FIRST_WAIT_S = 0.5
#: A server that asks for a longer pause is not waited for.
_LONGEST_WAIT_S = 60.0
_BUSY = {408, 409, 425, 429, 500, 502, 503, 504}
_SHOWN_CHARACTERS = 300
#: llama-cpp-python's server says 500 where others say 400: it will say so again.
_REFUSALS = ("validation error", "is not supported", "exceed context window")


class Refused(Exception):
    """The server understood a request and won't answer it: no such route, model or field."""

    def __init__(self, status: int, words: str) -> None:
        """Take the HTTP status and what the server said."""
        super().__init__(f"{status}: {words}")
        self.status = status
        self.words = words


class _Again(Exception):
    """A request failed in a way that may pass; ``wait_s`` is what the server asks for."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class Wire:
    """A connection to one server.

    It follows no redirect, so a key never goes to another host. A proxy of the environment is used
    for other hosts only, never for this machine. The key is read from the environment and is taken
    out of everything that is shown.

    Args:
        url: the server's base, for example ``http://127.0.0.1:8000/v1``.
        server: time limit, retries and the variable that holds the key.

    Attributes:
        sent_again: requests that were sent once more.

    Raises:
        InputError: no URL; or the named variable is not set, or holds no key.
    """

    def __init__(self, url: str, server: ServerSpec) -> None:
        self.url = url.rstrip("/")
        self.sent_again = 0
        self._server = server
        self._lock = threading.Lock()
        self._reached = self._tells_ends = False
        try:
            host = httpx.URL(self.url).host
        except httpx.InvalidURL as error:
            raise InputError(f"'{self.url}' is no URL: {error}.") from error
        local = is_this_machine(host)
        self._key = key(server, local or self.url.startswith("https://"))
        self._client = httpx.Client(
            headers=self.headers,
            timeout=httpx.Timeout(server.timeout_s, connect=min(_CONNECT_S, server.timeout_s)),
            limits=httpx.Limits(max_connections=None),
            follow_redirects=False,
            trust_env=not local,
        )

    def get(self, path: str) -> Any | None:
        """Return the JSON value at a path, or None where the server has none; asked only once.

        Raises:
            ModelError: nobody answers, or wants a key, or sends no JSON.
        """
        try:
            with self._transport_errors(first=True):
                return self._json(self._client.get(self._at(path)))
        except (Refused, _Again):
            return None

    def post(
        self, path: str, body: dict[str, Any], read: Callable[[dict[str, Any]], Answer]
    ) -> Answer:
        """Return what ``read`` makes of the JSON object that answers a request.

        Raises:
            Refused: the server answers with an error that no waiting mends.
            ModelError: it can't be reached, wants a key, sends no JSON, or stays busy or broken.
        """

        def once() -> Answer:
            response = self._client.post(self._at(path), json=body)
            if response.status_code != 200:
                self._refuse(response)
            with self._forms():
                return read(self._unbroken(response.text))

        return self._patiently(f"POST {path}", once)

    def stream(
        self, path: str, body: dict[str, Any], read: Callable[[Iterator[Event]], Answer]
    ) -> Answer:
        """Return what ``read`` makes of the events that answer a request; raises as `post` does.

        A stream that breaks off is asked for again from its start, so ``read`` must begin anew.
        """

        def once() -> Answer:
            with self._client.stream("POST", self._at(path), json=body) as response:
                if response.status_code != 200:
                    response.read()
                    self._refuse(response)
                with self._forms():
                    return read(self._events(response))

        return self._patiently(f"POST {path}", once)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def clean(self, text: str) -> str:
        """Return a server's words on one line, short, and without the key."""
        if self._key:
            text = text.replace(self._key, "***")
        text = " ".join(text.split())
        return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + " ..."

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers that carry the key; empty without one."""
        return {"Authorization": f"Bearer {self._key}"} if self._key else {}

    def _at(self, path: str) -> str:
        return self.url + path

    def _patiently(self, what: str, attempt: Callable[[], Answer]) -> Answer:
        wait_s, reason = _FIRST_WAIT_S, ""
        for number in range(self._server.retries + 1):
            if number:
                with self._lock:
                    self.sent_again += 1
            try:
                with self._transport_errors(first=number == 0):
                    answer = attempt()
                self._reached = True
                return answer
            except _Again as again:
                reason = str(again)
                pause_s = wait_s if again.wait_s is None else again.wait_s
                if pause_s > _LONGEST_WAIT_S:
                    reason += f"; it asks to wait {pause_s:.0f} s"
                    break
                if number < self._server.retries:
                    time.sleep(pause_s)
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
        raise ModelError(
            f"{what} at {self.url} failed {number + 1} times; at last: {reason}. "
            "See the server's log; 'retries=' and a smaller 'batch_size=' may help."
        )

    @contextmanager
    def _transport_errors(self, first: bool) -> Iterator[None]:
        """Turn httpx's errors into ours; ``first`` is the first attempt of a request."""
        try:
            yield
        except httpx.ConnectError as error:
            if self._reached:
                raise _Again(f"no connection ({self.clean(str(error))})") from error
            raise ModelError(
                f"Nobody answers at {self.url} ({self.clean(str(error))}). Start the server, or "
                "correct the URL."
            ) from error
        except httpx.TimeoutException as error:
            raise ModelError(
                f"{self.url} was silent for {self._server.timeout_s:g} s. Raise timeout_s=, or "
                "see the server's log."
            ) from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            said = self.clean(str(error)) or type(error).__name__
            # A connection that was kept open may be closed by now: a new one need not wait.
            raise _Again(f"the connection broke off ({said})", 0.0 if first else None) from error

    @contextmanager
    def _forms(self) -> Iterator[None]:
        """Tell of an answer that has not the parts that OpenAI's have."""
        try:
            yield
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"{self.url} answers in another form than OpenAI's ({self.clean(repr(error))}). Is "
                "it an OpenAI-compatible server?"
            ) from error

    def _json(self, response: httpx.Response) -> Any:
        if response.status_code != 200:
            self._refuse(response)
        return self._parsed(response.text)

    def _parsed(self, text: str) -> Any:
        try:
            return json.loads(text)
        except ValueError as error:
            raise ModelError(
                f"{self.url} answers with what is not JSON: '{self.clean(text)}'. Is it an "
                "OpenAI-compatible server, and does the URL end in its /v1?"
            ) from error

    def _refuse(self, response: httpx.Response) -> NoReturn:
        """Raise what an answer other than 200 means."""
        status, said = response.status_code, self.clean(words(response.text))
        if status in (401, 403):
            variable = self._server.key_env or KEY_VARIABLE
            state = "holds another key" if self._key else "is not set, or not for plain HTTP"
            raise ModelError(
                f"{self.url} refuses access ({status}: {said}). It wants a key, and the "
                f"environment variable {variable} {state}."
            )
        if response.is_redirect:
            place = self.clean(response.headers.get("location", "nowhere"))
            raise ModelError(
                f"{self.url} redirects to {place}, and no redirect is followed. Name that address "
                "if it is the right one."
            )
        if status == 500 and any(each in said for each in _REFUSALS):
            raise Refused(400, said)
        if status in _BUSY or status >= 500:
            raise _Again(f"{status}: {said}", retry_after_s(response.headers.get("retry-after")))
        raise Refused(status, said)

    def _events(self, response: httpx.Response) -> Iterator[Event]:
        """Yield the JSON objects of a stream, each with when it was there."""
        if "event-stream" not in response.headers.get("content-type", ""):
            # A server that knows no streams sends one whole answer.
            whole = response.read().decode("utf-8", "replace")
            yield clock(), self._unbroken(whole)
            return
        ended, data = False, ""
        for line in response.iter_lines():
            if not line.startswith("data:"):
                continue
            now, data = clock(), line.removeprefix("data:").strip()
            if data == "[DONE]":
                break
            found = self._unbroken(data)
            ended = ended or any(each.get("finish_reason") for each in found.get("choices") or ())
            yield now, found
        self._tells_ends = self._tells_ends or ended
        # A server that cuts a request off for another one still says that all is done.
        if not ended and (data != "[DONE]" or self._tells_ends):
            raise _Again("the stream broke off before its end")

    def _unbroken(self, data: str) -> dict[str, Any]:
        found = self._parsed(data)
        if not isinstance(found, dict):
            raise ModelError(f"{self.url} answers with JSON that is no object.")
        if found.get("error"):
            raise _Again(f"the server gave up: {self.clean(words(data))}")
        return found
