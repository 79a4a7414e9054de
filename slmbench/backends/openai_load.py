"""Ask a server many questions at once and keep the time of every token.

It speaks HTTP/1.1 over asyncio's own transports, with h11 to read and write messages. Two ready
generators were looked at first. guidellm brings a benchmark of its own around its client. httpx
was tried against a server with known delays: it added 2 ms to the first token at 10 requests a
second, and at 150 a second the answers stood 600 ms in its queue; this one added 0.6 ms and 4 ms
in the same place. So the time of a token is taken where its bytes arrive, before anything is read
of them. No proxy of the environment is used, no redirect is followed, nothing is asked twice: what
a server fails to answer is a failure, and counted.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import h11
import httpx

from slmbench.backends.openai_access import words
from slmbench.backends.openai_asking import Asking
from slmbench.backends.openai_connection import Answer, Broken, Connection
from slmbench.backends.openai_replies import Reply, read_stream
from slmbench.backends.openai_text import Texts
from slmbench.backends.openai_wire import Event, Wire
from slmbench.errors import UnsupportedByServer
from slmbench.ports import Sampling, TimedReply, Tokens
from slmbench.units import clock

_CONNECT_S = 10.0
#: Connections that lie ready; more would take up servers that give each a thread of its own.
_SPARE = 2
#: A new one is opened so long after it was missed, when those who came together are on their way.
_LATER_S = 0.01
_OK = 200


@dataclass(frozen=True)
class Came:
    """What came of a request, not read yet: its answer, or why there is none."""

    sent_s: float
    end_s: float
    answer: Answer | None
    failure: str | None = None


class OpenAILoad:
    """A client of one event loop; see `slmbench.ports.LoadClient`.

    Args:
        wire: to the server: its address and key.
        asking: the endpoint and the dialect that were found out.
        texts: turn token ids into the text to send.
        silence_s: how long the server may be silent.
    """

    def __init__(self, wire: Wire, asking: Asking, texts: Texts, silence_s: float) -> None:
        self._wire = wire
        self._asking = asking
        self._texts = texts
        self._silence_s = silence_s
        self._url = httpx.URL(wire.url)
        is_safe = self._url.scheme == "https"
        self._ssl = httpx.create_ssl_context() if is_safe else None
        self._port = self._url.port or (443 if is_safe else 80)
        self._idle: list[Connection] = []
        self._opening: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> OpenAILoad:
        """Open connections for the first who come, and return the client."""
        await asyncio.gather(*(self._open_spare() for _ in range(_SPARE)))
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the connections that no request uses."""
        for task in self._opening:
            task.cancel()
        for connection in self._idle:
            connection.close()
        self._idle.clear()
        # What was closed is cleaned up by the loop's next turn.
        await asyncio.sleep(0)

    def prepare(self, prompt: Tokens, how: Sampling) -> bytes:
        """Return the bytes of a request.

        Raises:
            UnsupportedByServer: there is no tokenizer to count the prompt's tokens with, or the
                server has no word for a setting.
        """
        if self._texts.tokenizer is None:
            raise UnsupportedByServer(
                "A workload has exact numbers of tokens, and the server's tokens aren't known "
                "here. Name the model's tokenizer: tokenizer=FOLDER."
            )
        path, asked = self._asking.request(self._texts.prompt(prompt), how)
        body = json.dumps(asked, allow_nan=False).encode()
        headers = {
            "Host": self._url.netloc.decode("ascii"),
            "Accept": "text/event-stream",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **self._wire.headers,
        }
        target = httpx.URL(self._wire.url + path).raw_path
        head = h11.Request(method="POST", target=target, headers=list(headers.items()))
        parts = [head, h11.Data(data=body), h11.EndOfMessage()]
        wire = h11.Connection(h11.CLIENT)
        return b"".join(wire.send(part) or b"" for part in parts)

    async def ask(self, request: bytes) -> Came:
        """Send a request now, on an idle connection or a new one, and return what came of it."""
        sent_s = clock()
        try:
            answer = await self._exchange(request)
        except (TimeoutError, Broken, OSError) as error:
            return Came(sent_s, clock(), None, self._said(error))
        if answer.status != _OK:
            refused = Broken(f"{answer.status}: {words(answer.text)}")
            return Came(sent_s, clock(), answer, self._said(refused))
        return Came(sent_s, clock(), answer)

    def read(self, came: Came) -> TimedReply:
        """Return the times of what came; an answer that can't be read is a failure."""
        reply: Reply | None = None
        failure = came.failure
        if failure is None and came.answer is not None:
            try:
                reply = read_stream(iter(list(_events(came.answer))))
            except Broken as error:
                failure = self._said(error)
            except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
                failure = self._said(Broken(f"the answer is not in OpenAI's form ({error!r})"))
        written = None if reply is None else reply.written.get(0)
        if written is None or not written.times_s:
            failure = failure or "the answer held no text"
            return TimedReply(came.sent_s, came.end_s, failure=failure)
        times = tuple(written.times_s)
        return TimedReply(came.sent_s, times[-1], times, len(written.pieces))

    async def _exchange(self, request: bytes) -> Answer:
        while self._idle:
            connection = self._idle.pop()
            if len(self._idle) < _SPARE:
                self._opening.add(task := asyncio.ensure_future(self._open_spare()))
                task.add_done_callback(self._opening.discard)
            if not connection.is_open:
                continue
            try:
                return await self._used(connection, request)
            except Broken as broken:
                # The server closed it while it lay idle, so it never saw this request.
                if not broken.is_stale:
                    raise
        return await self._used(await self._connected(), request)

    async def _used(self, connection: Connection, request: bytes) -> Answer:
        answer = await connection.exchange(request, self._silence_s)
        if connection.is_open:
            self._idle.append(connection)
        return answer

    async def _connected(self) -> Connection:
        loop = asyncio.get_running_loop()
        made = loop.create_connection(Connection, self._url.host, self._port, ssl=self._ssl)
        _, connection = await asyncio.wait_for(made, _CONNECT_S)
        return connection

    async def _open_spare(self) -> None:
        """Open a connection for who comes next, so that few wait for one to be made."""
        await asyncio.sleep(_LATER_S)
        # A server that can't be reached is told by the request that needs it.
        with suppress(TimeoutError, OSError):
            self._idle.append(await self._connected())

    def _said(self, error: BaseException) -> str:
        return self._wire.clean(str(error)) or type(error).__name__


def _events(answer: Answer) -> Iterator[Event]:
    """Yield the JSON objects of an answer, each with when its last byte was there."""
    if "event-stream" not in answer.kind:
        # A server that knows no streams sends one whole answer.
        yield answer.parts[-1][0], json.loads(answer.text)
        return
    rest, ended = b"", False
    for now, data in answer.parts:
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            if not line.startswith(b"data:"):
                continue
            said = line.removeprefix(b"data:").strip()
            if said == b"[DONE]":
                return
            event: dict[str, Any] = json.loads(said)
            if event.get("error"):
                raise Broken(f"the server gave up: {words(said.decode('utf-8', 'replace'))}")
            ended = ended or any(each.get("finish_reason") for each in event.get("choices") or ())
            yield now, event
    if not ended:
        raise Broken("the stream broke off before its end")
